"""Static files as a site collects them."""

import re

from django.contrib.staticfiles.management.commands.collectstatic import Command as CollectStatic
from django.core.management import call_command

from lipsyncweb.storage import UncompressedModulesStorage


def test_every_file_is_collected_and_modules_import_each_other_by_hashed_names(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path
    command = CollectStatic()
    command.storage = UncompressedModulesStorage(location=tmp_path)
    call_command(command, interactive=False, verbosity=0)
    imports = re.findall(
        r'from "\./([^"]+)"', "".join(path.read_text() for path in (tmp_path / "js").glob("generate.*.js"))
    )
    assert imports
    for name in imports:
        assert re.fullmatch(r"\w+\.[0-9a-f]{12}\.js", name)
        assert (tmp_path / "js" / name).exists()
