"""`seconds` of an estimate: the lengths that a caller says its files have."""

from typing import Any

from django.utils.translation import gettext as _

from jobs.api import strict
from jobs.catalog import ModelSpec
from jobs.problems import FieldProblem, Invalid

LONGEST = 86_400  # seconds that a caller may say its file has


def read(spec: ModelSpec, body: dict[str, Any]) -> dict[str, float]:
    """The lengths that the caller says its files have, by field of formState."""
    found = body.get("seconds")
    if found is None or found == "":
        return {}
    if not isinstance(found, dict):
        raise strict.wrong("seconds", "wrong_type", _("seconds must be an object: field to length."))
    timed = names(spec)
    problems = [
        FieldProblem(f"seconds.{problem.field}", problem.code, problem.message)
        for problem in strict.unknown(found, timed)
    ]
    problems += [problem for name in timed if (problem := _wrong_length(name, found.get(name)))]
    if problems:
        raise Invalid(problems)
    return {name: float(value) for name, value in found.items() if value is not None}


def names(spec: ModelSpec) -> list[str]:
    """The fields whose files have a length."""
    return [field.name for field in spec.media_fields if field.kind in ("audio", "video")]


def _wrong_length(name: str, value: Any) -> FieldProblem | None:
    path = f"seconds.{name}"
    if value is None:
        return None
    if type(value) not in (int, float):
        return FieldProblem(path, "wrong_type", _("%(path)s must be a number of seconds.") % {"path": path})
    if not 0 < value <= LONGEST:
        sentence = _("%(path)s must be more than 0 and at most %(most)s.")
        return FieldProblem(path, "out_of_range", sentence % {"path": path, "most": LONGEST})
    return None
