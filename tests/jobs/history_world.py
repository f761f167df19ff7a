"""What credits and jobs should be after each step of a history: a model in plain Python.

It shares no line with the ledger or the state machine. A step's method is told what the site answered, says whether
that is right here, and moves on.
"""

import uuid
from dataclasses import dataclass, field
from typing import Any, NamedTuple

ACTIVE = ("queued", "running", "waiting")
MOST_LOST = 3
CRASHED = "crashed"  # what a step answers that was interrupted: as if it had never begun


PACKS = 6


def credits_of_pack(number: int) -> int:
    return 5 + 9 * number


class Who(NamedTuple):
    """Whose purse pays: of one of the two teams, with a key or in the browser."""

    team: int
    kind: str


class Step(NamedTuple):
    name: str
    args: dict[str, Any]

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in self.args.items())})"


@dataclass
class Purse:
    """What is available, by what goes first: grants that end within the history, those that end later, the rest."""

    soon: int = 0
    far: int = 0
    rest: int = 0
    reserved: int = 0
    cap: int | None = None
    entries: int = 0  # without those of expiry

    @property
    def available(self) -> int:
        return self.soon + self.far + self.rest

    def take(self, amount: int, *order: str) -> list[tuple[str, int]]:
        pieces = []
        for name in order:
            part = min(getattr(self, name), amount)
            if part:
                setattr(self, name, getattr(self, name) - part)
                pieces.append((name, part))
                amount -= part
        assert amount == 0
        return pieces


@dataclass
class Job:
    who: Who
    ready: bool
    state: str = "queued"
    reserved: int = 0
    charged: int = 0
    attempt: int = 0
    lost: int = 0
    late: bool = False  # its lease is over
    overdue: bool = False
    pieces: list[tuple[str, int]] = field(default_factory=list)
    priced: set[tuple[str, int]] = field(default_factory=set)

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE

    @property
    def cost(self) -> int:
        return self.reserved if self.is_active else self.charged


@dataclass
class Limits:
    a_day: int
    in_all: int


class World:
    def __init__(self, starting: int, prices: dict[tuple[str, bool], int]) -> None:
        self.prices = prices
        whos = [Who(team, kind) for team in (0, 1) for kind in ("api", "user")]
        self.purses = {who: Purse(rest=starting, entries=1) for who in whos}
        self.jobs: dict[uuid.UUID, Job] = {}
        self.names: dict[tuple[int, str], tuple[uuid.UUID, str]] = {}
        self.written: dict[tuple[str, str], int] = {}
        self.limits: dict[int, Limits | None] = {0: None, 1: None}

    def follow(self, step: Step, seen: Any) -> bool:
        """Whether the site's answer is right here; if so, the world is as it is after the step."""
        return seen == CRASHED or getattr(self, step.name)(seen, **step.args)

    def spent(self, who: Who) -> int:
        return sum(job.cost for job in self.jobs.values() if job.who == who)

    def snapshot(self) -> dict[str, Any]:
        """What the rows must say, as Site.snapshot() reads it."""
        keys = {team: self.spent(Who(team, "api")) for team, limits in self.limits.items() if limits}
        return {
            "purses": {
                who: (purse.available, purse.reserved, self.spent(who), purse.entries)
                for who, purse in self.purses.items()
            },
            "keys": {team: (spent, spent) for team, spent in keys.items()},
            "jobs": {
                job_id: (job.state, job.reserved, job.charged, job.attempt, job.lost, job.ready)
                for job_id, job in self.jobs.items()
            },
            "names": {name: job_id for name, (job_id, _body) in self.names.items()},
        }

    # --- a job's life -------------------------------------------------------------------------------

    def submit(
        self, seen: Any, *, who: Who, resolution: str, ready: bool, name: str | None, webhook: bool
    ) -> bool:
        body = f"{resolution} {ready}"
        if name and (who.team, name) in self.names:
            earlier, same = self.names[who.team, name]
            return seen == (earlier if same == body else "key_reused")
        price = self.prices[resolution, ready]
        if refusals := self._refusals(who, price):
            return seen in refusals
        if not isinstance(seen, uuid.UUID) or seen in self.jobs:
            return False
        self.jobs[seen] = Job(who, ready)
        self._reserve(self.jobs[seen], price)
        if name:
            self.names[who.team, name] = (seen, body)
        return True

    def claim(self, seen: Any, *, fetch: bool) -> bool:
        busy = {job.who.team for job in self.jobs.values() if job.state == "running" and not job.ready}
        free = {
            job_id: job
            for job_id, job in self.jobs.items()
            if job.state == "queued" and job.ready != fetch and not (fetch and job.who.team in busy)
        }
        if seen is None:
            return not free
        job = free.get(seen[0])
        if job is None or seen[1] != job.attempt + 1:
            return False
        job.state, job.attempt, job.late = "running", job.attempt + 1, False
        return True

    def price(self, seen: Any, *, job: uuid.UUID, attempt: int, amount: int) -> bool:
        found = self._running(job, attempt)
        if found is None:
            return seen is False
        more = amount - found.reserved
        once = ("reserve" if more > 0 else "give back", attempt)
        if more and once not in found.priced:
            if more > 0 and (refusals := self._refusals(found.who, more)):
                return seen in refusals
            self._reserve(found, more) if more > 0 else self._give_back(found, -more)
            found.priced.add(once)
        return seen is True

    def ready(self, seen: Any, **claim: Any) -> bool:
        if found := self._running(**claim):
            found.ready = True
        return self._back_in_line(found, seen)

    def release(self, seen: Any, **claim: Any) -> bool:
        return self._back_in_line(self._running(**claim), seen)

    def postpone(self, seen: Any, **claim: Any) -> bool:
        return self._back_in_line(self._running(**claim), seen)

    def hand_off(self, seen: Any, **claim: Any) -> bool:
        found = self._running(**claim)
        if found:
            found.state, found.late = "waiting", False
        return seen is (found is not None)

    def heartbeat(self, seen: Any, **claim: Any) -> bool:
        found = self._running(**claim)
        if found:
            found.late = False
        return seen is (found is not None)

    def succeed(self, seen: Any, *, job: uuid.UUID, attempt: int) -> bool:
        found = self.jobs.get(job)
        if found is None or found.state not in ("running", "waiting") or found.attempt != attempt:
            return seen is False
        purse = self.purses[found.who]
        purse.reserved -= found.reserved
        purse.entries += 1
        found.charged, found.state = found.reserved, "completed"
        return seen is True

    def fail(self, seen: Any, *, job: uuid.UUID) -> bool:
        return self._end(self.jobs.get(job), "failed", seen)

    def fail_claimed(self, seen: Any, **claim: Any) -> bool:
        return self._end(self._running(**claim), "failed", seen)

    def cancel(self, seen: Any, *, job: uuid.UUID) -> bool:
        return self._end(self.jobs.get(job), "canceled", seen)

    def lose(self, seen: Any, **claim: Any) -> bool:
        found = self._running(**claim)
        if found:
            self._lose(found)
        return seen is (found is not None)

    # --- time ---------------------------------------------------------------------------------------

    def lease_ends(self, seen: Any, *, job: uuid.UUID) -> bool:
        found = self.jobs.get(job)
        if found and found.state == "running":
            found.late = True
        return seen is None

    def deadline_passes(self, seen: Any, *, job: uuid.UUID) -> bool:
        if found := self.jobs.get(job):
            found.overdue = True
        return seen is None

    def sweep(self, seen: Any) -> bool:
        for job in self.jobs.values():
            if job.state == "running" and job.late:
                self._lose(job)
            if job.overdue:
                self._end(job, "failed", None)
        return seen is None

    # --- credits ------------------------------------------------------------------------------------

    def grant(self, seen: Any, *, who: Who, amount: int, reference: str, lasts: str) -> bool:
        return self._once("grant", reference, amount, seen, who, lasts)

    def purchase(self, seen: Any, *, who: Who, number: int) -> bool:
        return self._once("purchase", f"{who}:{number}", credits_of_pack(number), seen, who, "rest")

    def refund(self, seen: Any, *, who: Who, amount: int, reference: str) -> bool:
        if ("refund", reference) in self.written:
            taken = self.written["refund", reference]
            return seen == (taken, max(0, amount - taken), False)
        purse = self.purses[who]
        taken = min(amount, purse.available)
        purse.take(taken, "rest", "far", "soon")
        purse.entries += 1
        self.written["refund", reference] = taken
        return seen == (taken, amount - taken, True)

    def adjust(self, seen: Any, *, who: Who, amount: int, reference: str) -> bool:
        if amount > 0:
            return self._once("adjust", reference, amount, seen, who, "rest")
        if ("adjust", reference) in self.written:
            return seen is False
        purse = self.purses[who]
        if purse.available < -amount:
            return seen == "below_zero"
        purse.take(-amount, "soon", "far", "rest")
        purse.entries += 1
        self.written["adjust", reference] = amount
        return seen is True

    def expire(self, seen: Any) -> bool:
        for purse in self.purses.values():
            purse.soon = 0
        return seen is None

    def cap(self, seen: Any, *, who: Who, most: int | None) -> bool:
        self.purses[who].cap = most
        return seen is None

    def limit(self, seen: Any, *, team: int, most: tuple[int, int] | None) -> bool:
        self.limits[team] = Limits(*most) if most else None
        return seen is None

    # --- what they are made of ----------------------------------------------------------------------

    def _running(self, job: uuid.UUID, attempt: int) -> Job | None:
        found = self.jobs.get(job)
        return found if found and found.state == "running" and found.attempt == attempt else None

    def _back_in_line(self, job: Job | None, seen: Any) -> bool:
        if job:
            job.state, job.late = "queued", False
        return seen is (job is not None)

    def _end(self, job: Job | None, state: str, seen: Any) -> bool:
        if job is None or not job.is_active:
            return seen is False
        held = job.reserved
        self._give_back(job, held)
        job.reserved, job.state = held, state  # the row keeps what it had reserved
        return seen is True

    def _lose(self, job: Job) -> None:
        if job.lost + 1 < MOST_LOST:
            job.state, job.late, job.lost = "queued", False, job.lost + 1
        else:
            self._end(job, "failed", None)

    def _refusals(self, who: Who, amount: int) -> set[str]:
        """Every reason to refuse this reservation; the site may name any of them."""
        purse, limits = self.purses[who], self.limits[who.team] if who.kind == "api" else None
        spent = self.spent(who)
        reasons = {
            "not_enough_credits": purse.available < amount,
            "spending_cap_reached": purse.cap is not None and spent + amount > purse.cap,
            "key_limit_reached": limits is not None and spent + amount > min(limits.a_day, limits.in_all),
        }
        return {code for code, holds in reasons.items() if holds}

    def _reserve(self, job: Job, amount: int) -> None:
        purse = self.purses[job.who]
        job.pieces += purse.take(amount, "soon", "far", "rest")
        purse.reserved += amount
        purse.entries += 1
        job.reserved += amount

    def _give_back(self, job: Job, amount: int) -> None:
        purse = self.purses[job.who]
        purse.reserved -= amount
        purse.entries += 1
        job.reserved -= amount
        while amount:
            name, there = job.pieces.pop()
            part = min(there, amount)
            setattr(purse, name, getattr(purse, name) + part)
            if there > part:
                job.pieces.append((name, there - part))
            amount -= part

    def _once(self, kind: str, reference: str, amount: int, seen: Any, who: Who, lot: str) -> bool:
        if (kind, reference) in self.written:
            return seen is False
        purse = self.purses[who]
        setattr(purse, lot, getattr(purse, lot) + amount)
        purse.entries += 1
        self.written[kind, reference] = amount
        return seen is True
