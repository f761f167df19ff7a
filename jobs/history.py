"""The history: a page of a team's jobs by filters, found in the same time however many jobs there are.

One filter follows an index, the one that tells most. The others, and words, are looked for in a window of that index:
a page reads LOOKED_AT rows at most, and then says how far back it has looked.
"""

import re
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import connection
from django.db.models import F, Q, QuerySet

from accounts.models import ApiKey, Team, User
from jobs.line import with_ahead
from jobs.models import Job, State
from jobs.models.jobs import ACTIVE_STATES
from jobs.queries import of_team
from jobs.searching import folded

PAGE = 20
LOOKED_AT = 5000  # rows
WORDS = 8  # of a search; the rest is left out
WITHIN_ONE_ID = 100  # jobs whose ids begin alike
# What begins an id: as many digits as a page shows of it, or more.
ID_START = re.compile(r"[0-9a-f]{8}[0-9a-f-]{0,28}")

STATES: dict[str, tuple[State, ...]] = {
    "active": ACTIVE_STATES,
    "completed": (State.COMPLETED,),
    "failed": (State.FAILED,),
    "canceled": (State.CANCELED,),
}
# From the filter that leaves the fewest rows to look through to the one that leaves most.
TELLING = ("key_id", "person_id", "state", "model")
WINDOW = ("id", "created_at", "team_id", "search", *TELLING)

Position = tuple[datetime, uuid.UUID]


@dataclass(frozen=True)
class Wanted:
    """What somebody looks for; what is empty asks for nothing. Days are UTC's, both of them included."""

    status: str = ""  # of STATES
    model: str = ""
    person: User | None = None
    key: ApiKey | None = None
    first: date | None = None
    last: date | None = None
    text: str = ""


@dataclass(frozen=True)
class Page:
    """Jobs, newest first. `after` is where the next page begins, None on the last one.

    looked_back_to : when the page is not full because it has looked through as many rows as it may.
    """

    jobs: list[Job]
    after: Position | None = None
    looked_back_to: datetime | None = None


@dataclass(frozen=True)
class _Found:
    """What one window holds: positions, newest first, and where the window ends if it does not hold all."""

    positions: list[Position]
    end: Position | None = None


def page(
    team: Team,
    wanted: Wanted,
    *,
    after: Position | None = None,
    limit: int = PAGE,
    looked_at: int = LOOKED_AT,
) -> Page:
    """The jobs that are wanted, those behind the position `after` where it is given."""
    if after is None and (named := _named(team, wanted)):
        return Page(_load(team, named[:limit]))
    windows = [
        _look(team, wanted, state, after, limit, looked_at) for state in STATES.get(wanted.status, ("",))
    ]
    # Beyond the end of any window another may know more than it.
    end = max((window.end for window in windows if window.end), default=None)
    positions = sorted((place for window in windows for place in window.positions), reverse=True)
    if end:
        positions = [place for place in positions if place >= end]
    jobs = _load(team, [pk for _moment, pk in positions[:limit]])
    if len(positions) > limit:
        return Page(jobs, after=positions[limit - 1])
    return Page(jobs, after=end, looked_back_to=end[0] if end else None)


def known(team: Team, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Job]:
    """Those of these jobs that are there, with nothing but what tells whether a row has changed."""
    rows = with_ahead(_by_id(team, ids)).only("version", "state", "changed_at")
    return {job.pk: job for job in rows}


def some(team: Team, ids: Collection[uuid.UUID]) -> list[Job]:
    """These jobs of the team, newest first; those that are not there are left out."""
    return _load(team, ids)


def _load(team: Team, ids: Collection[uuid.UUID]) -> list[Job]:
    if not ids:
        return []
    jobs = with_ahead(_by_id(team, ids)).select_related("person", "key", "connection")
    return sorted(jobs, key=lambda job: (job.created_at, job.pk), reverse=True)


def _by_id(team: Team, ids: Collection[uuid.UUID]) -> QuerySet[Job]:
    # The sum is for SQLite, which would rather go through all of the team's jobs than look a few up.
    return Job.objects.annotate(owner=F("team") + 0).filter(pk__in=ids, owner=team.pk, deleted_at=None)


def _look(
    team: Team, wanted: Wanted, state: str, after: Position | None, limit: int, looked_at: int
) -> _Found:
    """Positions in the window of the most telling filter, one more than the limit where there are so many."""
    equal = {
        "key_id": wanted.key and wanted.key.pk,
        "person_id": wanted.person and wanted.person.pk,
        "state": state,
        "model": wanted.model,
    }
    equal = {name: value for name, value in equal.items() if value}
    driver = next((name for name in TELLING if name in equal), "")
    rows = _window(team, wanted, driver, equal.pop(driver, None), after)
    words = folded(wanted.text).split()[:WORDS]
    if not equal and not words:
        found = list(rows.values_list("created_at", "pk")[: limit + 1])
        return _Found(found)
    found = _within(team, rows.values(*WINDOW)[:looked_at], equal, words, limit + 1)
    if len(found) > limit:
        return _Found(found)
    return _Found(found, rows.values_list("created_at", "pk")[looked_at - 1 : looked_at].first())


def _window(team: Team, wanted: Wanted, driver: str, value: Any, after: Position | None) -> QuerySet[Job]:
    """The rows of one index, newest first, from the position and within the days."""
    # A key's index is without its team; `_within` and `_load` see to the team.
    rows = Job.objects.filter(deleted_at=None) if driver == "key_id" else of_team(team)
    if driver:
        rows = rows.filter(**{driver: value})
    if wanted.first:
        rows = rows.filter(created_at__gte=datetime.combine(wanted.first, time(), UTC))
    if wanted.last:
        rows = rows.filter(created_at__lt=datetime.combine(wanted.last + timedelta(days=1), time(), UTC))
    if after:
        moment, pk = after
        # The first condition alone bounds the index; the second drops what stood on the page before.
        rows = rows.filter(Q(created_at__lt=moment) | Q(pk__lt=pk), created_at__lte=moment)
    return rows.order_by("-created_at", "-pk")


def _within(
    team: Team, window: QuerySet[Any], equal: dict[str, Any], words: list[str], limit: int
) -> list[Position]:
    """Positions of the window's rows that fulfil all this.

    By a statement of its own, since a database must not choose another index for what is looked for in the window.
    """
    inner, values = window.query.sql_with_params()
    conditions = {"team_id = %s": team.pk, **{f"{name} = %s": value for name, value in equal.items()}}
    clauses = [*conditions, *("search LIKE %s ESCAPE '\\'" for _word in words)]
    patterns = [f"%{connection.ops.prep_for_like_query(word)}%" for word in words]
    statement = (
        f"SELECT id, created_at FROM ({inner}) AS looked WHERE {' AND '.join(clauses)} "  # noqa: S608 - names are ours
        "ORDER BY created_at DESC, id DESC LIMIT %s"
    )
    found = Job.objects.raw(statement, [*values, *conditions.values(), *patterns, limit])
    return [(job.created_at, job.pk) for job in found]


def _named(team: Team, wanted: Wanted) -> list[uuid.UUID]:
    """The jobs whose id the text is, or begins: found at once, however old."""
    text = wanted.text.strip().casefold()
    digits = text.replace("-", "")
    if not ID_START.fullmatch(text) or len(digits) > 32:
        return []
    ends = uuid.UUID(digits.ljust(32, "0")), uuid.UUID(digits.ljust(32, "f"))
    rows = Job.objects.filter(pk__range=ends, deleted_at=None).order_by("pk")
    found = [pk for pk, owner in rows.values_list("pk", "team")[:WITHIN_ONE_ID] if owner == team.pk]
    others = Wanted(wanted.status, wanted.model, wanted.person, wanted.key, wanted.first, wanted.last)
    return [job.pk for job in _load(team, found) if _is_wanted(job, others)]


def _is_wanted(job: Job, wanted: Wanted) -> bool:
    day = job.created_at.astimezone(UTC).date()
    return (
        (not wanted.status or job.state in STATES[wanted.status])
        and (not wanted.model or job.model == wanted.model)
        and (not wanted.person or job.person_id == wanted.person.pk)
        and (not wanted.key or job.key_id == wanted.key.pk)
        and (not wanted.first or day >= wanted.first)
        and (not wanted.last or day <= wanted.last)
    )
