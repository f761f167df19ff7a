"""How static files are named: with a hash of their contents, in the imports of our JavaScript modules too."""

from typing import Any

from django.contrib.staticfiles.storage import HashedFilesMixin
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage

FOLDERS_OF_PAGES = ("css/", "js/", "img/", "django_htmx/")


class _OwnModules(HashedFilesMixin):
    support_js_module_import_aggregation = True
    # Ours alone: in those of packages a comment can look like an import of a file that is not there.
    _js_module_import_aggregation_patterns = (
        "js/*.js",
        HashedFilesMixin._js_module_import_aggregation_patterns[1],
    )


class ModulesStorage(_OwnModules, CompressedManifestStaticFilesStorage):
    """What a site serves."""


class QuickModulesStorage(ModulesStorage):
    """The same names and manifest for a site on this machine, with gzip alone and for what our own pages load.

    Brotli, and the files of the operator's pages and the API explorer, would hold the first start up for 15 seconds.
    """

    def create_compressor(self, **options: Any) -> Compressor:
        return _OfPages(use_brotli=False, **options)


class _OfPages(Compressor):
    def should_compress(self, filename: str) -> bool:
        return filename.startswith(FOLDERS_OF_PAGES) and super().should_compress(filename)
