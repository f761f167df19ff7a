"""A job that another server makes: handed to it, put off, told of, found there after all."""

import uuid
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.fields.json import KT
from django.utils import timezone

from jobs import outbox
from jobs.lifecycle.moving import move
from jobs.models import Job, State
from jobs.models.jobs import ACTIVE_STATES
from jobs.verbs import ADOPT, HAND_OFF, POSTPONE, Claim


def hand_off(claim: Claim, *, external_id: str, ask_at: datetime) -> bool:
    """Another server has accepted the job: it waits for that server's word, and is asked for from `ask_at` on."""
    with transaction.atomic():
        job = move(
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


def postpone(claim: Claim, *, until: datetime, reason: str) -> bool:
    """Back in line until `until`: the other server cannot take the job now. Does not count as lost."""
    with transaction.atomic():
        job = move(
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
        job = move(
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
