"""How the lengths of a request's inputs lie beside each other, for the picture beside the price."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from jobs.catalog.base import Lengths, ModelSpec, Text

WIDTH = 1000  # of the picture, whatever its seconds
TELLING = 0.5  # seconds; a difference below it is nobody's concern
TURNS = 40  # of a short video that plays to and fro, at most: more could not be told apart

Kind = Literal["speech", "video", "forth", "back", "cut"]
Story = Literal["", "unknown", "plain", "cut", "plays_on", "fits", "alone", "at_once", "in_turn"]


@dataclass(frozen=True)
class Part:
    """A piece of a bar, in WIDTHs of the picture."""

    x: float
    width: float
    kind: Kind


@dataclass(frozen=True)
class Bar:
    """One input. seconds : None where nobody knows yet; starts : its first second in the result."""

    label: Text
    seconds: float | None
    starts: float
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Timing:
    """bars : none where there is nothing to compare; story : what there is to say; unknown : whose length is not known.

    difference : seconds by which the longer of two speeches is longer.
    """

    story: Story
    bars: tuple[Bar, ...]
    unknown: tuple[Text, ...]
    difference: float

    width: ClassVar[int] = WIDTH  # of each bar

    @property
    def is_uneven(self) -> bool:
        """Whether one of two speeches is longer than anybody would overlook."""
        return self.difference > TELLING


def lay_out(
    spec: ModelSpec, values: Mapping[str, Any], seconds: Mapping[str, float], lengths: Lengths | None
) -> Timing:
    """Of the values that are given so far and the lengths, in seconds, of those inputs that are known."""
    given = [field for field in spec.timed_fields if field.name in values]
    unknown = tuple(field.label for field in given if field.name not in seconds)
    known = [seconds[field.name] for field in given if field.name in seconds]
    starts = spec.starts(values, seconds)
    bars: tuple[Bar, ...] = ()
    if len(given) > 1 and known:
        span = _span(seconds, starts, lengths)
        bars = tuple(
            _bar(field.label, field.kind, seconds.get(field.name), starts.get(field.name, 0.0), lengths, span)
            for field in given
        )
    return Timing(
        story=_story(spec, len(given), bool(unknown), bool(starts), lengths),
        bars=bars,
        unknown=unknown,
        difference=max(known) - min(known) if len(known) > 1 else 0.0,
    )


def _span(seconds: Mapping[str, float], starts: Mapping[str, float | None], lengths: Lengths | None) -> float:
    """The seconds that the picture's width stands for."""
    ends = [(starts.get(name) or 0.0) + length for name, length in seconds.items()]
    return max([*ends, lengths.output if lengths else 0.0, 0.001])


def _bar(
    label: Text, kind: str, length: float | None, start: float | None, lengths: Lengths | None, span: float
) -> Bar:
    if length is None or start is None:
        return Bar(label, length, 0.0, ())
    pieces = _video(length, lengths) if kind == "video" else [(0.0, length, "speech")]
    scale = WIDTH / span
    parts = tuple(
        Part(round((start + at) * scale, 1), round(long * scale, 1), piece) for at, long, piece in pieces
    )
    return Bar(label, length, start, parts)


def _video(length: float, lengths: Lengths | None) -> list[tuple[float, float, Kind]]:
    """The pieces of a source video as (second, seconds, kind): what is shown, what is cut, how it plays on."""
    output = lengths.output if lengths else length
    shown = min(length, output)
    pieces: list[tuple[float, float, Kind]] = [(0.0, shown, "video")]
    if length - output > TELLING:
        pieces.append((output, length - output, "cut"))
    elif output - length > TELLING:
        pieces.extend(_to_and_fro(length, output))
    return pieces


def _to_and_fro(length: float, output: float) -> Iterator[tuple[float, float, Kind]]:
    """Backwards first, from where the video ended."""
    turn = max(length, (output - length) / TURNS)
    at, back = length, True
    while output - at > 1e-6:
        yield at, min(turn, output - at), "back" if back else "forth"
        at, back = at + turn, not back


def _story(spec: ModelSpec, given: int, unknown: bool, in_turn: bool, lengths: Lengths | None) -> Story:
    if not given:
        return ""
    if lengths is None:
        return "unknown" if unknown else ""
    kinds = {field.kind for field in spec.timed_fields}
    if "video" in kinds:
        return _of_video(given, unknown, lengths)
    if len(spec.timed_fields) == 1:
        return "plain"
    if given == 1:
        return "alone"
    return "in_turn" if in_turn else "at_once"


def _of_video(given: int, unknown: bool, lengths: Lengths) -> Story:
    if lengths.trimmed > TELLING:
        return "cut"
    if lengths.extended > TELLING:
        return "plays_on"
    return "fits" if unknown or given == 1 else "plain"
