"""Reading names and values exactly: what is not known is refused, with the nearest name that is."""

import uuid
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from difflib import get_close_matches
from itertools import islice
from typing import Any, TypeVar

from django.http import HttpRequest
from django.utils.translation import gettext as _

from jobs import cursors
from jobs.form_state import SHOWN_AT_MOST
from jobs.problems import FieldProblem, Invalid

T = TypeVar("T")
SHOWN = 120  # characters of a name that is not ours
MOST_A_PAGE, DEFAULT_A_PAGE = 100, 20


def unknown(names: Iterable[str], known: Collection[str]) -> list[FieldProblem]:
    """A problem for each name that is not known, and not more of them than anybody reads."""
    found = (name for name in names if name not in known)
    return [_unknown(name, known) for name in islice(found, SHOWN_AT_MOST)]


def _unknown(name: str, known: Collection[str]) -> FieldProblem:
    shown = name[:SHOWN]
    near = get_close_matches(name[:60], list(known), n=1, cutoff=0.65)
    if near:
        sentence = _("%(name)s is not a field of this request; did you mean %(near)s?")
        return FieldProblem(shown, "unknown_field", sentence % {"name": shown, "near": near[0]})
    if not known:
        return FieldProblem(
            shown, "unknown_field", _("%(name)s: this request takes no parameters.") % {"name": shown}
        )
    sentence = _("%(name)s is not a field of this request; it takes: %(known)s.")
    return FieldProblem(shown, "unknown_field", sentence % {"name": shown, "known": ", ".join(known)})


def text(values: dict[str, Any], name: str) -> str:
    """An optional string; null and "" count as absent."""
    found = values.get(name)
    found = "" if found is None else found
    if not isinstance(found, str):
        raise wrong(name, "wrong_type", _("%(name)s must be a string.") % {"name": name})
    return found


def wrong(name: str, code: str, sentence: str) -> Invalid:
    return Invalid([FieldProblem(name, code, sentence)])


def query(request: HttpRequest, readers: dict[str, Callable[[str, str], T]]) -> dict[str, T]:
    """The query parameters, each by its reader. A reader takes the name and the text and raises Invalid.

    A name that is not there, or is empty, has no entry; one that is unknown or comes twice is refused.
    """
    problems = unknown(request.GET, readers)
    found = {}
    for name, texts in request.GET.lists():
        if name not in readers:
            continue
        try:
            if len(texts) > 1:
                raise wrong(name, "invalid", _("%(name)s may be given once.") % {"name": name})
            if texts[0]:
                found[name] = readers[name](name, texts[0])
        except Invalid as invalid:
            problems += invalid.fields
    if problems:
        raise Invalid(problems)
    return found


def no_query(request: HttpRequest) -> None:
    query(request, {})


def limit(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MOST_A_PAGE):
        sentence = _("%(path)s must be from %(low)s to %(high)s.")
        raise wrong(name, "out_of_range", sentence % {"path": name, "low": 1, "high": MOST_A_PAGE})
    return int(text)


def choice(*choices: str) -> Callable[[str, str], str]:
    def read(name: str, text: str) -> str:
        if text not in choices:
            sentence = _("%(path)s must be one of: %(choices)s.")
            raise wrong(name, "not_a_choice", sentence % {"path": name, "choices": ", ".join(choices)})
        return text

    return read


def moment(name: str, text: str) -> datetime:
    try:
        # A + that was not escaped has become a space.
        found = datetime.fromisoformat(text.replace(" ", "+"))
        if found.tzinfo is None:
            raise ValueError(text)
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        sentence = _("%(name)s must be a time with its offset, such as 2026-01-31T12:00:00Z.")
        raise wrong(name, "invalid", sentence % {"name": name}) from None


def position(name: str, text: str) -> tuple[datetime, uuid.UUID]:
    """A cursor of a list of ours."""
    try:
        return cursors.decode(text)
    except ValueError:
        sentence = _("%(name)s is not one that this site gave; begin without it.")
        raise wrong(name, "invalid", sentence % {"name": name}) from None
