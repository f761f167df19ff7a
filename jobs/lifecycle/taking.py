"""Into the line, and out of it: the submit verb and the claims."""

import uuid

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from jobs import outbox
from jobs.lifecycle.moving import lease_end, move
from jobs.models import Connection, Job, JobEvent, State
from jobs.verbs import CLAIM, Claim

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
    return Claim(job.pk, job.attempt)
