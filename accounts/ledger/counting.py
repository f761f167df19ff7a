"""What counts as spent: of a purse in a calendar month, by a key on a day and in all. All by UTC.

Credits count from the moment they are reserved, in the month and on the day of that moment. What is given back
stops counting where it counted: credits that were reserved last month lower nothing of this month. A job's
credits come back in the reverse order of their reservation. What was reserved without a job is never known to be
of this month, and goes on counting.

A month is counted for every purse. A key's counters are kept while it has a limit, so that a submit by a key
without one costs no further query; count_for_key() in limits.py sets them right when it gets one.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any, Protocol

from django.db.models import BigIntegerField, Case, F, Q, Value, When
from django.db.models.functions import Greatest

from accounts.ledger.errors import KeyLimitReached
from accounts.models import ApiKey, Entry, Purse
from accounts.models.ledger import EntryKind

Pieces = list[tuple[datetime, int]]  # when they were reserved, and how many


def month_of(moment: datetime) -> date:
    return moment.astimezone(UTC).date().replace(day=1)


def day_of(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def month_spent(purse: Purse, moment: datetime) -> int:
    """What the purse has spent in the month of `moment`."""
    return purse.month_spent if purse.month and purse.month >= month_of(moment) else 0


def day_spent(key: ApiKey, moment: datetime) -> int:
    """What the key has spent on the day of `moment`; right for keys with a limit only."""
    return key.spent_on_day if key.spent_day and key.spent_day >= day_of(moment) else 0


class CreditLimits(Protocol):
    """A key, or what it is to be limited to."""

    @property
    def daily_credits(self) -> int | None: ...

    @property
    def total_credits(self) -> int | None: ...


def counts_credits(limits: CreditLimits) -> bool:
    """Whether there is a limit of credits: what such a key spends is counted."""
    return limits.daily_credits is not None or limits.total_credits is not None


def that_count_credits(key: str = "") -> Q:
    """The same of rows: of keys, or of what leads to one by the name `key`."""
    prefix = f"{key}__" if key else ""
    return Q(**{f"{prefix}daily_credits__isnull": False}) | Q(**{f"{prefix}total_credits__isnull": False})


def within_cap(line: Entry) -> Q:
    """The purse's cap leaves room for this reservation."""
    return Q(monthly_cap=None) | Q(monthly_cap__gte=_in_month(line) - line.available_change)


def spent_in_month(line: Entry) -> dict[str, Any]:
    """The purse's counter after this reservation. A clock that is behind does not take the month back."""
    month = month_of(line.created_at)
    return {
        "month": Case(When(month__gte=month, then=F("month")), default=Value(month)),
        "month_spent": _in_month(line) - line.available_change,
    }


def unspent_in_month(line: Entry, returned: Pieces) -> dict[str, Any]:
    """The purse's counter after `returned` came back."""
    month = month_of(line.created_at)
    back = sum(amount for at, amount in returned if month_of(at) >= month)
    if not back:
        return {}
    lower = When(month__gte=month, then=_less(F("month_spent"), back))
    return {"month_spent": Case(lower, default=F("month_spent"))}


def _in_month(line: Entry) -> Case:
    return Case(When(month__gte=month_of(line.created_at), then=F("month_spent")), default=0)


def count_on_key(key: ApiKey, line: Entry, returned: Pieces) -> None:
    """Hold the key to its limits and count: the first lock that a reservation and a return take.

    Raises KeyLimitReached.
    """
    if line.kind == EntryKind.RESERVE:
        _spend_on_key(key, -line.available_change, line.created_at)
    elif line.kind == EntryKind.GIVE_BACK:
        _return_on_key(key, line, returned)


def _spend_on_key(key: ApiKey, amount: int, now: datetime) -> None:
    day = day_of(now)
    on_day = Case(When(spent_day__gte=day, then=F("spent_on_day")), default=0) + amount
    in_all = F("spent_in_all") + amount
    rows = ApiKey.objects.filter(pk=key.pk)
    room = rows.filter(
        Q(daily_credits=None) | Q(daily_credits__gte=on_day),
        Q(total_credits=None) | Q(total_credits__gte=in_all),
    )
    counted = {
        "spent_day": Case(When(spent_day__gte=day, then=F("spent_day")), default=Value(day)),
        "spent_on_day": on_day,
        "spent_in_all": in_all,
    }
    while room.update(**counted) != 1:
        if refusal := _why_refused(rows.get(), amount, now):
            raise refusal


def _why_refused(key: ApiKey, needed: int, now: datetime) -> KeyLimitReached | None:
    if key.total_credits is not None and key.total_credits < key.spent_in_all + needed:
        return KeyLimitReached(daily=False, needed=needed, limit=key.total_credits, spent=key.spent_in_all)
    today = day_spent(key, now)
    if key.daily_credits is not None and key.daily_credits < today + needed:
        return KeyLimitReached(daily=True, needed=needed, limit=key.daily_credits, spent=today)
    return None


def _return_on_key(key: ApiKey, line: Entry, returned: Pieces) -> None:
    day = day_of(line.created_at)
    back_today = sum(amount for at, amount in returned if day_of(at) >= day)
    today = When(spent_day__gte=day, then=_less(F("spent_on_day"), back_today))
    ApiKey.objects.filter(pk=key.pk).update(
        spent_in_all=_less(F("spent_in_all"), line.available_change),
        spent_on_day=Case(today, default=F("spent_on_day")),
    )


def _less(counter: F, amount: int) -> Greatest:
    """Never below nothing: what came before a counter was kept may come back after."""
    return Greatest(counter - Value(amount), Value(0), output_field=BigIntegerField())


def returned_by(line: Entry) -> Pieces:
    """When the credits that this line gives back were reserved.

    Read before any lock of the ledger: the caller holds the job's row, and so writes its lines alone.
    """
    if line.job_id is None:
        return []
    lines = Entry.objects.filter(job_id=line.job_id, kind__in=[EntryKind.RESERVE, EntryKind.GIVE_BACK])
    return _pop(outstanding(lines.order_by("pk")), line.available_change)


def outstanding(lines: Iterable[Entry]) -> Pieces:
    """What of a job's reservations was not given back, oldest first, from its lines in their order."""
    pieces: Pieces = []
    for line in lines:
        if line.kind == EntryKind.RESERVE:
            pieces.append((line.created_at, -line.available_change))
        else:
            _pop(pieces, line.available_change)
    return pieces


def _pop(pieces: Pieces, amount: int) -> Pieces:
    """Take `amount` from the newest pieces."""
    taken: Pieces = []
    while amount and pieces:
        at, there = pieces.pop()
        part = min(there, amount)
        taken.append((at, part))
        if there > part:
            pieces.append((at, there - part))
        amount -= part
    return taken
