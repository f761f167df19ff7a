"""Charts as the server's own SVG: stacked bars a day, in numbers that a template writes down.

The drawing has no text of its own, so it may be stretched to any width; what stands around it is HTML. Colours are
classes, since the content policy admits no styles in a page.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

HEIGHT = 1000  # of the drawing, in its own units; the page decides how large it is
STEP = 100  # from one day to the next
BAR = 76  # of them, the bar; the rest is the gap
COLOURS = 6  # classes chart__s1 to chart__s6, before the one for all the others


@dataclass(frozen=True)
class Piece:
    """A bar's part: one series on one day. Places are in units of the drawing, from its upper left corner."""

    colour: str
    y: int
    height: int


@dataclass(frozen=True)
class Bar:
    day: date
    x: int
    total: int
    pieces: list[Piece]


@dataclass(frozen=True)
class Series:
    """One model, key or person: its colour, and its sum over all days."""

    label: str
    colour: str
    total: int
    by_day: Mapping[date, int]


@dataclass(frozen=True)
class Chart:
    """Bars from `first` to `last`, and the scale beside them. `top` is the value at the upper edge."""

    first: date
    last: date
    bars: list[Bar]
    series: list[Series]
    top: int

    width_of_bar = BAR
    height = HEIGHT
    half_height = HEIGHT // 2

    @property
    def width(self) -> int:
        return STEP * len(self.bars)

    @property
    def is_dense(self) -> bool:
        """So many bars that lines between their pieces would leave nothing of them on a phone."""
        return len(self.bars) > 31

    @property
    def half(self) -> int:
        return self.top // 2

    @property
    def middle(self) -> date:
        return self.first + (self.last - self.first) // 2

    @property
    def total(self) -> int:
        return sum(series.total for series in self.series)

    @property
    def highest(self) -> Bar:
        return max(self.bars, key=lambda bar: bar.total)

    @property
    def table(self) -> list[tuple[date, list[int], int]]:
        """For those who do not see the bars: each day with anything, the series' values on it, and their sum."""
        return [
            (bar.day, [series.by_day.get(bar.day, 0) for series in self.series], bar.total)
            for bar in self.bars
            if bar.total
        ]


def stacked(
    values: Iterable[tuple[date, Hashable, int]],
    *,
    first: date,
    last: date,
    labels: Mapping[Hashable, str],
    others: str,
    most: int = COLOURS,
) -> Chart:
    """A bar a day from `first` to `last` of (day, what, value).

    The `most` largest of what was counted are series of their own, called by `labels`; the rest is one, `others`.
    """
    by_what: dict[Hashable, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for day, what, value in values:
        by_what[what][day] += value
    series = _series(by_what, labels, others, most)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    totals = {day: sum(each.by_day.get(day, 0) for each in series) for day in days}
    top = round_up(max(totals.values(), default=0))
    bars = [
        Bar(day, STEP * number + (STEP - BAR) // 2, totals[day], _pieces(series, day, top))
        for number, day in enumerate(days)
    ]
    return Chart(first, last, bars, series, top)


def round_up(value: int) -> int:
    """The least of 2, 4, 6, 10, 20, 40, ... that is not below: an even number, so that its half is one to print."""
    step = 1
    while True:
        for digit in (2, 4, 6, 10):
            if value <= digit * step:
                return digit * step
        step *= 10


def _series(
    by_what: Mapping[Hashable, Mapping[date, int]], labels: Mapping[Hashable, str], others: str, most: int
) -> list[Series]:
    ranked = sorted(by_what, key=lambda what: (-sum(by_what[what].values()), labels[what]))
    found = [
        Series(labels[what], f"chart__s{place}", sum(by_what[what].values()), by_what[what])
        for place, what in enumerate(ranked[:most], start=1)
    ]
    rest: dict[date, int] = defaultdict(int)
    for what in ranked[most:]:
        for day, value in by_what[what].items():
            rest[day] += value
    if rest:
        found.append(Series(others, "chart__rest", sum(rest.values()), rest))
    return found


def _pieces(series: list[Series], day: date, top: int) -> list[Piece]:
    """From the bottom up. Edges are rounded and not heights, so that the pieces meet and end at the total."""
    pieces, below = [], 0
    for each in series:
        value = each.by_day.get(day, 0)
        if value:
            upper, lower = _edge(below + value, top), _edge(below, top)
            pieces.append(Piece(each.colour, upper, max(lower - upper, 1)))
            below += value
    return pieces


def _edge(value: int, top: int) -> int:
    return HEIGHT - round(HEIGHT * value / top)
