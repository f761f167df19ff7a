"""Grants that expire: what is left of one goes.

The rule: credits that expire soonest are spent first, and those without an end last. What a job gives back is
again of the grant that it came from; when that has expired meanwhile, it goes with the next sweep. Until a sweep
has taken it, a grant that is over can still be spent. A refund takes credits without an end first, since bought
ones have none.

Nothing keeps what is left of a grant: the purse's own lines say it, replayed from its first grant with an end.
Where no such grant has anything left or reserved, the lines up to the next one are only added up: most grants are
used up long before their end. The replay holds no lock; under the purse's lock only those lines are read that came
meanwhile, so a sweep never keeps a submit waiting for long, and never decides on what it saw before.
"""

import logging
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import DatabaseError, transaction
from django.db.models import Count, Max, Sum
from django.utils import timezone

from accounts.ledger.writing import DoesNotFit, change, lock, new_line
from accounts.models import Entry, Purse
from accounts.models.ledger import EntryKind

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Expiring:
    """What is left of a grant, and until when."""

    expires_at: datetime
    amount: int


def expire_credits() -> int:
    """Take what is left of the grants that are over; returns how many credits. Running twice takes nothing twice."""
    taken = 0
    for purse in Purse.objects.filter(next_expiry__lte=timezone.now()).order_by("pk"):
        try:
            taken += _expire(purse)
        except (DatabaseError, DoesNotFit):  # one purse must not keep the others waiting
            log.exception("Purse %s: its expired credits could not be taken", purse.pk)
    return taken


def expiring(purse: Purse) -> list[Expiring]:
    """What is left of the purse's grants that expire, soonest first."""
    if purse.next_expiry is None:
        return []
    return [Expiring(lot.expires_at, lot.left) for lot in _Replay(purse).in_turn() if lot.left]


def _expire(purse: Purse) -> int:
    replay = _Replay(purse)
    rows = Purse.objects.filter(pk=purse.pk)
    now = timezone.now()
    taken = 0
    with transaction.atomic():
        lock(rows)
        replay.catch_up()
        for lot in [lot for lot in replay.in_turn() if lot.left and lot.expires_at <= now]:
            nth = f":{lot.times + 1}" if lot.times else ""
            reference = f"expire:{lot.entry_id}{nth}"
            change(rows, new_line(EntryKind.EXPIRE, (-lot.left, 0), reference))
            taken += lot.left
        replay.catch_up()
        rows.update(next_expiry=replay.next_expiry())
    return taken


@dataclass
class _Lot:
    """One grant that expires."""

    entry_id: int
    expires_at: datetime
    left: int
    held: int = 0  # reserved of it: may come back
    times: int = 0  # it was expired


class _Line(NamedTuple):
    pk: int
    kind: str
    available_change: int
    reserved_change: int
    reference: str
    job_id: uuid.UUID | None
    expires_at: datetime | None


class _Replay:
    """The purse's lines told again, by what of each grant with an end is left and what is reserved."""

    def __init__(self, purse: Purse):
        self._lines = Entry.objects.filter(purse=purse).order_by("pk")
        self._seen = 0
        self._rest = 0  # has no end
        self._lots: dict[int, _Lot] = {}
        # Of each job, what its reservations took from which grant (None: from the rest), oldest first.
        self._held: dict[uuid.UUID | None, list[tuple[_Lot | None, int]]] = {}
        self.catch_up()

    def catch_up(self) -> None:
        """Read the lines that came since. A purse's lines are numbered in the order of their commits: by its lock."""
        while self._lots or self._skip():
            for row in self._lines.filter(pk__gt=self._seen).values_list(*_Line._fields).iterator():
                line = _Line(*row)
                self._seen = line.pk
                self._tell(line)
                self._forget_used_up()
                if not self._lots:
                    break
            else:
                return

    def _skip(self) -> bool:
        """Add up the lines before the next grant with an end; False where there is none, and all are added up."""
        later = self._lines.filter(pk__gt=self._seen)
        grant = later.filter(expires_at__isnull=False).first()
        if grant is not None:
            later = later.filter(pk__lt=grant.pk)
        # In one statement, which sees whether such a grant was written meanwhile.
        found = later.order_by().aggregate(
            last=Max("pk"), sum=Sum("available_change"), grants=Count("expires_at")
        )
        if found["grants"]:
            return self._skip()
        self._rest += found["sum"] or 0
        self._seen = found["last"] or self._seen
        self._held.clear()  # all of it is of the rest
        return grant is not None

    def _forget_used_up(self) -> None:
        """Nothing is ever left again of a grant of which nothing is left and nothing reserved."""
        for lot in [lot for lot in self._lots.values() if not lot.left and not lot.held]:
            del self._lots[lot.entry_id]

    def in_turn(self) -> list[_Lot]:
        """The grants, soonest first."""
        return sorted(self._lots.values(), key=lambda lot: (lot.expires_at, lot.entry_id))

    def next_expiry(self) -> datetime | None:
        """When there is something to take next; past while expired credits are still reserved."""
        return min((lot.expires_at for lot in self._lots.values() if lot.left or lot.held), default=None)

    def _tell(self, line: _Line) -> None:
        amount = line.available_change
        if line.expires_at is not None:
            self._lots[line.pk] = _Lot(line.pk, line.expires_at, left=amount)
        elif line.kind == EntryKind.RESERVE:
            pieces = self._spend(-amount)
            for lot, part in pieces:
                if lot is not None:
                    lot.held += part
            self._held.setdefault(line.job_id, []).extend(pieces)
        elif line.kind in (EntryKind.GIVE_BACK, EntryKind.CHARGE):
            self._settle(line)
        elif line.kind == EntryKind.EXPIRE:
            lot = self._lots[int(line.reference.split(":")[1])]
            lot.left += amount
            lot.times += 1
        elif line.kind == EntryKind.REFUND:
            rest = min(-amount, self._rest)
            self._rest -= rest
            self._spend(-amount - rest, latest_first=True)
        elif amount < 0:
            self._spend(-amount)
        else:
            self._rest += amount

    def _spend(self, amount: int, *, latest_first: bool = False) -> list[tuple[_Lot | None, int]]:
        """Take `amount`, soonest first; tells what came from where."""
        pieces: list[tuple[_Lot | None, int]] = []
        lots = self.in_turn()
        for lot in reversed(lots) if latest_first else lots:
            part = min(lot.left, amount)
            if part:
                lot.left -= part
                amount -= part
                pieces.append((lot, part))
        if amount:
            self._rest -= amount
            pieces.append((None, amount))
        return pieces

    def _settle(self, line: _Line) -> None:
        """A charge ends what was held; a return brings it back, newest first, to where it came from."""
        amount = -line.reserved_change
        held = self._held.get(line.job_id, [])
        while amount and held:
            lot, there = held.pop()
            part = min(there, amount)
            amount -= part
            if there > part:
                held.append((lot, there - part))
            if lot is not None:
                lot.held -= part
            if line.kind == EntryKind.GIVE_BACK:
                self._bring(lot, part)
        if not held:
            self._held.pop(line.job_id, None)
        if line.kind == EntryKind.GIVE_BACK:
            self._bring(None, amount)  # reserved before the replay begins

    def _bring(self, lot: _Lot | None, amount: int) -> None:
        if lot is None:
            self._rest += amount
        else:
            lot.left += amount
