"""The only state machine: each verb is one guarded UPDATE, an event row, its ledger call and after-commit work.

A verb whose UPDATE matches no row changes nothing and says so: somebody else won, and that is no error.
"""

import logging
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Case, Count, F, Q, QuerySet, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts import ledger
from accounts.ledger import Source
from jobs import inputs, media, outbox
from jobs.models import Connection, Job, JobEvent, State
from jobs.models.jobs import ACTIVE_STATES
from jobs.verbs import (
    ADOPT,
    CANCEL,
    CLAIM,
    FAIL,
    HAND_OFF,
    POSTPONE,
    PRICE,
    READY,
    RELEASE,
    REQUEUE,
    SUCCEED,
    Claim,
    Result,
    Verb,
)
from jobs.webhooks import queue

log = logging.getLogger(__name__)

MAX_LOST_ATTEMPTS = 3
SWEPT_AT_ONCE = 100
FETCHES_A_TEAM = 1


def begin(job: Job) -> None:
    """Save a new job, in the caller's transaction and after its reservation: the submit verb."""
    job.save(force_insert=True)
    JobEvent.objects.create(job=job, verb="submit", old="", new=job.state, attempt=0)
    outbox.promise(job)


def claim_next() -> Claim | None:
    """Take the job that is next in line for this machine's engine, or None when nobody waits."""
    return _claim_first(Job.objects.filter(state=State.QUEUED, connection=None, ready=True))


def claim_to_fetch() -> Claim | None:
    """Take the next job whose inputs must be fetched first. A team has one at a time: its servers may be slow."""
    fetching = Job.objects.filter(state=State.RUNNING, ready=False)
    busy = (
        fetching.values("team").annotate(count=Count("pk")).filter(count__gte=FETCHES_A_TEAM).values("team")
    )
    line = Job.objects.filter(state=State.QUEUED, ready=False)
    return _claim_first(line.exclude(team__in=busy))


def _claim_first(line: QuerySet[Job]) -> Claim | None:
    for job_id in line.order_by("created_at").values_list("pk", flat=True)[:20]:
        with transaction.atomic():
            if claim := _claim(job_id):
                return claim
    return None


def claim_for(connection: Connection) -> Claim | None:
    """Take the job that is next in line for this connection; None when nobody waits or it is busy."""
    with transaction.atomic():
        # The connection's row is the lock: two workers that counted at once would exceed `concurrency`.
        Connection.objects.select_for_update().get(pk=connection.pk)
        job_id = next_for(connection)
        return _claim(job_id) if job_id else None


def next_for(connection: Connection) -> uuid.UUID | None:
    """The job that could be sent to this connection now; None when nobody waits or it has as many as it takes."""
    jobs = Job.objects.filter(connection=connection, ready=True)
    if jobs.filter(state__in=(State.RUNNING, State.WAITING)).count() >= connection.concurrency:
        return None
    line = jobs.filter(Q(not_before=None) | Q(not_before__lte=timezone.now()), state=State.QUEUED)
    # One that was tried and put off goes behind the others: it may be what the server stumbles over.
    return line.order_by("attempt", "created_at").values_list("pk", flat=True).first()


def _claim(job_id: uuid.UUID) -> Claim | None:
    job = _move(
        job_id,
        CLAIM,
        attempt=F("attempt") + 1,
        lease_until=_lease_end(),
        started_at=timezone.now(),
        stage="",
        progress=0,
    )
    if job is None:
        return None
    outbox.keep(job)
    return Claim(job.pk, job.attempt)


def hand_off(claim: Claim, *, external_id: str, ask_at: datetime) -> bool:
    """Another server has accepted the job: it waits for that server's word, and is asked for from `ask_at` on."""
    with transaction.atomic():
        job = _move(
            claim.job_id,
            HAND_OFF,
            guard=claim.guard,
            reason=external_id,
            external_id=external_id,
            accepted_at=timezone.now(),
            # Its webhook may have come before its answer to the submit.
            next_poll_at=Case(
                When(remote_document__isnull=True, then=Value(ask_at)), default=Value(timezone.now())
            ),
            lease_until=None,
            stage="elsewhere",
        )
        if job and job.remote_document:
            transaction.on_commit(outbox.nudge_collect)
    return job is not None


def ready(claim: Claim, *, fetched: dict[str, str]) -> bool:
    """The job's inputs are here: it waits in line for its render."""
    with transaction.atomic():
        job = _move(
            claim.job_id, READY, guard=claim.guard, ready=True, inputs=fetched, lease_until=None, stage=""
        )
        if job:
            outbox.promise(job)
    return job is not None


def postpone(claim: Claim, *, until: datetime, reason: str) -> bool:
    """Back in line until `until`: the other server cannot take the job now. Does not count as lost."""
    with transaction.atomic():
        job = _move(
            claim.job_id,
            POSTPONE,
            guard=claim.guard,
            reason=reason,
            not_before=until,
            lease_until=None,
            stage="",
        )
        if job:
            outbox.promise(job, due_at=until)
    return job is not None


def note_send(claim: Claim, *, sent: bool = True) -> bool:
    """Count a send before it leaves, so that a worker that dies in it is known to have sent.

    `sent` False takes it back. False: the job is not this worker's any more, and must not be sent.
    """
    live = Job.objects.filter(claim.guard, pk=claim.job_id, state=State.RUNNING)
    return bool(live.update(sends=F("sends") + (1 if sent else -1), sent_at=timezone.now()))


def adopt(job_id: uuid.UUID) -> bool:
    """The other server told of a job in line whose send it was not heard to accept: it has it after all."""
    told = Q(sends__gt=0, remote_document__isnull=False)
    with transaction.atomic():
        job = _move(
            job_id, ADOPT, guard=told, external_id=KT("remote_document__id"), accepted_at=timezone.now()
        )
        if job:
            outbox.keep(job)
    return job is not None


def note_remote_end(job_id: uuid.UUID, document: dict[str, Any]) -> bool:
    """Keep the other server's first terminal word, from whichever way it came; later ones change nothing."""
    unended = Job.objects.filter(pk=job_id, state__in=ACTIVE_STATES, remote_document__isnull=True)
    same = Q(external_id="") | Q(external_id=document["id"])
    now = timezone.now()
    changes = {"remote_document": document, "remote_ended_at": now, "next_poll_at": now}
    return bool(unended.filter(same).update(**changes))


def note_remote_progress(job_id: uuid.UUID, percent: int) -> bool:
    """Show how far the other server is."""
    waiting = Job.objects.filter(pk=job_id, state=State.WAITING, progress__lt=percent)
    changes = {"progress": percent, "version": F("version") + 1, "changed_at": timezone.now()}
    return bool(waiting.update(**changes))


def heartbeat(claim: Claim, *, stage: str = "", percent: int = 0) -> bool:
    """Renew the lease and note progress. False: the job is no longer this worker's, and it should stop."""
    live = Job.objects.filter(claim.guard, pk=claim.job_id, state=State.RUNNING)
    if not live.update(lease_until=_lease_end()):
        return False
    if stage:
        changed = live.exclude(stage=stage, progress__gte=percent)
        changed.update(stage=stage, progress=percent, version=F("version") + 1, changed_at=timezone.now())
    return True


def price(claim: Claim, *, seconds: int, amount: int) -> bool:
    """Reserve the exact price: `amount` credits for `seconds`, more or less than was reserved so far.

    Raises NotEnoughCredits, with nothing changed. False: the job is not this worker's any more.
    """
    with transaction.atomic():
        job = _move(claim.job_id, PRICE, guard=claim.guard, billed_seconds=seconds)
        if job is None:
            return False
        more = amount - job.reserved
        move = ledger.reserve if more > 0 else ledger.give_back
        # The attempt is in the reference: what an address serves may have another length the next time.
        if more and move(
            team=job.team,
            kind=job.purse,
            amount=abs(more),
            reference=f"job:{job.pk}:exact:{job.attempt}",
            source=_source(job),
        ):
            Job.objects.filter(pk=job.pk).update(reserved=F("reserved") + more)
    return True


def succeed(claim: Claim, result: Result) -> bool:
    """Publish the result and charge what was reserved."""
    now = timezone.now()
    with transaction.atomic():
        job = _move(
            claim.job_id,
            SUCCEED,
            guard=claim.guard,
            output_file=result.file,
            output_url=result.url,
            output_token=result.token,
            output_sha256=result.sha256,
            output_bytes=result.bytes,
            output_seconds=result.seconds,
            width=result.width,
            height=result.height,
            seed=F("seed") if result.seed is None else result.seed,
            timings=result.timings,
            warnings=result.warnings,
            prompt_words=result.prompt_words,
            charged=F("reserved"),
            progress=100,
            stage="",
            lease_until=None,
            finished_at=now,
            expires_at=now + timedelta(days=settings.RESULT_DAYS),
        )
        if job is None:
            return False
        elapsed = now - (job.started_at or job.created_at)
        measured = max(0, round(elapsed.total_seconds() * 1000))  # the clock may have been set back
        Job.objects.filter(pk=job.pk).update(
            execution_ms=measured if result.execution_ms is None else result.execution_ms
        )
        _tidy(job)
        ledger.charge(
            team=job.team, kind=job.purse, amount=job.reserved, reference=f"job:{job.pk}", source=_source(job)
        )
        queue.announce(job)
    return True


def fail(job_id: uuid.UUID, *, code: str, sentence: str, guard: Q | None = None) -> bool:
    """End the job without a result and give back what was reserved."""
    with transaction.atomic():
        job = _move(job_id, FAIL, guard=guard, reason=code, **_ended(code, sentence))
        return _settle_without_charge(job)


def fail_claimed(claim: Claim, *, code: str, sentence: str) -> bool:
    """End a job that this worker runs; nothing when it has been taken away meanwhile, be it only back in line."""
    return fail(claim.job_id, code=code, sentence=sentence, guard=claim.guard & Q(state=State.RUNNING))


def cancel(job_id: uuid.UUID, *, reason: str = "") -> bool:
    """End an unfinished job at its owner's wish and give back what was reserved."""
    with transaction.atomic():
        job = _move(job_id, CANCEL, reason=reason, **_ended("canceled", "Canceled"))
        return _settle_without_charge(job)


def release(claim: Claim, *, reason: str) -> bool:
    """Hand a running job back unharmed (the worker is being stopped); it does not count as lost."""
    with transaction.atomic():
        job = _move(
            claim.job_id, RELEASE, guard=claim.guard, reason=reason, lease_until=None, stage="", progress=0
        )
        if job:
            outbox.promise(job)
    return job is not None


def lose(claim: Claim, *, reason: str, at_most: int = MAX_LOST_ATTEMPTS) -> bool:
    """An attempt ended without an answer: back in line, or failed once `at_most` attempts were lost."""
    return _requeue(claim.job_id, claim.guard, reason=reason, at_most=at_most)


def requeue_expired() -> int:
    """Put jobs whose lease is over back in line; returns how many."""
    over = Q(lease_until__lt=timezone.now())

    def requeue(job_id: uuid.UUID) -> bool:
        return _requeue(job_id, over, reason="The worker stopped answering.", at_most=MAX_LOST_ATTEMPTS)

    return _each(Job.objects.filter(over, state=State.RUNNING), requeue)


def fail_overdue() -> int:
    """Fail jobs that are past their deadline; returns how many."""
    overdue = Q(deadline__lt=timezone.now())
    sentence = "The job did not finish before its deadline; nothing was charged. Please submit it again."

    def end(job_id: uuid.UUID) -> bool:
        return fail(job_id, code="deadline", sentence=sentence, guard=overdue)

    return _each(Job.objects.filter(overdue, state__in=ACTIVE_STATES), end)


def _each(jobs: QuerySet[Job], act: Callable[[uuid.UUID], bool]) -> int:
    """Sweep jobs one by one: one whose rows do not fit together must not keep the others waiting."""
    count = 0
    for job_id in list(jobs.values_list("pk", flat=True)[:SWEPT_AT_ONCE]):
        try:
            count += act(job_id)
        except (DatabaseError, RuntimeError):
            log.exception("Job %s could not be swept", job_id)
    return count


def _requeue(job_id: uuid.UUID, guard: Q, *, reason: str, at_most: int) -> bool:
    with transaction.atomic():
        job = _move(
            job_id,
            REQUEUE,
            guard=guard & Q(lost_attempts__lt=at_most - 1),
            reason=reason,
            lost_attempts=F("lost_attempts") + 1,
            lease_until=None,
            stage="",
            progress=0,
        )
        if job:
            outbox.promise(job)
            return True
    sentence = (
        f"The render was started {at_most} times and ended each time without an answer; "
        "nothing was charged. Please try other files, or tell the site's operator."
    )
    return fail(job_id, code="render_lost", sentence=sentence, guard=guard & Q(state=State.RUNNING))


def _move(
    job_id: uuid.UUID, verb: Verb, *, guard: Q | None = None, reason: str = "", **changes: Any
) -> Job | None:
    """The guarded UPDATE and its event row. None: the job is not in a state (or hands) that this verb leaves."""
    moved = Job.objects.filter(guard or Q(), pk=job_id, state__in=verb.sources).update(
        previous_state=F("state"),
        state=verb.target,
        version=F("version") + 1,
        changed_at=timezone.now(),
        **changes,
    )
    if moved != 1:
        return None
    job = Job.objects.select_related("team", "key", "person").get(pk=job_id)
    JobEvent.objects.create(
        job=job, verb=verb.name, old=job.previous_state, new=job.state, attempt=job.attempt, reason=reason
    )
    return job


def _ended(code: str, sentence: str) -> dict[str, Any]:
    now = timezone.now()
    return {
        "error_code": code,
        "error": sentence,
        "stage": "",
        "lease_until": None,
        "finished_at": now,
        "started_at": Coalesce(F("started_at"), now),
    }


def _settle_without_charge(job: Job | None) -> bool:
    if job is None:
        return False
    outbox.keep(job)
    # A worker may have died between storing its result and saying so.
    transaction.on_commit(lambda: media.drop_results(job.pk, up_to=job.attempt))
    _tidy(job)
    ledger.give_back(
        team=job.team, kind=job.purse, amount=job.reserved, reference=f"job:{job.pk}", source=_source(job)
    )
    queue.announce(job)
    return True


def _tidy(job: Job) -> None:
    """After the end: drop what was fetched, and let the next job have the place at the connection."""
    transaction.on_commit(lambda: inputs.drop(job))
    if job.connection_id:
        transaction.on_commit(outbox.nudge_send)


def _source(job: Job) -> Source:
    return Source(job_id=job.pk, key=job.key, person=job.person)


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)
