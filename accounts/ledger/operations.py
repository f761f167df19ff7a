"""The operations: one for each kind of line but the expiry."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Exists
from django.utils import timezone

from accounts.ledger.writing import (
    MOST,
    Source,
    change,
    lock,
    new_line,
    purses_of,
    require_amount,
    write,
)
from accounts.models import Entry, Team, User
from accounts.models.ledger import EntryKind


@dataclass(frozen=True)
class Refunded:
    """What a refund came to: `taken` from the purse, and `missing` because it was spent or reserved already."""

    taken: int
    missing: int
    written: bool  # False: this refund was written before


def grant(
    *,
    team: Team,
    kind: str,
    amount: int,
    reference: str,
    note: str = "",
    person: User | None = None,
    expires_at: datetime | None = None,
) -> bool:
    """Add `amount` (at least 1) to a purse; what is left of it at `expires_at` goes. False for a repeat."""
    require_amount(amount)
    if expires_at is not None and expires_at <= timezone.now():
        raise ValueError("A grant must expire in the future.")
    source = Source(person=person)
    line = new_line(EntryKind.GRANT, (amount, 0), reference, source=source, note=note, expires_at=expires_at)
    return write(purses_of(team, kind), line)


def purchase(
    *, team: Team, kind: str, amount: int, reference: str, note: str = "", person: User | None = None
) -> bool:
    """Add credits that were paid for; they never expire. False when this reference was written before."""
    require_amount(amount)
    line = new_line(EntryKind.PURCHASE, (amount, 0), reference, source=Source(person=person), note=note)
    return write(purses_of(team, kind), line)


def refund(
    *, team: Team, kind: str, amount: int, reference: str, note: str = "", person: User | None = None
) -> Refunded:
    """Take back credits whose payment was returned or disputed: `amount`, or what is available of it.

    Credits that were spent stay spent, those that are reserved stay with their jobs, and the balance is never
    below zero: what could not be taken is `missing`, and nothing takes it later. The line is written even when
    nothing could be taken, so that a repeat cannot take credits that came in meanwhile.
    """
    require_amount(amount)
    purses = purses_of(team, kind)
    with transaction.atomic():
        purse = lock(purses)
        earlier = Entry.objects.filter(kind=EntryKind.REFUND, reference=reference, purse=purse).first()
        taken = min(amount, purse.available) if earlier is None else -earlier.available_change
        if earlier is None:
            source = Source(person=person)
            change(purses, new_line(EntryKind.REFUND, (-taken, 0), reference, source=source, note=note))
    return Refunded(taken=taken, missing=max(0, amount - taken), written=earlier is None)


def adjust(
    *, team: Team, kind: str, change_by: int, reference: str, note: str, person: User | None = None
) -> bool:
    """An operator's correction of what is available, either way, with the reason. False for a repeat.

    Raises BelowZero, with nothing changed.
    """
    if type(change_by) is not int or change_by == 0 or abs(change_by) > MOST:
        raise ValueError(
            f"A correction is a whole number of credits, not 0 and at most {MOST}, not {change_by!r}."
        )
    if not note.strip():
        raise ValueError("A correction needs a note that says why.")
    line = new_line(EntryKind.ADJUST, (change_by, 0), reference, source=Source(person=person), note=note)
    return write(purses_of(team, kind), line)


def reserve_new(
    *,
    team: Team,
    kind: str,
    amount: int,
    reference: str,
    source: Source,
    only_if: Exists | None = None,
) -> None:
    """As reserve(), under a reference that nothing was written for: in the caller's transaction, with no savepoint.

    `only_if` is a further condition for the statement that reserves; raises Overtaken where it does not hold.
    """
    change(purses_of(team, kind), _reservation(amount, reference, source), only_if=only_if)


def reserve(*, team: Team, kind: str, amount: int, reference: str, source: Source) -> bool:
    """Set `amount` aside. False for a repeat.

    Raises NotEnoughCredits, SpendingCapReached or KeyLimitReached (all CannotPay), with nothing changed.
    """
    return write(purses_of(team, kind), _reservation(amount, reference, source))


def _reservation(amount: int, reference: str, source: Source) -> Entry:
    require_amount(amount)
    return new_line(EntryKind.RESERVE, (-amount, amount), reference, source=source)


def charge(*, team: Team, kind: str, amount: int, reference: str, source: Source) -> bool:
    """Spend what was reserved. False for a repeat."""
    require_amount(amount)
    line = new_line(EntryKind.CHARGE, (0, -amount), reference, source=source)
    return write(purses_of(team, kind), line)


def give_back(*, team: Team, kind: str, amount: int, reference: str, source: Source) -> bool:
    """Return what was reserved; counting.py says where it stops counting. False for a repeat.

    A job's lines are written one at a time: the caller holds the job's row.
    """
    require_amount(amount)
    line = new_line(EntryKind.GIVE_BACK, (amount, -amount), reference, source=source)
    return write(purses_of(team, kind), line)
