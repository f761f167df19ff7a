"""How static files are named: with a hash of their contents, in the imports of our JavaScript modules too."""

from django.contrib.staticfiles.storage import HashedFilesMixin, ManifestStaticFilesStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage


class _OwnModules(HashedFilesMixin):
    support_js_module_import_aggregation = True
    # Ours alone: in those of packages a comment can look like an import of a file that is not there.
    _js_module_import_aggregation_patterns = (
        "js/*.js",
        HashedFilesMixin._js_module_import_aggregation_patterns[1],
    )


class ModulesStorage(_OwnModules, CompressedManifestStaticFilesStorage):
    """What a site serves."""


class UncompressedModulesStorage(_OwnModules, ManifestStaticFilesStorage):
    """The same names and manifest, for a site on this machine: compressing takes 40 seconds and gains nothing there."""
