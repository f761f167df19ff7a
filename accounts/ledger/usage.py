"""What a team's credits were spent on, by the ledger's charges alone. Every read is scoped to one team and one purse.

The database does the sums, in one statement that reads the purse's charges of the range by their index.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import models
from django.db.models import Count, F, Q, QuerySet, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey, Entry, Purse, Team, User
from accounts.models.ledger import EntryKind

Who = str | int | None  # a model, or the row of a key or a person


@dataclass(frozen=True)
class Dimension:
    """What usage may be told by: the entry's column, and what people call it."""

    column: str
    label: Promise


DIMENSIONS = {
    "model": Dimension("model", _("Model")),
    "key": Dimension("key_id", _("API key")),
    "person": Dimension("person_id", _("Person")),
}


class Day(models.Func):
    """The day (UTC) of a moment, cut by the database itself.

    Django's TruncDate calls back into Python for each row on SQLite, which made a range of 100,000 lines take a second.
    """

    arity = 1
    output_field = models.DateField()
    template = "((%(expressions)s) AT TIME ZONE 'UTC')::date"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="substr(%(expressions)s, 1, 10)", **context)


@dataclass(frozen=True)
class Used:
    """What one model, key or person spent on one day, in UTC. `who` is None where the ledger names none."""

    day: date
    who: Who
    jobs: int
    credits: int


def span(first: date, last: date, *, column: str = "created_at") -> Q:
    """Entries, or other rows with such a column, of these days, both included, in UTC."""
    begin, end = (datetime.combine(day, time(), UTC) for day in (first, last))
    return Q(**{f"{column}__gte": begin, f"{column}__lt": end + timedelta(days=1)})


def by_day(team: Team, kind: str, *, first: date, last: date, by: str = "model") -> Iterator[Used]:
    """What was charged to one purse from `first` to `last`, the oldest day first. `by` is one of DIMENSIONS."""
    column = DIMENSIONS[by].column
    # By the purse's number and not by a join: PostgreSQL then reads the range alone.
    purse = Purse.objects.filter(team=team, kind=kind).values("pk")[:1]
    charges: QuerySet[Entry] = Entry.objects.filter(
        span(first, last), purse=purse, kind=EntryKind.CHARGE
    ).order_by()
    rows = charges.annotate(day=Day("created_at"), who=F(column)).values("day", "who")
    for row in rows.annotate(jobs=Count("pk"), spent=-Sum("reserved_change")).order_by("day", "who"):
        yield Used(row["day"], row["who"], row["jobs"], row["spent"])


def names(team: Team, by: str, found: set[Who]) -> dict[Who, str]:
    """What a page calls each of these: a model by itself, a key or a person as elsewhere on the site.

    Keys of one name are told apart by their labels. None, and whoever is not there any more, has no name.
    """
    known = {who for who in found if who is not None and who != ""}
    if by == "key":
        keys = list(ApiKey.objects.filter(team=team, pk__in=known))
        times = Counter(str(key) for key in keys)
        return {key.pk: str(key) if times[str(key)] == 1 else f"{key} ({key.label})" for key in keys}
    if by == "person":
        # Of this team's ledger, so known to it, whether or not they are still a member.
        return {person.pk: person.get_full_name() for person in User.objects.filter(pk__in=known)}
    return {who: str(who) for who in known}
