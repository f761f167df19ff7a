"""The only writer of credits.

Every operation is a guarded UPDATE of the balance first, then its entry. A repeated operation (the same
kind and reference) is a quiet no-op, so that a retry after a cut connection is safe.
"""

import uuid
from dataclasses import dataclass

from django.db import IntegrityError, models, transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import ApiKey, Entry, Purse, Team, User
from accounts.models.ledger import EntryKind, PurseKind


class NotEnoughCredits(Exception):
    """The purse holds less than was asked for. Nothing was changed."""

    code = "not_enough_credits"

    def __init__(self, *, kind: str, needed: int, available: int):
        self.kind, self.needed, self.available = kind, needed, available
        super().__init__(self.sentence)

    @property
    def sentence(self) -> str:
        purse = _("API credits") if self.kind == PurseKind.API else _("user credits")
        return ngettext(
            "This needs %(needed)s credit, and the team has %(available)s available in its %(purse)s; "
            "get more credits or make a shorter clip.",
            "This needs %(needed)s credits, and the team has %(available)s available in its %(purse)s; "
            "get more credits or make a shorter clip.",
            self.needed,
        ) % {"needed": self.needed, "available": self.available, "purse": purse}


@dataclass(frozen=True)
class Balances:
    """A team's two purses; they are independent and credits never move between them."""

    api: Purse
    user: Purse


@dataclass(frozen=True)
class Source:
    """Whom and what an entry is written for."""

    job_id: uuid.UUID | None = None
    key: ApiKey | None = None
    person: User | None = None
    model: str = ""


def open_purses(team: Team) -> None:
    """Give a new team its two empty purses."""
    Purse.objects.bulk_create(
        [Purse(team=team, kind=kind) for kind in PurseKind.values], ignore_conflicts=True
    )


def balances(team: Team) -> Balances:
    purses = {purse.kind: purse for purse in Purse.objects.filter(team=team)}
    return Balances(api=purses[PurseKind.API], user=purses[PurseKind.USER])


def entries(team: Team) -> models.QuerySet[Entry]:
    """The team's ledger, newest first."""
    return Entry.objects.filter(purse__team=team).select_related("purse", "key", "person")


def new_reference(prefix: str) -> str:
    """A reference for something that happens once and has no name of its own."""
    return f"{prefix}:{uuid.uuid4()}"


def grant(
    *, team: Team, kind: str, amount: int, reference: str, note: str = "", person: User | None = None
) -> bool:
    """Add `amount` (at least 1) to a purse. False when this reference was granted before."""
    _require_positive(amount)
    return _write(
        team=team,
        kind=kind,
        entry=EntryKind.GRANT,
        change=(amount, 0),
        reference=reference,
        note=note,
        source=Source(person=person),
    )


def reserve_new(*, team: Team, kind: str, amount: int, reference: str, source: Source) -> None:
    """As reserve(), under a reference that nothing was written for: in the caller's transaction, with no savepoint."""
    _require_positive(amount)
    line = Entry(
        kind=EntryKind.RESERVE,
        available_change=-amount,
        reserved_change=amount,
        reference=reference,
        job_id=source.job_id,
        model=source.model,
        key=source.key,
        person=source.person,
    )
    purses = Purse.objects.filter(team=team, kind=kind)
    try:
        _change(purses, line)
    except _Refused:
        raise _why_refused(purses.get(), line) from None


def reserve(*, team: Team, kind: str, amount: int, reference: str, source: Source) -> bool:
    """Set `amount` aside, or raise NotEnoughCredits and change nothing."""
    _require_positive(amount)
    return _write(
        team=team,
        kind=kind,
        entry=EntryKind.RESERVE,
        change=(-amount, amount),
        reference=reference,
        source=source,
    )


def charge(*, team: Team, kind: str, amount: int, reference: str, source: Source) -> bool:
    """Spend what was reserved."""
    _require_positive(amount)
    return _write(
        team=team,
        kind=kind,
        entry=EntryKind.CHARGE,
        change=(0, -amount),
        reference=reference,
        source=source,
    )


def give_back(*, team: Team, kind: str, amount: int, reference: str, source: Source) -> bool:
    """Return what was reserved."""
    _require_positive(amount)
    return _write(
        team=team,
        kind=kind,
        entry=EntryKind.GIVE_BACK,
        change=(amount, -amount),
        reference=reference,
        source=source,
    )


def _require_positive(amount: int) -> None:
    if type(amount) is not int or amount < 1:
        raise ValueError(f"An amount of credits is a whole number of at least 1, not {amount!r}.")


def _write(
    *,
    team: Team,
    kind: str,
    entry: str,
    change: tuple[int, int],
    reference: str,
    source: Source,
    note: str = "",
) -> bool:
    """Change the balance and write its line; False when this line was written before."""
    line = Entry(
        kind=entry,
        available_change=change[0],
        reserved_change=change[1],
        reference=reference,
        note=note,
        job_id=source.job_id,
        model=source.model,
        key=source.key,
        person=source.person,
    )
    purses = Purse.objects.filter(team=team, kind=kind)
    try:
        with transaction.atomic():
            _change(purses, line)
    except (IntegrityError, _Refused) as error:
        if Entry.objects.filter(kind=entry, reference=reference, purse__in=purses).exists():
            return False
        if isinstance(error, IntegrityError):
            raise
        raise _why_refused(purses.get(), line) from None
    return True


def _change(purses: models.QuerySet[Purse], line: Entry) -> None:
    # The UPDATE first of all, so that the row's lock is held before anything is read: a reader that decides on
    # what it saw would let two writers spend the same credits (tests/accounts/test_ledger_races.py).
    moved = purses.filter(available__gte=-line.available_change, reserved__gte=-line.reserved_change).update(
        available=F("available") + line.available_change, reserved=F("reserved") + line.reserved_change
    )
    if moved != 1:
        raise _Refused
    # Found by the INSERT itself: a submit has few queries to spend.
    line.purse_id = models.Subquery(purses.values("pk"))
    line.save(force_insert=True)


class _Refused(Exception):
    """The guard matched no row; rolls the savepoint back."""


def _why_refused(purse: Purse, line: Entry) -> Exception:
    if line.kind == EntryKind.RESERVE:
        return NotEnoughCredits(kind=purse.kind, needed=-line.available_change, available=purse.available)
    return RuntimeError(
        f"Ledger: {line.kind} of {-line.reserved_change} for {line.reference} does not fit purse {purse.pk}, "
        f"which has {purse.reserved} reserved."
    )
