"""What becomes of a deleted team's jobs, files, webhooks and connections.

The deleted team's row is the truth: from its commit on nothing new begins, no webhook leaves and no file is served.
The rest is done after it, a piece at a time, and again by a timer until nothing is left.
"""

import logging
import time
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.dispatch import receiver
from django.utils import timezone

from accounts import signals
from accounts.ledger.forgetting import forget_people
from accounts.models import Team
from jobs import deleting, lifecycle, media, outbox, uploading
from jobs.models import (
    Connection,
    Job,
    JobEvent,
    PartialUpload,
    Receiver,
    RetiredSecret,
    Upload,
    WebhookDelivery,
    WebhookSettings,
)
from jobs.models.jobs import ACTIVE_STATES

log = logging.getLogger(__name__)

AT_ONCE = 5.0  # seconds that whoever deletes the team waits; the worker does the rest
PIECE = 200  # rows


@receiver(signals.team_weighed)
def weigh(team: Team, **kwargs: Any) -> dict[str, int]:
    jobs = Job.objects.filter(team=team, deleted_at=None)
    return {
        "jobs": jobs.count(),
        "unfinished": jobs.filter(state__in=ACTIVE_STATES).count(),
        "files": jobs.exclude(output_file="").count() + Upload.objects.filter(team=team).count(),
        "connections": Connection.objects.filter(team=team).count(),
    }


@receiver(signals.team_closed)
def close(team: Team, **kwargs: Any) -> None:
    """In the transaction that deletes the team: what is secret goes with it, and the rest is begun after it."""
    RetiredSecret.objects.filter(team=team).delete()
    WebhookSettings.objects.filter(team=team).delete()
    Connection.objects.filter(team=team).update(
        is_active=False, key_sealed="", secrets_sealed="", last_error="", base_url="", callback_base=""
    )
    transaction.on_commit(lambda: _begin(team))


def _begin(team: Team) -> None:
    if not _clear_alone(team, until=time.monotonic() + AT_ONCE):
        outbox.nudge_clear()


def clear_closed() -> int:
    """Go on with every deleted team that something is left of; returns how many there were."""
    left = Team.objects.filter(deleted_at__isnull=False).filter(
        Exists(_to_do(Job.objects.filter(team=OuterRef("pk"))))
        | Exists(Upload.objects.filter(team=OuterRef("pk")))
        | Exists(PartialUpload.objects.filter(team=OuterRef("pk")))
        | Exists(Receiver.objects.filter(team=OuterRef("pk")))
        | Exists(Connection.objects.filter(team=OuterRef("pk"), jobs=None))
    )
    found = list(left)
    for team in found:
        _clear_alone(team)
    return len(found)


def _clear_alone(team: Team, *, until: float = float("inf")) -> bool:
    """As `clear`; what goes wrong with one team keeps nobody waiting, and is tried again."""
    try:
        return clear(team, until=until)
    except (DatabaseError, OSError):
        log.exception("Deleted team %s: not all could be removed yet", team.pk)
        return False


def clear(team: Team, *, until: float = float("inf")) -> bool:
    """Cancel, and remove rows and files, of a deleted team until that moment of time.monotonic().

    True when all is done that can be done now. Doing it again does no harm.
    """
    steps = (_cancel_jobs, _drop_webhooks, _drop_uploads, _empty_jobs, _drop_jobs, _drop_connections)
    for step in steps:
        while step(team):
            if time.monotonic() > until:
                return False
    return True


# Each of these does a piece, and says whether there may be more.


def _cancel_jobs(team: Team) -> bool:
    unfinished = Job.objects.filter(team=team, state__in=ACTIVE_STATES)
    for job_id in list(unfinished.values_list("pk", flat=True)[:PIECE]):
        lifecycle.cancel(job_id, reason="The team was deleted.")
    if unfinished.exists():
        return True
    forget_people(team)  # what the ends have written was put down to whoever had submitted the job
    return False


def _drop_webhooks(team: Team) -> bool:
    deliveries = WebhookDelivery.objects.filter(team=team)
    deliveries.filter(pk__in=list(deliveries.values_list("pk", flat=True)[:PIECE])).delete()
    if deliveries.exists():
        return True
    Receiver.objects.filter(team=team).delete()
    return False


def _drop_uploads(team: Team) -> bool:
    if uploading.drop_all(team, most=PIECE):
        return True
    uploads = list(Upload.objects.filter(team=team)[:PIECE])
    for upload in uploads:
        media.delete(upload.file)
        upload.delete()
    return bool(uploads)


def _empty_jobs(team: Team) -> bool:
    """The files first: a row that is emptied says of none any more."""
    # Not one that was submitted in the very moment of the deletion: it is canceled first, by the next round.
    ended = Job.objects.filter(team=team).exclude(state__in=ACTIVE_STATES)
    jobs = list(ended.exclude(fingerprint="")[:PIECE])
    for job in jobs:
        deleting.drop_files(job)
        JobEvent.objects.filter(job=job).update(reason="")
        job.inbound.all().delete()
        Job.objects.filter(pk=job.pk).update(**deleting.EMPTY)
    return bool(jobs)


def _drop_jobs(team: Team) -> bool:
    over = list(Job.objects.filter(team=team, finished_at__lt=timezone.now() - deleting.GRACE)[:PIECE])
    for job in over:
        deleting.drop_files(job)
        job.delete()
    return bool(over)


def _drop_connections(team: Team) -> bool:
    Connection.objects.filter(team=team, jobs=None).delete()
    return False


def _to_do(jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Those that are not emptied yet, and those that were emptied long enough ago."""
    return jobs.filter(~Q(fingerprint="") | Q(finished_at__lt=timezone.now() - deleting.GRACE))
