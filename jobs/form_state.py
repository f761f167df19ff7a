"""The frozen, versioned value that the HTML form and the API both become."""

import hashlib
import json
import uuid
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice
from typing import Any

from django.utils.translation import gettext as _
from pydantic import ValidationError

from jobs import catalog
from jobs.catalog.base import ModelSpec
from jobs.problems import FieldProblem, Invalid
from lipsyncweb.http.outbound import Refused, check_address, policy_from_settings

VERSION = 1
SHOWN_AT_MOST = 20  # problems in one answer
UPLOAD_PREFIX = "upload:"

__all__ = ["FormState", "Invalid", "build", "upload_id", "upload_value"]


@dataclass(frozen=True)
class FormState:
    """A model's validated parameters, defaults filled in. Media values are addresses or `upload:<uuid>`."""

    model: str
    values: dict[str, Any] = field(hash=False)

    @property
    def spec(self) -> ModelSpec:
        return catalog.get(self.model)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what was asked for, the same for equal requests."""
        text = json.dumps([VERSION, self.model, self.values], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self, *, label: str = "", provider: str = "") -> dict[str, Any]:
        """As a job keeps it: with its name, and who was asked to make it, for those who run it again."""
        wish = {"provider": provider} if provider else {}
        return {"version": VERSION, "model": self.model, "values": self.values, "label": label, **wish}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "FormState":
        return cls(model=data["model"], values=data["values"])


def build(spec: ModelSpec, values: Any) -> FormState:
    """Validate `values` by the catalog's declaration, or raise Invalid with every field that is wrong.

    Addresses are judged by their text alone here; names are looked up when they are fetched.
    """
    if not isinstance(values, dict):
        raise Invalid([FieldProblem("formState", "wrong_type", _("formState must be an object."))])
    try:
        parsed = spec.parameters.model_validate(values)
    except ValidationError as error:
        found = islice(error.errors(include_url=False, include_input=False), SHOWN_AT_MOST)
        raise Invalid([_problem(spec, values, item) for item in found]) from None
    data = {name: value for name, value in parsed.model_dump().items() if value is not None}
    problems = [_control_characters(name) for name, value in data.items() if "\0" in str(value)]
    problems += [problem for item in spec.media_fields if (problem := _check_media(item.name, data))]
    if problems:
        raise Invalid(problems)
    return FormState(model=spec.slug, values=data)


def upload_id(value: str) -> uuid.UUID | None:
    """The upload that a media value names, or None when it is an address."""
    if not value.startswith(UPLOAD_PREFIX):
        return None
    try:
        return uuid.UUID(value.removeprefix(UPLOAD_PREFIX))
    except ValueError:
        return None


def upload_value(upload: uuid.UUID) -> str:
    """What stands for an upload in a formState."""
    return f"{UPLOAD_PREFIX}{upload}"


def _check_media(name: str, data: dict[str, Any]) -> FieldProblem | None:
    value = data.get(name)
    if value is None:
        return None
    if upload := upload_id(value):
        data[name] = upload_value(upload)  # one spelling, so that equal requests are equal
        return None
    try:
        data[name] = check_address(value, policy_from_settings())
    except Refused as error:
        return FieldProblem(f"formState.{name}", error.code, f"formState.{name}: {error.sentence}")
    return None


def _control_characters(name: str) -> FieldProblem:
    # PostgreSQL stores no NUL, and no address or style has a use for one.
    path = f"formState.{name}"
    return FieldProblem(path, "invalid", _("%(path)s contains a NUL character.") % {"path": path})


def _problem(spec: ModelSpec, values: dict[str, Any], item: Any) -> FieldProblem:
    name = str(item["loc"][0]) if item["loc"] else next(iter(spec.parameters.one_of), "")
    path = f"formState.{name}"[:120]
    code, message = _sentence(spec, path, name, item)
    return FieldProblem(path, code, message)


def _sentence(spec: ModelSpec, path: str, name: str, item: Any) -> tuple[str, str]:
    """The stable code and the sentence for one of pydantic's findings."""
    kind, context = item["type"], item.get("ctx", {})
    if kind == "extra_forbidden":
        return "unknown_field", _unknown(spec, path, name)
    if kind == "one_of":
        names = ", ".join(f"formState.{each}" for each in spec.parameters.one_of)
        return "required", _("At least one of these is required: %(names)s.") % {"names": names}
    if kind == "missing":
        return "required", _("%(path)s is required.") % {"path": path}
    if kind == "literal_error":
        choices = ", ".join(choice for choice, _label in spec.field(name).choices)
        return "not_a_choice", _("%(path)s must be one of: %(choices)s.") % {"path": path, "choices": choices}
    if kind in ("greater_than_equal", "less_than_equal"):
        bounds = spec.field(name)
        return "out_of_range", _("%(path)s must be from %(low)s to %(high)s.") % {
            "path": path,
            "low": bounds.minimum,
            "high": bounds.maximum,
        }
    if kind == "string_too_long":
        return "too_long", _("%(path)s must be at most %(length)s characters long.") % {
            "path": path,
            "length": context["max_length"],
        }
    if kind == "int_type":
        return "wrong_type", _("%(path)s must be an integer.") % {"path": path}
    if kind == "string_type":
        return "wrong_type", _("%(path)s must be a string.") % {"path": path}
    return "invalid", _("%(path)s is not valid.") % {"path": path}


def _unknown(spec: ModelSpec, path: str, name: str) -> str:
    known = [item.name for item in spec.fields]
    near = get_close_matches(name[:60], known, n=1, cutoff=0.5)
    if near:
        return _("%(path)s is not a parameter of %(model)s; did you mean formState.%(near)s?") % {
            "path": path,
            "model": spec.slug,
            "near": near[0],
        }
    return _("%(path)s is not a parameter of %(model)s; it takes: %(known)s.") % {
        "path": path,
        "model": spec.slug,
        "known": ", ".join(known),
    }
