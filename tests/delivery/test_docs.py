"""What is written down agrees with what runs."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from django.conf import settings as site_settings

from jobs import catalog
from lipsyncweb.run import commands

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = (ROOT / "docs/settings.md").read_text()


def rows(page: str) -> set[str]:
    """The names in the first column of a page's tables."""
    return set(re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE))


def variables_read() -> set[str]:
    found = set(re.findall(r'\benv\.\w+\(\s*"(\w+)"', (ROOT / "lipsyncweb/settings.py").read_text()))
    for path in (ROOT / "lipsyncweb").glob("*.py"):
        found |= set(re.findall(r'os\.environ(?:\.get\(|\[)"(\w+)"', path.read_text()))
    return found


def test_every_variable_that_is_read_is_documented_and_no_other():
    assert rows(SETTINGS) == variables_read()


def test_documented_proxy_takes_the_largest_file_that_the_site_takes():
    page = (ROOT / "docs/operators.md").read_text()
    megabytes = int(re.search(r"client_max_body_size (\d+)m;", page).group(1))
    assert f"bodies of {megabytes} MB" in page
    largest = max(
        site_settings.MEDIA_MAX_VIDEO_BYTES,
        site_settings.MEDIA_MAX_AUDIO_BYTES,
        site_settings.MEDIA_MAX_IMAGE_BYTES,
    )
    assert largest < megabytes * 2**20 < largest + 50_000_000  # nginx counts in powers of two


def dependencies() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = list(project["project"]["dependencies"])
    for group in (
        *project["project"]["optional-dependencies"].values(),
        *project["dependency-groups"].values(),
    ):
        wanted += group
    return {re.match(r"[\w-]+", each).group() for each in wanted}


def test_every_dependency_is_justified_and_no_other():
    assert rows((ROOT / "docs/dependencies.md").read_text()) == dependencies()


@pytest.mark.parametrize("lock", sorted(ROOT.glob("requirements*.lock")), ids=lambda path: path.name)
def test_locks_hold_hashes_and_no_addresses(lock):
    text = lock.read_text()
    assert "http" not in text.replace("pytest-httpserver", "").replace("httpx", "").replace("httpcore", "")
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert blocks
    for block in blocks:
        assert re.match(r"[\w.-]+==\S+", block), block
        assert "--hash=sha256:" in block


def test_locks_hold_every_dependency_and_none_of_what_is_left_out():
    names = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements-browser.lock").read_text(), re.MULTILINE))
    assert dependencies() - {"uv"} <= names
    assert not names & {"jax", "jaxlib", "sentencepiece", "sounddevice", "opencv-contrib-python", "scipy"}


def test_larger_locks_hold_the_smaller_ones():
    runtime, test, browser = (
        set(re.findall(r"^([\w.-]+==\S+)", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements.lock", "requirements-test.lock", "requirements-browser.lock")
    )
    assert runtime < test < browser


def test_procfile_starts_what_make_run_starts():
    lines = (ROOT / "deploy/Procfile").read_text().splitlines()
    written = {line.split(":", 1)[0]: shlex.split(line.split(":", 1)[1]) for line in lines}
    started = {command.name: list(command.words) for command in commands(site_settings)}
    assert list(written) == list(started)
    for name, words in started.items():
        after_module = words[words.index("-m") + 1 :]
        assert {word for word in written[name][2:] if "schedule" not in word} == {
            word for word in after_module if "schedule" not in word
        }


def test_api_page_lists_every_field_of_every_model():
    page = (ROOT / "docs/api.md").read_text()
    for spec in catalog.MODELS.values():
        assert f"POST /api/v1/{spec.slug}`" in page
        assert {field.name for field in spec.fields} <= rows(page)


def test_api_page_prints_the_fields_of_the_real_document():
    page = (ROOT / "docs/api.md").read_text()
    example = json.loads(re.search(r"```json\n(\{\n  \"id\".*?)```", page, re.DOTALL).group(1))
    wire = (ROOT / "jobs/wire.py").read_text()
    assert set(example) == set(re.findall(r'^        "(\w+)":', wire, re.MULTILINE))


def test_api_page_names_every_request():
    page = (ROOT / "docs/api.md").read_text() + (ROOT / "docs/webhooks.md").read_text()
    for path in json.loads((ROOT / "jobs/api/openapi.json").read_text())["paths"]:
        short = re.sub(r"\{\w+\}", "{id}", path.removeprefix("/api/v1"))
        if not short.endswith("/estimate"):
            assert f"{short}`" in page, path


def test_no_link_between_the_pages_is_broken():
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
