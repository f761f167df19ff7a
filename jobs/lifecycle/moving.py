"""What every verb is made of: one guarded UPDATE, and the event row in its company."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from accounts.ledger import Source
from jobs.models import Job, JobEvent
from jobs.verbs import Verb


def move(
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


def source_of(job: Job) -> Source:
    return Source(job_id=job.pk, key=job.key, person=job.person, model=job.model)


def lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)
