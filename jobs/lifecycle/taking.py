"""Into the line, and out of it: the submit verb and the claims."""

import uuid

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from jobs import line, outbox, retention
from jobs.lifecycle.moving import lease_end, move
from jobs.line import Line
from jobs.models import Connection, Job, JobEvent
from jobs.verbs import CLAIM, Claim

TRIES = 20  # at heads of the line that other workers took first


def begin(job: Job) -> None:
    """Save a new job, in the caller's transaction and after its reservation: the submit verb."""
    job.line = line.of(job)
    job.turn = line.turn_of(job)  # type: ignore[assignment]
    job.save(force_insert=True)
    del job.turn  # it is an expression still; whoever wants it reads it
    JobEvent.objects.create(job=job, verb="submit", old="", new=job.state, attempt=0, at=job.created_at)
    outbox.promise(job, due_at=job.not_before)


def claim_next() -> Claim | None:
    """Take the job that is next in line for this machine's engine, or None when nobody waits who may be next."""
    return _claim_first(line.for_engine())


def claim_to_fetch() -> Claim | None:
    """Take the next job whose inputs must be fetched first."""
    return _claim_first(line.for_fetching())


def claim_to_sample() -> Claim | None:
    """Take the next job of a test key."""
    return _claim_first(line.for_samples())


def claim_for(connection: Connection) -> Claim | None:
    """Take the job that is next in line for this connection; None when nobody waits or it is busy."""
    with transaction.atomic():
        # The connection's row is the lock: two workers that counted at once would exceed `concurrency`.
        Connection.objects.select_for_update().get(pk=connection.pk)
        first = _first_for(connection)
        return _claim_with_room(line.for_connection(connection), first) if first else None


def next_for(connection: Connection) -> uuid.UUID | None:
    """The job that could be sent to this connection now; None when nobody waits or it has as many as it takes."""
    first = _first_for(connection)
    return first.pk if first else None


def _first_for(connection: Connection) -> Job | None:
    waiting = line.for_connection(connection)
    return waiting.first() if waiting.in_hand.count() < connection.concurrency else None


def _claim_first(waiting: Line) -> Claim | None:
    for _try in range(TRIES):
        if (first := waiting.first()) is None:
            return None
        with transaction.atomic():
            if claim := _claim_with_room(waiting, first):
                return claim
    return None


def _claim_with_room(waiting: Line, job: Job) -> Claim | None:
    return _claim(job.pk) if waiting.has_room(job.team_id) else None


def _claim(job_id: uuid.UUID) -> Claim | None:
    job = move(
        job_id,
        CLAIM,
        attempt=F("attempt") + 1,
        lease_until=lease_end(),
        started_at=timezone.now(),
        stage="",
        progress=0,
    )
    if job is None:
        return None
    outbox.keep(job)
    retention.tie_inputs(job)
    return Claim(job.pk, job.attempt)
