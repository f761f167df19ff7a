"""How a model declares its parameters, once.

A model is a strict pydantic class whose fields carry `Media`, `Shown` and pydantic's own bounds. The HTML
form, the API's validation, OpenAPI, the documentation and the stored snapshot are read off that class.
"""

import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import annotated_types
from django.utils.functional import Promise
from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

T = typing.TypeVar("T")
Text = str | Promise
MediaKind = Literal["image", "audio", "video"]

ACCEPTS: dict[str, str] = {
    "image": "image/png,image/jpeg,image/webp,.png,.jpg,.jpeg,.webp",
    "audio": "audio/*,.wav,.mp3,.m4a,.aac,.flac,.ogg,.webm",
    "video": "video/mp4,video/quicktime,video/webm,video/x-matroska,.mp4,.mov,.webm,.mkv",
}
MAX_ADDRESS = 2048


@dataclass(frozen=True)
class Media:
    """The field is the address of a media file of this kind. sample : the file of the site's own under /samples/."""

    kind: MediaKind
    sample: str = ""


@dataclass(frozen=True)
class Shown:
    """How people see the field."""

    label: Text
    help: Text = ""
    advanced: bool = False
    choice_labels: Mapping[str, Text] | None = None


@dataclass(frozen=True)
class FieldSpec:
    """One parameter, as the form and the documentation need it. Bounds are None where there are none."""

    name: str
    kind: Literal["image", "audio", "video", "choice", "text", "integer"]
    label: Text
    help: Text
    required: bool
    advanced: bool
    default: Any
    choices: tuple[tuple[str, Text], ...]
    minimum: int | None
    maximum: int | None
    max_length: int | None
    sample: str = ""

    @property
    def is_media(self) -> bool:
        return self.kind in ACCEPTS

    @property
    def accept(self) -> str:
        """The value of a file input's `accept`."""
        return ACCEPTS.get(self.kind, "")


class Parameters(BaseModel):
    """Base of every model's parameters: exact types, no unknown keys, null or "" counts as absent.

    At least one of the fields that `one_of` names must be given.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)
    one_of: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _drop_absent(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {name: value for name, value in values.items() if value is not None and value != ""}

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if self.one_of and all(getattr(self, name) is None for name in self.one_of):
            raise PydanticCustomError("one_of", "one of them is required")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        if cls.one_of:
            schema["anyOf"] = [{"required": [name]} for name in cls.one_of]
        return schema


@dataclass(frozen=True)
class Lengths:
    """What the lengths of a request's inputs come to, seconds.

    output : the video's; billed : what is paid for; trimmed : of the source video that is left out; extended :
    by which the source video plays on.
    """

    output: float
    billed: float
    trimmed: float = 0.0
    extended: float = 0.0

    @classmethod
    def of(cls, seconds: float) -> "Lengths":
        return cls(output=seconds, billed=seconds)


@dataclass(frozen=True)
class Example:
    """A form that is filled in, for people who look around. It needs nothing but the site's own samples.

    name : as an address says it; values : by field, and for a media field the name of a sample.
    """

    name: str
    title: Text
    values: Mapping[str, Text]


def _at_once(_values: Mapping[str, Any], _seconds: Mapping[str, float]) -> dict[str, float | None]:
    return {}


@dataclass(frozen=True)
class ModelSpec:
    """A model of the catalog: its declaration and its price rule.

    `lengths` takes the validated values and the lengths in seconds of those inputs that are known, by field name;
    None while the price cannot be told from them. `starts` takes the same and says at which second of the result an
    input begins, for those that do not begin with it; None where that is not known yet.
    """

    slug: str
    title: Text
    summary: Text
    parameters: type[Parameters]
    lengths: Callable[[Mapping[str, Any], Mapping[str, float]], Lengths | None]
    starts: Callable[[Mapping[str, Any], Mapping[str, float]], Mapping[str, float | None]] = _at_once
    examples: tuple[Example, ...] = ()

    KINDS: ClassVar[dict[type, str]] = {str: "text", int: "integer"}

    @cached_property
    def fields(self) -> tuple[FieldSpec, ...]:
        return tuple(_field_spec(name, info) for name, info in self.parameters.model_fields.items())

    @property
    def media_fields(self) -> tuple[FieldSpec, ...]:
        return tuple(field for field in self.fields if field.is_media)

    @property
    def timed_fields(self) -> tuple[FieldSpec, ...]:
        """Those whose inputs have a length."""
        return tuple(field for field in self.fields if field.kind in ("audio", "video"))

    def field(self, name: str) -> FieldSpec:
        return next(field for field in self.fields if field.name == name)

    def coerce(self, strings: Mapping[str, str]) -> dict[str, Any]:
        """Turn a form's strings into the JSON values they stand for; what does not fit stays for validation."""
        values: dict[str, Any] = {}
        for field in self.fields:
            text = (strings.get(field.name) or "").strip()
            if text:
                values[field.name] = _integer(text) if field.kind == "integer" else text
        return values


def _integer(text: str) -> int | str:
    try:
        return int(text) if text.isascii() and len(text) <= 20 else text
    except ValueError:
        return text


def _field_spec(name: str, info: FieldInfo) -> FieldSpec:
    shown = _only(info, Shown) or Shown(label=name)
    media = _only(info, Media)
    choices = _choices(info.annotation)
    labels = shown.choice_labels or {}
    kind = media.kind if media else "choice" if choices else _scalar_kind(info.annotation)
    bounds = dict(_bounds(info))
    return FieldSpec(
        name=name,
        kind=kind,  # type: ignore[arg-type]
        label=shown.label,
        help=shown.help,
        required=info.is_required(),
        advanced=shown.advanced,
        default=None if info.is_required() else info.default,
        choices=tuple((choice, labels.get(choice, choice)) for choice in choices),
        minimum=bounds.get("minimum"),
        maximum=bounds.get("maximum"),
        max_length=bounds.get("max_length"),
        sample=media.sample if media else "",
    )


def _only(info: FieldInfo, kind: type[T]) -> T | None:
    return next((item for item in info.metadata if isinstance(item, kind)), None)


def _without_none(annotation: Any) -> Any:
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        return next(part for part in typing.get_args(annotation) if part is not type(None))
    return annotation


def _choices(annotation: Any) -> tuple[str, ...]:
    annotation = _without_none(annotation)
    return typing.get_args(annotation) if typing.get_origin(annotation) is Literal else ()


def _scalar_kind(annotation: Any) -> str:
    return ModelSpec.KINDS[_without_none(annotation)]


def _bounds(info: FieldInfo) -> Iterator[tuple[str, int]]:
    for item in info.metadata:
        if isinstance(item, annotated_types.Ge):
            yield "minimum", typing.cast(int, item.ge)
        elif isinstance(item, annotated_types.Le):
            yield "maximum", typing.cast(int, item.le)
        elif isinstance(item, annotated_types.MaxLen):
            yield "max_length", item.max_length
