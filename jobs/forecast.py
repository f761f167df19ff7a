"""When a job may be finished, by how long the last ones like it took. Reads only.

Like it: the same model, the same maker and the same resolution. What is told is a span of time, or that nobody can
tell; never a number that the past does not hold.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from math import sqrt
from statistics import median

from django.db import connection
from django.utils import timezone

from jobs import catalog
from jobs.catalog.parts import USUAL_RESOLUTION
from jobs.line import COUNTED_AT_MOST, ENGINE, queue_position, with_ahead
from jobs.models import Job, State

RECENT = 40  # past runs of a kind that are looked at
LOOKED_THROUGH = 5 * RECENT  # rows, for them: a deleted job's says no more in which resolution it was made
FEWEST = 5  # runs of a kind: fewer tell nothing
FURTHEST = 3.0  # times the longest video so far: of a longer one nobody knows anything
MOST_KINDS = 24  # of models and makers, on one page


@dataclass(frozen=True)
class Forecast:
    """What can be said of an unfinished job's end.

    low, high : seconds from now, between which half of such jobs, and nine of ten, are finished; None where nobody
    can tell. place : in its line, 1 for the next, None once it is taken up. usual : seconds after its start by which
    nine of ten were finished. is_slow : it has taken longer than that.
    """

    low: float | None = None
    high: float | None = None
    place: int | None = None
    usual: float | None = None
    is_slow: bool = False


@dataclass(frozen=True)
class _Run:
    """One finished job: where and when it was made, and how long its video is."""

    model: str
    maker: int  # a connection's id, or ENGINE
    resolution: str
    length: float  # seconds
    began: datetime
    ended: datetime

    @property
    def took(self) -> float:
        """Seconds."""
        return (self.ended - self.began).total_seconds()


@dataclass(frozen=True)
class _Pace:
    """How long jobs of one kind take: a fixed part and one by the video's length, times what it varied by.

    spread : sorted, each past run's time over what the two parts come to for its length.
    """

    fixed: float
    by_length: float
    spread: tuple[float, ...]
    longest: float

    def times(self, length: float) -> list[float]:
        """How long a video of this length may take, seconds: one number for each past run, in their order."""
        return [(self.fixed + self.by_length * length) * share for share in self.spread]


def forecasts(jobs: Iterable[Job]) -> dict[uuid.UUID, Forecast]:
    """What can be said of those of these jobs that are unfinished, in two queries at the most."""
    waiting = [job for job in jobs if job.is_active and not job.is_test]
    if not waiting:
        return {}
    past = _Past(_past_runs(_kinds(waiting)))
    places = _places(waiting)
    now = timezone.now()
    return {job.pk: _forecast(job, past, places.get(job.pk), now) for job in waiting}


class _Past:
    """Past runs, and what is made of them, once for a whole page."""

    def __init__(self, runs: Sequence[_Run]) -> None:
        self._runs = runs
        self._paces: dict[tuple[str, int, str], _Pace | None] = {}
        self._lines: dict[int, tuple[float, float]] = {}

    def pace_of(self, job: Job) -> _Pace | None:
        kind = (job.model, _maker(job), _resolution(job))
        if kind not in self._paces:
            alike = [run for run in self._runs if (run.model, run.maker, run.resolution) == kind]
            self._paces[kind] = _pace(alike)
        return self._paces[kind]

    def pace_of_line(self, maker: int) -> tuple[float, float]:
        if maker not in self._lines:
            self._lines[maker] = _pace_of_line([run for run in self._runs if run.maker == maker])
        return self._lines[maker]


def _forecast(job: Job, past: _Past, place: int | None, now: datetime) -> Forecast:
    pace, length = past.pace_of(job), job.billed_seconds
    if pace is None or length is None or length > FURTHEST * pace.longest:
        return Forecast(place=place)
    times = pace.times(length)
    if job.state == State.QUEUED:
        return _in_line(times, past.pace_of_line(_maker(job)), place)
    # What is only being fetched goes back in line after it.
    return (
        _under_way(times, (now - job.started_at).total_seconds())
        if job.ready and job.started_at
        else Forecast()
    )


def _in_line(times: list[float], line: tuple[float, float], place: int | None) -> Forecast:
    """One that waits: those before it, each at the line's pace, and then its own time."""
    if place is None or place >= COUNTED_AT_MOST:
        return Forecast(place=place)
    each, varies = line
    # The one that is being made now is somewhere between its start and its end.
    low = (place - 1) * each + median(times)
    high = place * each + sqrt(place) * varies + _ninth(times)
    return Forecast(low=low, high=high, place=place)


def _under_way(times: list[float], elapsed: float) -> Forecast:
    """One that is being made: of the past runs, those that took longer than it has taken already."""
    usual = _ninth(times)
    left = [time - elapsed for time in times if time > elapsed]
    if elapsed > usual or not left:
        return Forecast(usual=usual, is_slow=True)
    return Forecast(low=median(left), high=_ninth(left), usual=usual)


def _ninth(times: Sequence[float]) -> float:
    """What nine of ten of these stay below."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.9))]


def _pace(runs: Sequence[_Run]) -> _Pace | None:
    """None for too few runs.

    The line through them is Theil's and Sen's: the median of all slopes, which a few runs that hung do not tilt.
    """
    if len(runs) < FEWEST:
        return None
    slopes = [
        (late.took - early.took) / (late.length - early.length)
        for early, late in combinations(runs, 2)
        if abs(late.length - early.length) >= 1
    ]
    by_length = max(0.0, median(slopes)) if slopes else 0.0
    fixed = median(run.took - by_length * run.length for run in runs)
    if fixed < 0 or not slopes:  # through zero: videos of one length say nothing of a fixed part
        fixed, by_length = 0.0, median(run.took / run.length for run in runs)
    spread = sorted(run.took / (fixed + by_length * run.length) for run in runs)
    return _Pace(fixed, by_length, tuple(spread), max(run.length for run in runs))


def _pace_of_line(runs: Sequence[_Run]) -> tuple[float, float]:
    """Seconds by which a line moves on for each job, and by which that varies; whatever the jobs in it were.

    Counted while it was busy: idle hours are left out, and two that are made at once move it twice as fast.
    """
    latest = sorted(sorted(runs, key=lambda run: run.ended)[-RECENT:], key=lambda run: run.began)
    busy, until = 0.0, latest[0].began
    for run in latest:
        busy += max(0.0, (run.ended - max(run.began, until)).total_seconds())
        until = max(until, run.ended)
    each = busy / len(latest)
    took = [run.took for run in latest]
    at_once = max(1.0, sum(took) / busy) if busy else 1.0
    return each, (_ninth(took) - median(took)) / at_once


def _maker(job: Job) -> int:
    return job.connection_id or ENGINE


def _resolution(job: Job) -> str:
    return str(job.values.get("resolution") or USUAL_RESOLUTION)


def _kinds(jobs: Sequence[Job]) -> list[tuple[str, int]]:
    """Models and makers whose runs are wanted: all models where somebody stands in a line."""
    wanted: dict[tuple[str, int], None] = {}
    for job in jobs:
        models = [job.model, *catalog.MODELS] if job.state == State.QUEUED else [job.model]
        wanted.update(dict.fromkeys((model, _maker(job)) for model in models))
    return list(wanted)[:MOST_KINDS]


# Written out: SQLite takes no LIMIT in the parts of Django's union(). Each part reads job_by_pace from its end; to be
# ordered by the connection as well is how PostgreSQL sees that it may, where there is none.
_PART = """SELECT * FROM (SELECT model, connection_id, {resolution} AS resolution, billed_seconds,
started_at, finished_at FROM (SELECT model, connection_id, form_state, billed_seconds, started_at, finished_at,
fingerprint FROM jobs_job WHERE state = 'completed' AND NOT is_test AND model = %s AND connection_id {maker}
ORDER BY connection_id, finished_at DESC LIMIT {looked_through}) AS latest
WHERE fingerprint <> '' ORDER BY finished_at DESC LIMIT {recent}) AS part"""
_RESOLUTION_IN = {
    "sqlite": "JSON_EXTRACT(form_state, '$.values.resolution')",
    "postgresql": "form_state #>> '{values,resolution}'",
}


def _past_runs(kinds: Sequence[tuple[str, int]]) -> list[_Run]:
    """The last runs of each kind, of all teams: they share the machines. No more than a length and times is read."""
    parts, values = [], []
    for model, maker in kinds:
        its = "IS NULL" if maker == ENGINE else "= %s"
        resolution = _RESOLUTION_IN[connection.vendor]
        parts.append(
            _PART.format(resolution=resolution, maker=its, recent=RECENT, looked_through=LOOKED_THROUGH)
        )
        values += [model] if maker == ENGINE else [model, maker]
    found = Job.objects.raw(
        f"SELECT NULL AS id, past.* FROM ({' UNION ALL '.join(parts)}) AS past",  # noqa: S608 - all of it above
        values,
    )
    return [
        _Run(
            row.model,
            row.connection_id or ENGINE,
            row.resolution or USUAL_RESOLUTION,
            float(row.billed_seconds),
            row.started_at,
            row.finished_at,
        )
        for row in found
        if row.billed_seconds and row.started_at and row.finished_at > row.started_at
    ]


def _places(jobs: Sequence[Job]) -> dict[uuid.UUID, int | None]:
    """The places in line, read in one query where the jobs do not carry them."""
    queued = [job for job in jobs if job.state == State.QUEUED]
    bare = [job.pk for job in queued if not hasattr(job, "ahead")]
    if bare:
        read = with_ahead(Job.objects.filter(pk__in=bare)).only("pk", "state", "line", "turn", "created_at")
        places = {job.pk: queue_position(job) for job in read}
    else:
        places = {}
    return places | {job.pk: queue_position(job) for job in queued if hasattr(job, "ahead")}
