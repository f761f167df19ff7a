"""Reads of a team's ledger for its page and its exports: filtered, newest first, found by key and not by counting."""

import heapq
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice

from django.db.models import Q

from accounts.ledger import usage
from accounts.models import ApiKey, Entry, Purse, Team, User
from lipsyncweb.http.numbers import row_number

CHUNK = 1000  # lines of an export that are in memory at a time


@dataclass(frozen=True)
class Wanted:
    """Which lines; what is empty does not narrow. Days are those of UTC, both included."""

    purse: str = ""
    kind: str = ""
    key: ApiKey | None = None
    person: User | None = None
    job: uuid.UUID | None = None
    first: date | None = None
    last: date | None = None


ALL = Wanted()


@dataclass(frozen=True)
class Page:
    """Lines, newest first; `before` is the position of the next page, "" on the last one."""

    entries: list[Entry]
    before: str


def page(team: Team, wanted: Wanted = ALL, *, before: str = "", limit: int = 50) -> Page:
    """The team's lines that stand behind the line `before`; the newest where that is none of the team's."""
    found = _behind(_purses(team, wanted), wanted, _place(team, before), limit + 1)
    more = len(found) > limit
    return Page(found[:limit], str(found[limit - 1].pk) if more else "")


def lines(team: Team, wanted: Wanted = ALL, *, chunk: int = CHUNK) -> Iterator[Entry]:
    """All of them, read in chunks, so that a slow download holds neither memory nor a transaction.

    Lines are only ever added, and at the newer end: what is written meanwhile stands before the first chunk.
    """
    purses = _purses(team, wanted)
    place: Entry | None = None
    while found := _behind(purses, wanted, place, chunk):
        yield from found
        place = found[-1]


def _purses(team: Team, wanted: Wanted) -> list[Purse]:
    purses = Purse.objects.filter(team=team)
    return list(purses.filter(kind=wanted.purse) if wanted.purse else purses)


def _behind(purses: list[Purse], wanted: Wanted, place: Entry | None, limit: int) -> list[Entry]:
    # Each purse by itself and by its number, so that its index gives the lines in their order: asked for a team's,
    # PostgreSQL reads and sorts them all. The purses' lines are zipped here.
    found = (_of_purse(purse, wanted, place, limit) for purse in purses)
    return list(islice(heapq.merge(*found, key=_order, reverse=True), limit))


def _of_purse(purse: Purse, wanted: Wanted, place: Entry | None, limit: int) -> list[Entry]:
    rows = Entry.objects.filter(_narrowed(wanted), purse=purse).select_related("key", "person")
    rows = rows.order_by("-created_at", "-pk")
    if place is not None:
        # The last condition alone bounds the index; the first drops what stood on the page before.
        rows = rows.filter(
            Q(created_at__lt=place.created_at) | Q(pk__lt=place.pk), created_at__lte=place.created_at
        )
    found = list(rows[:limit])
    for entry in found:
        entry.purse = purse
    return found


def _narrowed(wanted: Wanted) -> Q:
    equal = {"kind": wanted.kind, "key": wanted.key, "person": wanted.person, "job_id": wanted.job}
    rows = Q(**{name: value for name, value in equal.items() if value})
    if wanted.first or wanted.last:
        rows &= usage.span(wanted.first or date(2000, 1, 1), wanted.last or date(9000, 1, 1))
    return rows


def _place(team: Team, before: str) -> Entry | None:
    number = row_number(before)
    return None if number is None else Entry.objects.filter(purse__team=team, pk=number).first()


def _order(entry: Entry) -> tuple[object, int]:
    return entry.created_at, entry.pk
