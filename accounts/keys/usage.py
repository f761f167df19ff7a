"""What one key spent by day, from the ledger's charges."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from django.db.models import Count, Sum

from accounts.ledger.usage import Day, span
from accounts.models import ApiKey, Entry
from accounts.models.ledger import EntryKind


@dataclass(frozen=True)
class Spent:
    """The jobs that were paid for on one day, in UTC, and what they cost."""

    day: date
    jobs: int
    credits: int


def by_day(key: ApiKey, *, first: date, last: date) -> Iterator[Spent]:
    """From `first` to `last`, the oldest day first, without the days that have none."""
    charges = Entry.objects.filter(span(first, last), key=key, kind=EntryKind.CHARGE).order_by()
    rows = charges.annotate(day=Day("created_at")).values("day")
    for row in rows.annotate(jobs=Count("pk"), spent=-Sum("reserved_change")).order_by("day"):
        yield Spent(row["day"], row["jobs"], row["spent"])
