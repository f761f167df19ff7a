"""Nudges to workers. A lost one costs time and nothing else: the sweeper sends again what is due."""

import logging
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError

from jobs.models import Job, Outbox
from lipsyncweb.celery import app

log = logging.getLogger(__name__)

# A nudge carries no job: a worker takes the next in line until nobody waits. So a handful is enough however long
# the line is, and a broker that was down for an hour is not flooded.
RESEND_AT_MOST = 8
RESEND_AFTER = timedelta(seconds=30)
KINDS = {
    "jobs.tasks.fetch_next": Q(job__ready=False),
    "jobs.tasks.send_due": Q(job__ready=True, job__connection__isnull=False),
    "jobs.tasks.run_next": Q(job__ready=True, job__connection=None, job__is_test=False),
    "jobs.tasks.give_samples": Q(job__is_test=True),
}
NUDGE_LASTS = 600.0  # seconds; what was not taken by then has been sent again


def promise(job: Job, *, due_at: datetime | None = None) -> None:
    """Write the job's outbox row in the caller's transaction and nudge a worker after its commit, or at `due_at`."""
    again = due_at or timezone.now() + RESEND_AFTER
    # One statement, be there such a row or not.
    Outbox.objects.bulk_create(
        [Outbox(job=job, due_at=again)],
        update_conflicts=True,
        unique_fields=["job"],
        update_fields=["due_at"],
    )
    if due_at is None:
        transaction.on_commit(lambda: _nudge(job))


def keep(job: Job) -> None:
    """The job was claimed: its promise is kept."""
    Outbox.objects.filter(job=job).delete()


def resend_due() -> int:
    """Nudge again for jobs that nobody has claimed; returns how many nudges were sent."""
    return _resend(Outbox.objects.filter(due_at__lte=timezone.now()))


def resend_all() -> int:
    """Nudge whether due or not: a worker has started, and its predecessor's nudges may be lost."""
    return _resend(Outbox.objects.all())


def _resend(rows: QuerySet[Outbox]) -> int:
    """A handful for each kind of work, so that a long line for one leaves none of the others waiting."""
    count = 0
    for task, kind in KINDS.items():
        chosen = list(rows.filter(kind).order_by("due_at").values_list("pk", flat=True)[:RESEND_AT_MOST])
        Outbox.objects.filter(pk__in=chosen).update(due_at=timezone.now() + RESEND_AFTER)
        for _nudge in chosen:
            _send(task)
        count += len(chosen)
    return count


def _nudge(job: Job) -> None:
    """Nudge the worker whose turn it is: fetching and sending are for the light one."""
    if job.is_test:
        _send("jobs.tasks.give_samples")
    elif not job.ready:
        _send("jobs.tasks.fetch_next")
    elif job.connection_id:
        nudge_send()
    else:
        _send("jobs.tasks.run_next")


def nudge_send() -> None:
    _send("jobs.tasks.send_due")


def nudge_attend(job_id: uuid.UUID) -> None:
    _send("jobs.tasks.attend", str(job_id))


def nudge_collect() -> None:
    _send("jobs.tasks.collect_due")


def nudge_deliver() -> None:
    _send("jobs.tasks.deliver_due")


def nudge_samples(names: Iterable[str]) -> None:
    """Have these samples made, for somebody who is about to use them."""
    _send("jobs.tasks.make_samples", *names)


def nudge_clear() -> None:
    _send("jobs.tasks.clear_closed_teams")


def _send(task: str, *words: str) -> None:
    try:
        app.send_task(task, words, retry=False, ignore_result=True, expires=NUDGE_LASTS)
    except (OperationalError, OSError) as error:
        # The row is the truth: what could not be sent is left to the sweeper.
        log.warning("The broker took no nudge for %s: %s", task, error)
