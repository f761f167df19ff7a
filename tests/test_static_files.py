"""Static files as a site collects them."""

import gzip
import re

import pytest
from django.contrib.staticfiles.management.commands.collectstatic import Command as CollectStatic
from django.core.management import call_command
from django.test import override_settings

from lipsyncweb.storage import QuickModulesStorage


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("static")
    command = CollectStatic()
    command.storage = QuickModulesStorage(location=folder)
    with override_settings(STATIC_ROOT=folder):
        call_command(command, interactive=False, verbosity=0)
    return folder


def test_modules_import_each_other_by_hashed_names(collected):
    imports = re.findall(
        r'from "\./([^"]+)"', "".join(path.read_text() for path in (collected / "js").glob("generate.*.js"))
    )
    assert imports
    for name in imports:
        assert re.fullmatch(r"\w+\.[0-9a-f]{12}\.js", name)
        assert (collected / "js" / name).exists()


def test_what_a_page_loads_lies_compressed_on_a_site_of_this_machine(collected):
    [whole] = (collected / "css").glob("components.????????????.css")
    packed = whole.with_name(f"{whole.name}.gz")
    assert gzip.decompress(packed.read_bytes()) == whole.read_bytes()
    assert packed.stat().st_size < whole.stat().st_size / 2
    assert list((collected / "django_htmx").glob("htmx*.js.gz"))
    assert not list((collected / "admin").rglob("*.gz"))
