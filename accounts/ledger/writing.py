"""How a line is written: the key's counters, the purse by a guarded UPDATE, then the line itself."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, models, transaction
from django.db.models import Case, Exists, F, Q, Value, When
from django.utils import timezone

from accounts.ledger import counting
from accounts.ledger.errors import BelowZero, CannotPay, NotEnoughCredits, SpendingCapReached
from accounts.models import ApiKey, Entry, Purse, Team, User
from accounts.models.ledger import EntryKind

# In one line, and of a cap or a limit. Far below where SQLite would turn a sum of whole numbers into a float.
MOST = 10**12


@dataclass(frozen=True)
class Source:
    """Whom and what an entry is written for."""

    job_id: uuid.UUID | None = None
    key: ApiKey | None = None
    person: User | None = None
    model: str = ""


def require_amount(amount: int) -> None:
    if type(amount) is not int or not 1 <= amount <= MOST:
        raise ValueError(
            f"An amount of credits is a whole number of at least 1 and at most {MOST}, not {amount!r}."
        )


def new_line(
    entry: str,
    change: tuple[int, int],
    reference: str,
    *,
    source: Source | None = None,
    note: str = "",
    expires_at: datetime | None = None,
) -> Entry:
    """A line that is not written yet. Its time is the one that months and days are counted by."""
    source = source or Source()
    return Entry(
        kind=entry,
        available_change=change[0],
        reserved_change=change[1],
        reference=reference,
        note=note[:200],
        expires_at=expires_at,
        job_id=source.job_id,
        model=source.model,
        key=source.key,
        person=source.person,
        created_at=timezone.now(),
    )


def purses_of(team: Team, kind: str) -> models.QuerySet[Purse]:
    return Purse.objects.filter(team=team, kind=kind)


def write(purses: models.QuerySet[Purse], line: Entry) -> bool:
    """Change the balance and write its line; False when this line was written before, and nothing changed."""
    try:
        with transaction.atomic():
            change(purses, line)
    except (IntegrityError, CannotPay, BelowZero, DoesNotFit):
        if Entry.objects.filter(kind=line.kind, reference=line.reference, purse__in=purses).exists():
            return False
        raise
    return True


def change(purses: models.QuerySet[Purse], line: Entry, *, only_if: Exists | None = None) -> None:
    """Change the balance and write its line, in the caller's transaction: whatever this raises must end it.

    `only_if` is a condition of the caller for the same UPDATE; Overtaken where it does not hold.
    """
    returned = counting.returned_by(line) if line.kind == EntryKind.GIVE_BACK else []
    if line.key is not None and counting.counts_credits(line.key):
        counting.count_on_key(line.key, line, returned)
    # An UPDATE that says what it needs, so that the row's lock is held before anything is read: a reader that
    # decides on what it saw would let two writers spend the same credits (tests/accounts/test_ledger_races.py).
    guard, changes = _guard_and_changes(line, returned)
    allowed = purses if only_if is None else purses.filter(only_if)
    while allowed.filter(guard).update(**changes) != 1:
        if refusal := _why_refused(purses.get(), line):
            raise refusal
        if not allowed.exists():
            raise Overtaken
        # What was in the way is gone again: somebody gave back in between.
    # Found by the INSERT itself: a submit has few queries to spend. And by the caller's condition once more: on
    # PostgreSQL an UPDATE that waited for the purse judged by what there was before it waited.
    line.purse_id = models.Subquery(allowed.values("pk"))  # type: ignore[assignment]
    try:
        line.save(force_insert=True)
    except IntegrityError as error:
        if only_if is not None and _has_no_purse(error):
            raise Overtaken from error
        raise


def _has_no_purse(error: IntegrityError) -> bool:
    """The subquery found no row: NOT NULL, by PostgreSQL's number or in SQLite's words."""
    return getattr(error.__cause__, "sqlstate", "") == "23502" or "NOT NULL constraint" in str(error)


def lock(purses: models.QuerySet[Purse]) -> Purse:
    """The purse, which nobody else changes until the transaction ends: on SQLite, too, where FOR UPDATE is nothing."""
    purses.update(available=F("available"))
    return purses.get()


class Overtaken(Exception):
    """What the caller made a condition is no longer so. Nothing was changed."""


class DoesNotFit(RuntimeError):
    """A charge or a return of what was never reserved: a fault of the caller."""


def _guard_and_changes(line: Entry, returned: counting.Pieces) -> tuple[Q, dict[str, Any]]:
    guard = Q(available__gte=-line.available_change, reserved__gte=-line.reserved_change)
    changes: dict[str, Any] = {
        "available": F("available") + line.available_change,
        "reserved": F("reserved") + line.reserved_change,
    }
    if line.kind == EntryKind.RESERVE:
        guard &= counting.within_cap(line)
        changes |= counting.spent_in_month(line)
    elif line.kind == EntryKind.GIVE_BACK:
        changes |= counting.unspent_in_month(line, returned)
    if line.expires_at is not None:
        sooner = When(next_expiry__lte=line.expires_at, then=F("next_expiry"))
        changes["next_expiry"] = Case(sooner, default=Value(line.expires_at))
    return guard, changes


def _why_refused(purse: Purse, line: Entry) -> Exception | None:
    """Why the guard matched no row; None when it would match now."""
    short = purse.available < -line.available_change
    if line.kind == EntryKind.RESERVE:
        needed = -line.available_change
        spent = counting.month_spent(purse, line.created_at)
        if short:
            return NotEnoughCredits(kind=purse.kind, needed=needed, available=purse.available)
        if purse.monthly_cap is not None and purse.monthly_cap < spent + needed:
            return SpendingCapReached(kind=purse.kind, needed=needed, cap=purse.monthly_cap, spent=spent)
        return None
    if line.kind == EntryKind.ADJUST and short:
        return BelowZero(kind=purse.kind, change=line.available_change, available=purse.available)
    if short or purse.reserved < -line.reserved_change:
        return DoesNotFit(
            f"Ledger: {line.kind} ({line.available_change:+d}, {line.reserved_change:+d}) for {line.reference} "
            f"does not fit purse {purse.pk}, which has {purse.available} available and {purse.reserved} reserved."
        )
    return None
