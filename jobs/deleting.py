"""Deleting a job with everything that was stored for it.

The row is the truth: with the transaction that marks it, no page, answer or address shows the job any more. Its files
go after that, and by the timer where that was cut short; the emptied row follows a day later. The ledger keeps what
the job cost.
"""

import logging
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from accounts import access, audit
from accounts.models import Membership, Team
from jobs import lifecycle, media, retention
from jobs.models import Job, JobEvent, JobInput, Upload
from jobs.models.jobs import ACTIVE_STATES

log = logging.getLogger(__name__)

PIECE = 200  # rows
# A worker that was late may have died between storing its result and being told that it is not wanted: an emptied
# job's row stays as long as that, and what lies in its folder then goes with it.
GRACE = timedelta(days=1)
# What a job's row keeps of people and of what they asked for.
EMPTY: dict[str, Any] = {
    "form_state": {},
    "fingerprint": "",  # which also marks the row as emptied
    "webhook": "",
    "reference": "",
    "metadata": {},
    "person": None,
    "external_id": "",
    "remote_document": None,
    "callback_token": None,
    "inputs": {},
    "error": "",
    "prompt_words": [],
    "search": "",
    "keep": False,
    "expires_at": None,
    "output_file": "",
    "poster_file": "",
    "output_token": "",
    "output_url": "",
}


def delete(*, job_id: uuid.UUID, team: Team, actor: Membership) -> bool:
    """Cancel the job if it is unfinished, and delete it. False where it is not there, or was deleted by somebody else.

    Raises PermissionDenied.
    """
    access.require(actor, "jobs.delete", team)
    own = Job.objects.filter(pk=job_id, team=team, deleted_at=None)
    if not own.exists():
        return False
    now = timezone.now()
    # One transaction, so that nobody is told of an end that only the deletion brought.
    with transaction.atomic():
        retention.one_at_a_time(team)
        lifecycle.cancel(job_id, reason=f"Person {actor.user_id}")  # nothing where it has ended
        ended = own.exclude(state__in=ACTIVE_STATES)
        if not ended.update(deleted_at=now, version=F("version") + 1, changed_at=now, **EMPTY):
            return False
        own_files = _forget(job_id)
        audit.record("job.delete", team=team, who=audit.Who(person=actor.user), target=str(job_id))
        transaction.on_commit(lambda: _clear_alone(job_id, own_files))
    return True


def clear_deleted() -> int:
    """Finish deletions that were cut short, and drop the rows whose time is over; returns how many of both."""
    old = Q(deleted_at__lt=timezone.now() - GRACE)
    marked = Job.objects.filter(deleted_at__isnull=False)
    unfinished = Q(output_bytes__isnull=False)
    found = list(marked.filter(old | unfinished).values_list("pk", "deleted_at")[:PIECE])
    for job_id, deleted_at in found:
        if _clear_alone(job_id) and deleted_at < timezone.now() - GRACE:
            Job.objects.filter(pk=job_id).delete()
    return len(found)


def drop_files(job: Job) -> None:
    """Everything that was stored for this job. A test's result is a sample, which is everybody's."""
    if job.output_file and not job.is_test:
        media.delete(job.output_file)
    drop_folders(job.pk)


def drop_folders(job_id: uuid.UUID) -> None:
    media.drop_folder(f"results/{job_id}")
    media.drop_folder(f"inputs/{job_id}")


def _forget(job_id: uuid.UUID) -> list[uuid.UUID]:
    """In the transaction of the deletion: what other rows hold of the job. Returns the uploads that only it used.

    Those are over from now on, so that the timer removes what is not removed after the commit.
    """
    job = Job.objects.get(pk=job_id)
    job.deliveries.all().delete()
    job.inbound.all().delete()
    JobEvent.objects.filter(job=job).update(reason="")
    own = set(JobInput.objects.filter(job=job).values_list("upload", flat=True))
    # Those in line first: one that is claimed between the two questions has its ties when the second is asked.
    needed = retention.named_in_line(job.team, own)
    others = JobInput.objects.filter(upload=OuterRef("pk"), job__deleted_at=None)
    alone = Upload.objects.filter(~Exists(others), pk__in=own - needed)
    found = list(alone.values_list("pk", flat=True))
    Upload.objects.filter(pk__in=found).update(expires_at=timezone.now())
    retention.release_inputs(job_id, end=retention.upload_end(job.team))
    JobInput.objects.filter(job=job).delete()
    return found


def _clear_alone(job_id: uuid.UUID, own_files: Sequence[uuid.UUID] = ()) -> bool:
    """Remove the files; what goes wrong is tried again by the timer. The forgotten size says that they are gone."""
    try:
        drop_folders(job_id)
        media.drop_uploads(Upload.objects.filter(pk__in=own_files))
        Job.objects.filter(pk=job_id).update(output_bytes=None)
    except (DatabaseError, OSError):
        log.exception("Deleted job %s: its files could not be removed yet", job_id)
        return False
    return True
