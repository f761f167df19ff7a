"""The page that shows the design: nothing of the style sheets is missing on it."""

import re
from pathlib import Path

import pytest
from django.conf import settings as site
from django.urls import reverse

from jobs.views import design

STATIC = Path(site.BASE_DIR) / "static"
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
CLASS = re.compile(r"\.([a-z][\w-]*)")

pytestmark = pytest.mark.django_db


@pytest.fixture
def shown(client) -> str:
    return client.get(reverse("design")).content.decode()


def shown_on(page: str) -> set[str]:
    return {name for names in re.findall(r'class="([^"]*)"', page) for name in names.split()}


def test_every_component_is_on_the_page(shown):
    css = COMMENT.sub("", (STATIC / "css" / "components.css").read_text())
    selectors = " ".join(re.findall(r"([^{}]*)\{", css))
    # What its scripts put there: a sound's wave, the tabs' list.
    scripts = "".join((STATIC / "js" / name).read_text() for name in ("sound.js", "tabs.js"))
    made = set(re.findall(r'"([\w-]+)"', scripts))
    assert set(CLASS.findall(selectors)) - shown_on(shown) - made == set()


def test_every_token_and_icon_is_named(shown):
    declared = re.findall(r"^\s+--([\w-]+):", (STATIC / "css" / "tokens.css").read_text(), re.MULTILINE)
    assert len(declared) > 50
    assert [name for name in declared if f"<code>--{name}</code>" not in shown] == []
    assert [name for name in design.icons() if f"<code>{name}</code>" not in shown] == []


def test_every_token_that_is_used_is_declared():
    declared = {token.name for token in design.tokens()}
    local = {"gap"}  # set and read by one component
    used = set()
    for sheet in (STATIC / "css").glob("*.css"):
        text = sheet.read_text()
        local |= set(re.findall(r"[{;\s]--([\w-]+):", text))
        used |= set(re.findall(r"var\(--([\w-]+)", text))
    assert used - declared - local == set()


def test_every_icon_that_is_used_is_drawn():
    templates = (Path(site.BASE_DIR) / "templates").rglob("*.html")
    text = "".join(path.read_text() for path in templates)
    assert set(re.findall(r'ui/icon\.html" with name="(\w+)"', text)) - set(design.icons()) == set()


def test_search_engines_are_told_to_leave_it_out(client, shown):
    assert client.get(reverse("design"))["X-Robots-Tag"] == "noindex"
    assert '<meta name="robots" content="noindex">' in shown
