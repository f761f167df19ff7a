"""How static files are named."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ModulesStorage(CompressedManifestStaticFilesStorage):
    """Names that carry a hash of the contents, in the imports of our JavaScript modules too."""

    support_js_module_import_aggregation = True
