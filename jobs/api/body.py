"""Reading a JSON body strictly: what two parsers could read in two ways is refused."""

import json
from typing import Any, NoReturn

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.utils.translation import gettext as _

from jobs.api import strict
from jobs.api.errors import ApiError
from jobs.problems import Invalid

DEEPEST = 32  # objects and arrays inside one another: what is deeper could be read here and not written later


def read_object(request: HttpRequest) -> dict[str, Any]:
    """The request's JSON object. Raises ApiError 400, 413 or 415."""
    if request.content_type != "application/json":
        raise ApiError(415, "not_json", _("Send the body as JSON, with Content-Type: application/json."))
    raw = _raw(request)
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_number,
        )
        _refuse_deep(value)
        # A lone surrogate can be parsed and then neither stored nor sent.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise ApiError(
            400, "malformed_json", _("The body is not valid JSON: %(why)s") % {"why": _why(error)}
        ) from None
    if not isinstance(value, dict):
        raise ApiError(400, "malformed_json", _("The body must be a JSON object."))
    return value


def read_nothing(request: HttpRequest) -> None:
    """For a request that takes no parameters: no body, or an empty object."""
    if _raw(request).strip() and (problems := strict.unknown(read_object(request), ())):
        raise Invalid(problems)


def _raw(request: HttpRequest) -> bytes:
    try:
        return request.body
    except RequestDataTooBig:
        raise ApiError(413, "too_large", _("The request's body is too large.")) from None


def _refuse_deep(value: Any) -> None:
    level = [value]
    for _depth in range(DEEPEST):
        level = [
            item
            for each in level
            if isinstance(each, dict | list)
            for item in (each.values() if isinstance(each, dict) else each)
        ]
    if level:
        raise RecursionError


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(_("an object names the same key twice."))
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(_("%(name)s is not a JSON value.") % {"name": name})


def _number(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(_("a number is too large."))
    return value


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return _("line %(line)s, column %(column)s.") % {"line": error.lineno, "column": error.colno}
    if isinstance(error, UnicodeError):
        return _("it is not UTF-8 text.")
    if isinstance(error, RecursionError):
        return _("it is nested too deeply.")
    return str(error)[:200]
