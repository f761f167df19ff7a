"""The Russian catalogue is complete, compiled, and holds every message that templates and code ask for."""

import ast
import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils.translation import gettext, ngettext, override, pgettext
from django.utils.translation.template import templatize

ROOT = Path(settings.BASE_DIR)
CATALOGUE = ROOT / "locale" / "ru" / "LC_MESSAGES" / "django.po"
KEYWORDS = {"_": None, "gettext": None, "gettext_lazy": None, "gettext_noop": None, "ngettext": (1, 2)}
TEMPLATE_CALL = re.compile(r"""\b(?:_|n?gettext)\(u?("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""", re.DOTALL)


@pytest.fixture(scope="module")
def catalogue():
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="ru")


def sources() -> list[Path]:
    code = [path for folder in ("accounts", "jobs", "lipsyncweb") for path in (ROOT / folder).rglob("*.py")]
    texts = [path for path in (ROOT / "templates").rglob("*.*") if path.suffix in (".html", ".txt")]
    return sorted(path for path in code if "migrations" not in path.parts) + sorted(texts)


def asked_for(path: Path) -> set[str]:
    """Singular forms of all messages that a file asks for."""
    if path.suffix in (".html", ".txt"):
        # Django turns a template into something like code: calls with literals between rows of X.
        calls = TEMPLATE_CALL.findall(templatize(path.read_text(), origin=str(path)))
        return {ast.literal_eval(literal) for literal in calls}
    found = [message for _line, message, *_rest in extract_from_file("python", path, keywords=KEYWORDS)]
    return {message[0] if isinstance(message, tuple) else message for message in found} - {""}


def test_catalogue_holds_every_message(catalogue):
    known = {message.id[0] if isinstance(message.id, tuple) else message.id for message in catalogue}
    missing = {
        (message, path.name) for path in sources() for message in asked_for(path) if message not in known
    }
    assert len(known) > 300
    assert not missing, "Run manage.py makemessages -l ru and translate what is new."


def test_nothing_is_untranslated_or_doubtful(catalogue):
    for message in catalogue:
        if not message.id:
            continue
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(forms), message.id
        assert not message.fuzzy, message.id


def test_placeholders_and_tags_survive(catalogue):
    pattern = re.compile(r"%(?:\(\w+\))?[sd]|%\(\w+\)\.0f|</?\w+")
    for message in catalogue:
        if not message.id:
            continue
        wanted = set(pattern.findall(message.id[-1] if isinstance(message.id, tuple) else message.id))
        for form in message.string if isinstance(message.string, tuple) else (message.string,):
            assert set(pattern.findall(form)) == wanted, message.id


def test_compiled_catalogue_is_the_written_one(catalogue):
    with override("ru"):
        for message in catalogue:
            if isinstance(message.id, tuple):
                forms = [ngettext(*message.id, number) for number in (1, 2, 5)]
                assert tuple(forms) == message.string[:3], message.id
            elif message.context:
                assert pgettext(message.context, message.id) == message.string, message.id
            elif message.id:
                assert gettext(message.id) == message.string, message.id
