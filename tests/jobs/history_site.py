"""What a history does to the real site: its steps by the site's own services, and ways to interrupt them."""

import itertools
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from accounts import ledger, sales
from accounts.ledger import BelowZero, CannotPay
from accounts.models import ApiKey, Entry, Purchase, Purse
from accounts.payments.client import Session
from jobs import catalog, form_state, idempotency, lifecycle, submit
from jobs.models import IdempotencyKey, Job
from jobs.verbs import Claim
from tests.conftest import Character
from tests.jobs.history_world import CRASHED, PACKS, Step, Who, credits_of_pack
from tests.jobs.making import SAMPLES, VALUES, result

SOON = timedelta(milliseconds=40)
FAR = timedelta(days=40)
HOOK = "http://127.0.0.1:9/hook"
WAITS = 0.03  # seconds that a thread stands still in the middle of its step, for the others to go on
THREADS = 3


class Crash(Exception):
    """A worker dies here."""


class Site:
    """The steps of a World, by the same names."""

    def __init__(self, characters: list[Character], starting: int) -> None:
        _forget_the_last_history()
        self.characters = characters
        self.teams = {character.team.pk: number for number, character in enumerate(characters)}
        self.soonest = timezone.now()
        begun = {
            (Who(team, kind), number): Purchase(
                team=character.team,
                pack_name="Pack",
                purse=kind,
                credits=credits_of_pack(number),
                price=100,
                currency="eur",
            )
            for team, character in enumerate(characters)
            for kind in ("api", "user")
            for number in range(PACKS)
        }
        self.purchases = {which: row.pk for which, row in begun.items()}
        Purchase.objects.bulk_create(begun.values())
        for team, kind in itertools.product(range(len(characters)), ("api", "user")):
            ledger.grant(**self._purse(Who(team, kind)), amount=starting, reference=f"start:{team}:{kind}")

    def act(self, step: Step) -> Any:
        return getattr(self, step.name)(**step.args)

    def snapshot(self) -> dict[str, Any]:
        entries: dict[int, int] = {}
        for purse_id in Entry.objects.exclude(kind="expire").values_list("purse", flat=True):
            entries[purse_id] = entries.get(purse_id, 0) + 1
        keys = ApiKey.objects.filter(daily_credits__isnull=False)
        return {
            "purses": {
                Who(self.teams[purse.team_id], purse.kind): (
                    purse.available,
                    purse.reserved,
                    purse.month_spent,
                    entries[purse.pk],
                )
                for purse in Purse.objects.all()
            },
            "keys": {self.teams[key.team_id]: (key.spent_on_day, key.spent_in_all) for key in keys},
            "jobs": {
                job.pk: (job.state, job.reserved, job.charged, job.attempt, job.lost_attempts, job.ready)
                for job in Job.objects.all()
            },
            "names": {
                (self.teams[name.team_id], name.key): name.job_id for name in IdempotencyKey.objects.all()
            },
        }

    # --- a job's life -------------------------------------------------------------------------------

    def submit(self, *, who: Who, resolution: str, ready: bool, name: str | None, webhook: bool) -> Any:
        character = self.characters[who.team]
        media = SAMPLES if ready else VALUES
        state = form_state.build(catalog.get("lipsync-image"), {**media, "resolution": resolution})
        body = {"resolution": resolution, "ready": ready}
        # As each request does: the key is read anew.
        key = ApiKey.objects.select_related("team").get(pk=character.key.pk)
        try:
            job = submit.submit(
                team=character.team,
                actor=key if who.kind == "api" else character.membership,
                form_state=state,
                webhook=HOOK if webhook else "",
                name=idempotency.Name.of(name, scope="POST", body=body) if name else None,
            )
        except (CannotPay, idempotency.KeyReused) as refused:
            return "key_reused" if isinstance(refused, idempotency.KeyReused) else refused.code
        return job.pk

    def claim(self, *, fetch: bool) -> Any:
        claim = lifecycle.claim_to_fetch() if fetch else lifecycle.claim_next()
        return (claim.job_id, claim.attempt) if claim else None

    def price(self, *, job: uuid.UUID, attempt: int, amount: int) -> Any:
        try:
            return lifecycle.price(Claim(job, attempt), seconds=max(1, amount // 2), amount=amount)
        except CannotPay as refused:
            return refused.code

    def ready(self, *, job: uuid.UUID, attempt: int) -> bool:
        return lifecycle.ready(Claim(job, attempt), fetched={})

    def release(self, *, job: uuid.UUID, attempt: int) -> bool:
        return lifecycle.release(Claim(job, attempt), reason="The worker was stopped.")

    def postpone(self, *, job: uuid.UUID, attempt: int) -> bool:
        return lifecycle.postpone(Claim(job, attempt), until=timezone.now(), reason="Busy.")

    def hand_off(self, *, job: uuid.UUID, attempt: int) -> bool:
        return lifecycle.hand_off(Claim(job, attempt), external_id="there", ask_at=timezone.now())

    def heartbeat(self, *, job: uuid.UUID, attempt: int) -> bool:
        return lifecycle.heartbeat(Claim(job, attempt), stage="warp", percent=50)

    def succeed(self, *, job: uuid.UUID, attempt: int) -> bool:
        return lifecycle.succeed(Claim(job, attempt), result(Job(pk=job)))

    def fail(self, *, job: uuid.UUID) -> bool:
        return lifecycle.fail(job, code="no_face", sentence="No face.")

    def fail_claimed(self, *, job: uuid.UUID, attempt: int) -> bool:
        return lifecycle.fail_claimed(Claim(job, attempt), code="no_face", sentence="No face.")

    def cancel(self, *, job: uuid.UUID) -> bool:
        return lifecycle.cancel(job)

    def lose(self, *, job: uuid.UUID, attempt: int) -> bool:
        return lifecycle.lose(Claim(job, attempt), reason="The render process ended.")

    # --- time ---------------------------------------------------------------------------------------

    def lease_ends(self, *, job: uuid.UUID) -> None:
        past = timezone.now() - timedelta(seconds=1)
        Job.objects.filter(pk=job, state="running").update(lease_until=past)

    def deadline_passes(self, *, job: uuid.UUID) -> None:
        Job.objects.filter(pk=job).update(deadline=timezone.now() - timedelta(seconds=1))

    def sweep(self) -> None:
        lifecycle.requeue_expired()
        lifecycle.fail_overdue()

    # --- credits ------------------------------------------------------------------------------------

    def grant(self, *, who: Who, amount: int, reference: str, lasts: str) -> bool:
        ends = {"soon": timezone.now() + SOON, "far": timezone.now() + FAR, "rest": None}[lasts]
        if lasts == "soon":
            self.soonest = max(self.soonest, ends)
        return ledger.grant(**self._purse(who), amount=amount, reference=reference, expires_at=ends)

    def purchase(self, *, who: Who, number: int) -> bool:
        """Stripe tells that this checkout was paid."""
        paid = Session(
            id=f"cs_{who.team}_{who.kind}_{number}",
            url="",
            status="complete",
            payment_status="paid",
            payment_intent=f"pi_{who.team}_{who.kind}_{number}",
            amount_total=100,
            currency="eur",
            purchase=str(self.purchases[who, number]),
        )
        _purchase, done = sales.fulfil(paid)
        return done == "granted"

    def refund(self, *, who: Who, amount: int, reference: str) -> tuple[int, int, bool]:
        came_to = ledger.refund(**self._purse(who), amount=amount, reference=reference)
        return came_to.taken, came_to.missing, came_to.written

    def adjust(self, *, who: Who, amount: int, reference: str) -> Any:
        try:
            return ledger.adjust(**self._purse(who), change_by=amount, reference=reference, note="Counted.")
        except BelowZero:
            return "below_zero"

    def expire(self) -> None:
        time.sleep(max(0.0, (self.soonest - timezone.now()).total_seconds()))
        ledger.expire_credits()

    def cap(self, *, who: Who, most: int | None) -> None:
        ledger.set_limits(**self._purse(who), monthly_cap=most, alert_below=None)

    def limit(self, *, team: int, most: tuple[int, int] | None) -> None:
        key = self.characters[team].key
        a_day, in_all = most or (None, None)
        with transaction.atomic():
            ApiKey.objects.filter(pk=key.pk).update(daily_credits=a_day, total_credits=in_all)
            ledger.count_for_key(key)

    def _purse(self, who: Who) -> dict[str, Any]:
        return {"team": self.characters[who.team].team, "kind": who.kind}


# By whom rows are named first. Emptying all tables of the site takes PostgreSQL longer than a history.
TABLES = (
    "jobs_outbox",
    "jobs_idempotencykey",
    "jobs_jobevent",
    "jobs_deliveryattempt",
    "jobs_webhookdelivery",
    "jobs_receiver",
    "jobs_job",
    "accounts_entry",
    "accounts_purchase",
)


def _forget_the_last_history() -> None:
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"DELETE FROM {table}")
    Purse.objects.update(
        available=0, reserved=0, month_spent=0, month=None, monthly_cap=None, next_expiry=None
    )
    ApiKey.objects.update(daily_credits=None, total_credits=None, spent_on_day=0, spent_in_all=0)


# --- at once ----------------------------------------------------------------------------------------


class Threads:
    """Real threads that keep their connections from race to race."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS)

    def race(self, acts: list[Callable[[], Any]], *, pause: int) -> list[Any]:
        """What each of them answers, begun together: the first stands still before its statement number `pause`, the
        others begin then, and it goes on once they have ended or wait for it. An exception is an answer, too."""
        start, others = threading.Barrier(len(acts)), threading.Semaphore(0)

        def hold() -> None:
            start.wait()
            for _other in acts[1:]:
                others.acquire(timeout=WAITS)

        def first() -> Any:
            with at_statement(pause, hold) as held:
                answer = _answer_of(acts[0])
            if not held.came:
                hold()
            return answer

        def other(act: Callable[[], Any]) -> Any:
            start.wait()
            answer = _answer_of(act)
            others.release()
            return answer

        futures = [self._pool.submit(first), *(self._pool.submit(other, act) for act in acts[1:])]
        return [future.result() for future in futures]

    def close(self) -> None:
        barrier = threading.Barrier(THREADS)

        def bye() -> None:
            barrier.wait()
            connection.close()

        for future in [self._pool.submit(bye) for _ in range(THREADS)]:
            future.result()
        self._pool.shutdown()


def _answer_of(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except Exception as error:  # noqa: BLE001 - the history tells of it
        return error


# --- interrupted ------------------------------------------------------------------------------------


class _AtStatement:
    """Sees this thread's statements, and does something before one of them."""

    def __init__(self, number: int, act: Callable[[], None], *, in_transaction: bool) -> None:
        self.came = False
        self._left, self._act, self._in_transaction = number, act, in_transaction

    def __call__(self, execute: Callable[..., Any], *args: Any) -> Any:
        if not self.came and (connection.in_atomic_block or not self._in_transaction):
            self._left -= 1
            if self._left <= 0:
                self.came = True
                self._act()
        return execute(*args)


@contextmanager
def at_statement(
    number: int, act: Callable[[], None], *, in_transaction: bool = False
) -> Iterator[_AtStatement]:
    """Do `act` before the statement of this number in this block; `in_transaction` counts those alone."""
    watch = _AtStatement(number, act, in_transaction=in_transaction)
    with connection.execute_wrapper(watch):
        yield watch


def crashed_at(statement: int, act: Callable[[], Any], *, killed: bool) -> Any:
    """What `act` answers, or CRASHED where it got as far as its transaction's statement of this number.

    There its code fails, or, `killed`, its connection to the database is gone.
    """
    with at_statement(statement, _cut if killed else _raise, in_transaction=True) as interruption:
        try:
            return act()
        except Exception:  # whatever a lost connection leads to
            if not interruption.came:
                raise
            return CRASHED
        finally:
            if interruption.came:
                connection.close()


def rolled_back(act: Callable[[], Any]) -> str:
    """Do it all, and then fail in the transaction around it."""
    try:
        with transaction.atomic():
            act()
            raise Crash
    except Crash:
        return CRASHED


def _raise() -> None:
    raise Crash


def _cut() -> None:
    """The connection is lost in the middle of its transaction."""
    if connection.vendor == "sqlite":
        connection.connection.close()
        return
    with ThreadPoolExecutor(1) as another:
        another.submit(_terminate, connection.connection.info.backend_pid).result()


def _terminate(process: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [process])
    connection.close()
