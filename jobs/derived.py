"""What is made of a job's finished video: its poster, its sound, a contact sheet.

Made when first asked for (the poster when the video is published), and stored beside the video under names that begin
as its own does, so that whatever removes the results of a job removes them too.
"""

import logging
import shutil
import tempfile
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from django.conf import settings
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.db import DatabaseError
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from jobs import media
from jobs.engine.derive import derive
from jobs.engine.errors import EngineDied, InputError
from jobs.engine.limits import Limits
from jobs.models import Job, State
from jobs.turns import NoTurn, Turns

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kind:
    """name : as the engine calls it. ending : of the stored file. suffix : of the name that it is downloaded as."""

    name: Literal["poster", "sound", "sheet"]
    ending: str
    suffix: str
    content_type: str


POSTER = Kind("poster", "-poster.jpg", ".jpg", "image/jpeg")
SOUND = Kind("sound", "-sound.m4a", ".m4a", "audio/mp4")
SHEET = Kind("sheet", "-sheet.jpg", "-sheet.jpg", "image/jpeg")

# Each takes a processor for a second or some, and a web thread meanwhile; a team has one made at a time.
_turns = Turns(at_once=2, waiting=3)
WAIT = 10.0  # seconds
RESTS = 600  # seconds until what has failed is tried again
LONGER = 5.0  # seconds by which a finished video may pass the site's longest: encoders pad


class NotMade(Exception):
    """It cannot be had, with a sentence for people."""

    def __init__(self, sentence: str):
        super().__init__(sentence)
        self.sentence = sentence


def download_name(job: Job, suffix: str) -> str:
    """A sensible file name: the video's own with another ending."""
    return job.download_name.removesuffix(".mp4") + suffix


def stored(job: Job, kind: Kind) -> str:
    """The name in the storage of what was made of the job's video, made now if it is not there yet.

    Raises NotMade: the video is gone, holds no such thing, or others have all the turns.
    """
    name = _name(job, kind)
    if job.state != State.COMPLETED:
        raise NotMade(_("There is no finished video yet."))
    over = job.expires_at is not None and job.expires_at < timezone.now()
    if over or not job.output_file or not default_storage.exists(job.output_file):
        raise NotMade(_("The video is not kept any more."))
    if default_storage.exists(name):
        return name
    if cache.get(_failed(name)):
        raise NotMade(_refusal(kind))
    try:
        with _turns.turn(job.team_id, seconds=WAIT):
            # Whoever had the turn before may have made it.
            return name if default_storage.exists(name) else _make(job, kind, name)
    except NoTurn as error:
        raise NotMade(_("Too much is being made right now; please try again in a minute.")) from error


def poster_of(job: Job) -> str:
    """The stored name of the job's poster, made and noted if there is none yet. Raises NotMade."""
    if job.poster_file and default_storage.exists(job.poster_file):
        return job.poster_file
    name = stored(job, POSTER)
    # A new version, so that open pages show it.
    still = _still(job).exclude(poster_file=name)
    still.update(poster_file=name, version=F("version") + 1, changed_at=timezone.now())
    return name


def give_poster(job_id: uuid.UUID) -> None:
    """Make the poster of a video that was just published. Whatever goes wrong, the job is finished all the same."""
    try:
        poster_of(Job.objects.get(pk=job_id))
    except Job.DoesNotExist:
        return  # deleted already
    except NotMade as refusal:
        log.info("No poster of job %s: %s", job_id, refusal.sentence)
    except (OSError, DatabaseError):
        log.exception("The poster of job %s could not be kept", job_id)


def _name(job: Job, kind: Kind) -> str:
    return job.output_file.removesuffix(".mp4") + kind.ending


def _failed(name: str) -> str:
    """Where it is noted that making it has failed: a page of such videos would keep processors busy."""
    return f"not-derived:{name}"


def _make(job: Job, kind: Kind, name: str) -> str:
    try:
        with tempfile.TemporaryDirectory(dir=media.work_folder()) as folder:
            video, made = Path(folder) / "video", Path(folder) / "made"
            with default_storage.open(job.output_file) as source, video.open("wb") as file:
                shutil.copyfileobj(source, file)
            derive(kind.name, video, made, limits=_limits())
            kept = media.store(made, name, move=True)
    except (InputError, EngineDied) as error:
        log.warning("The %s of job %s could not be made: %s", kind.name, job.pk, error)
        cache.set(_failed(name), True, RESTS)
        raise NotMade(_refusal(kind)) from error
    if kept != name:  # another machine was faster
        media.delete(kept)
    # The video may have been deleted or expired meanwhile, and its folder been cleared before this was in it.
    if not _still(job).exists() and not job.is_test:
        media.delete(name)
        raise NotMade(_("The video is not kept any more."))
    return name


def _still(job: Job) -> QuerySet[Job]:
    """The job, while it has the video that it had."""
    kept = Q(expires_at=None) | Q(expires_at__gte=timezone.now())
    return Job.objects.filter(
        kept, pk=job.pk, state=State.COMPLETED, output_file=job.output_file, deleted_at=None
    )


def _limits() -> Limits:
    limits = media.limits_for("video")
    return replace(limits, bytes=settings.RESULT_MAX_BYTES, seconds=limits.seconds + LONGER)


def _refusal(kind: Kind) -> str:
    if kind is SOUND:
        return _("The video has no sound that could be taken out of it.")
    return _("The video could not be read, so no picture was taken of it.")
