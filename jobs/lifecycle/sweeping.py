"""What time does to a job: a lease that is over, an attempt that was lost, a deadline that has passed."""

import logging
import uuid
from collections.abc import Callable

from django.db import DatabaseError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from jobs import outbox
from jobs.lifecycle.ending import fail
from jobs.lifecycle.moving import move
from jobs.models import Job, State
from jobs.models.jobs import ACTIVE_STATES
from jobs.verbs import REQUEUE, Claim

log = logging.getLogger(__name__)

MAX_LOST_ATTEMPTS = 3
SWEPT_AT_ONCE = 100


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
        job = move(
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
