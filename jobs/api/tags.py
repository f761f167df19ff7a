"""`reference` and `metadata`: what a client may say beside its parameters, and how much of it."""

import json
from typing import Any

from django.utils.translation import gettext as _

from jobs.api.strict import text, wrong
from jobs.submit import Tag

REFERENCE_LENGTH = 200
METADATA_KEYS = 16
METADATA_BYTES = 4000
METADATA_NUMBER = 2**53 - 1  # a whole number up to here is the same in every language
METADATA_FRACTION = (
    1e-15  # a number other than 0 that is nearer to it takes many times its room in PostgreSQL
)
METADATA_DEPTH = 5  # objects and arrays inside one another, the outermost counted


def read(body: dict[str, Any]) -> Tag:
    """The client's own name and notes for a job. Raises Invalid."""
    return Tag(reference=reference("reference", text(body, "reference")), metadata=_metadata(body))


def reference(name: str, found: str) -> str:
    """`found` as a reference, or Invalid for the field of this name."""
    if len(found) > REFERENCE_LENGTH:
        sentence = _("%(path)s must be at most %(length)s characters long.")
        raise wrong(name, "too_long", sentence % {"path": name, "length": REFERENCE_LENGTH})
    if not found.isprintable():
        raise wrong(name, "invalid", _("%(name)s must be printable characters.") % {"name": name})
    return found


def _metadata(body: dict[str, Any]) -> dict[str, Any]:
    found = body.get("metadata")
    if found is None or found == "":
        return {}
    if not isinstance(found, dict):
        raise wrong("metadata", "wrong_type", _("metadata must be an object."))
    if len(found) > METADATA_KEYS:
        sentence = _("metadata may have at most %(most)s keys.") % {"most": METADATA_KEYS}
        raise wrong("metadata", "too_long", sentence)
    if not _fits(found, METADATA_DEPTH):
        sentence = _("metadata may be nested %(most)s deep and holds no NUL characters.")
        raise wrong("metadata", "invalid", sentence % {"most": METADATA_DEPTH})
    if not _is_exact(found):
        sentence = _(
            "Numbers in metadata may have a size from %(least)s to %(most)s, or be 0; send others as text."
        )
        bounds = {"least": METADATA_FRACTION, "most": METADATA_NUMBER}
        raise wrong("metadata", "out_of_range", sentence % bounds)
    if len(json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()) > METADATA_BYTES:
        sentence = _("metadata must be at most %(most)s bytes of JSON.") % {"most": METADATA_BYTES}
        raise wrong("metadata", "too_long", sentence)
    return found


def _fits(value: Any, depth: int) -> bool:
    """Whether every database can keep it. PostgreSQL stores no NUL."""
    if isinstance(value, str):
        return "\0" not in value
    if not isinstance(value, dict | list):
        return True
    if depth == 0:
        return False
    inner = [*value, *value.values()] if isinstance(value, dict) else value
    return all(_fits(item, depth - 1) for item in inner)


def _is_exact(value: Any) -> bool:
    """Whether every number is one that clients read alike and databases keep short: PostgreSQL writes 309 digits for
    1e308."""
    if isinstance(value, dict | list):
        return all(map(_is_exact, value.values() if isinstance(value, dict) else value))
    if not isinstance(value, int | float) or value == 0:
        return True
    return METADATA_FRACTION <= abs(value) <= METADATA_NUMBER
