"""Many results as one ZIP, made while it is sent: nothing is stored, and its size is known before the first byte."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from django.core.files import File
from django.core.files.storage import default_storage
from django.utils import timezone
from django.utils.translation import gettext as _
from zipstream import ZipStream

from accounts.models import Team
from jobs.models import Job, State
from jobs.turns import NoTurn, Turns

log = logging.getLogger(__name__)

MOST = 50  # videos in one archive
LONGEST = 30 * 60.0  # seconds that one may take: it holds a thread of the web server
CHUNK = 256 * 1024
LEFT_OUT = "left-out.txt"

# Each holds a thread for as long as its reader takes. One a team, and never so many that no page is served any more.
_archives = Turns(at_once=2, waiting=0)

__all__ = ["LONGEST", "MOST", "Archive", "NoTurn", "has_video", "pack"]


@dataclass(frozen=True)
class Archive:
    """A ZIP to be sent. `size` in bytes; `close` gives its turn back, and must be called however it ends."""

    chunks: Iterator[bytes]
    size: int
    close: Callable[[], None]


def has_video(job: Job) -> bool:
    """Whether there is something of this job to put into an archive."""
    return (
        job.state == State.COMPLETED
        and bool(job.output_file)
        and not (job.expires_at and job.expires_at < timezone.now())
    )


def pack(*, team: Team, jobs: Iterable[Job]) -> Archive:
    """The results of these jobs of one team; those that have none are named in a text beside them.

    Raises NoTurn when the team, or too many others, are downloading one already.
    """
    with ExitStack() as stack:
        stack.enter_context(_archives.turn(team.pk, seconds=0))
        zipped = ZipStream(sized=True)
        names: set[str] = set()
        left_out = []
        for job in jobs:
            if opened := _open(job):
                file, size = opened
                stack.callback(file.close)
                zipped.add(_read(file), _unique(job, names), size=size)
            else:
                left_out.append(job)
        if left_out:
            zipped.add(_sentence(left_out), LEFT_OUT)
        return Archive(_in_time(zipped), len(zipped), stack.pop_all().close)


def _open(job: Job) -> tuple[File, int] | None:
    """Its video and how many bytes it has. Opened at once: what is deleted meanwhile comes whole."""
    if not has_video(job):
        return None
    try:
        file = default_storage.open(job.output_file)
        return file, int(file.size)  # some storages look only here
    except FileNotFoundError:  # a name in a row is no file
        return None


def _read(file: File) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk


def _unique(job: Job, names: set[str]) -> str:
    """Two jobs of one name are told apart by the ids in it; should they begin alike as well, by a number."""
    stem, dot, kind = job.download_name.rpartition(".")
    name, number = job.download_name, 1
    while name.casefold() in names:
        number += 1
        name = f"{stem}-{number}{dot}{kind}"
    names.add(name.casefold())
    return name


def _sentence(jobs: list[Job]) -> str:
    lines = "".join(f"  {job.pk}  {job.get_state_display()}\n" for job in jobs)
    return _("These jobs have no video, or it is not kept any more:") + "\n\n" + lines


def _in_time(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """What ends in the middle is a broken download, which the browser says: its length is known."""
    end = time.monotonic() + LONGEST
    for chunk in chunks:
        if time.monotonic() > end:
            log.warning("An archive was cut off: its reader was too slow")
            return
        yield chunk
