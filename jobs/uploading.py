"""Large files that come in part by part, and go on where they stopped when the connection or the site was away.

A part is stored before it is counted, by a guarded UPDATE, so that a part that broke off is as if it had never come.
Each try at a part has a number of its own, taken first: of the files that begin at one offset the one with the highest
number is the part, since its own UPDATE asks that nobody took a number after it.
"""

import logging
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Team, User
from jobs import media
from jobs.media import MediaRefused
from jobs.models import PartialUpload, Upload
from jobs.turns import NoTurn, Turns

log = logging.getLogger(__name__)

PART_BYTES = 4_000_000  # of each but the last
MOST_UNFINISHED = 50  # of a team
PART = re.compile(r"(\d+)-(\d+)")  # its first byte, and the number of the try
LATER = frozenset({"busy", "storage_full"})  # refusals that say nothing about the file

# Putting the parts together costs the disk's time and room; a team does it once at a time, as with probes.
_finishing = Turns(at_once=2, waiting=2)
FINISH_WAIT = 5.0  # seconds


class NotThere(Exception):
    """The team has no such upload, or not any more."""


class WrongPart(Exception):
    """This is not the part that comes next; `partial` says where to go on."""

    def __init__(self, partial: PartialUpload):
        super().__init__()
        self.partial = partial


class _Overtaken(Exception):
    """Another process was faster, or the upload was abandoned meanwhile."""


def begin(*, team: Team, user: User, kind: str, name: str, size: int) -> PartialUpload:
    """Make room for a file of `size` bytes. Raises MediaRefused, as accept_upload does once it has come."""
    media.check_room(team=team, kind=kind, size=size)
    # As with the bytes: those that begin at the same time do not see one another, and may pass the number by a few.
    if PartialUpload.objects.filter(team=team).count() >= MOST_UNFINISHED:
        sentence = _(
            "The team has %(count)s uploads that are not finished. Finish some of them, or try again tomorrow: they "
            "go after a day without a change."
        )
        raise MediaRefused("too_many_unfinished", sentence % {"count": MOST_UNFINISHED})
    return PartialUpload.objects.create(
        team=team, person=user, kind=kind, name=media.clean_name(name), size=size
    )


def standing(*, team: Team, pk: uuid.UUID) -> PartialUpload:
    """How far it has come; one that is finished has come in full. Raises NotThere."""
    if partial := PartialUpload.objects.filter(team=team, pk=pk).first():
        return partial
    kept = _finished(team, pk)
    return PartialUpload(
        pk=pk, team=team, kind=kept.kind, name=kept.name, size=kept.bytes, received=kept.bytes
    )


def expected(partial: PartialUpload) -> int:
    """The bytes of the part that comes next; 0 when all are here."""
    return min(PART_BYTES, partial.size - partial.received)


def add_part(*, team: Team, pk: uuid.UUID, at: int, content: bytes) -> PartialUpload:
    """Keep the part that begins with byte `at`. One that is here already changes nothing.

    Raises NotThere, WrongPart where another is expected, and MediaRefused where it cannot be stored.
    """
    partial = standing(team=team, pk=pk)
    if _is_here(partial, at, content):
        return partial
    if at != partial.received or len(content) != expected(partial):
        raise WrongPart(partial)
    number = partial.parts
    waiting = PartialUpload.objects.filter(team=team, pk=pk, received=at)
    if not waiting.filter(parts=number).update(parts=number + 1):
        return _overtaken(team, pk, at, content)
    name = f"{media.parts_folder(pk)}/{at}-{number}"
    _store_part(name, content)
    after = at + len(content)
    if not waiting.filter(parts=number + 1).update(received=after, changed_at=timezone.now()):
        media.delete(name)
        return _overtaken(team, pk, at, content)
    partial.received = after
    return partial


def _is_here(partial: PartialUpload, at: int, content: bytes) -> bool:
    return bool(content) and at >= 0 and at + len(content) <= partial.received


def _overtaken(team: Team, pk: uuid.UUID, at: int, content: bytes) -> PartialUpload:
    """Where it stands, when another try at this part was faster. Raises WrongPart while that one is still under way."""
    partial = standing(team=team, pk=pk)
    if not _is_here(partial, at, content):
        raise WrongPart(partial)
    return partial


def _store_part(name: str, content: bytes) -> None:
    try:
        default_storage.save(name, ContentFile(content))
    except OSError as error:
        log.exception("A part of an upload could not be kept")
        with suppress(OSError):
            media.delete(name)
        sentence = _("The site cannot keep the file now; please try again later, or tell its operator.")
        raise MediaRefused("storage_full", sentence) from error


def finish(*, team: Team, pk: uuid.UUID) -> Upload:
    """Put the parts together, probe the file and keep it. Doing it again gives the same upload.

    Raises NotThere, WrongPart while parts are missing, and MediaRefused; what is no medium goes at once.
    """
    with _turn(team):
        partial = PartialUpload.objects.filter(team=team, pk=pk).first()
        if partial is None:
            return _finished(team, pk)
        if partial.received < partial.size:
            raise WrongPart(partial)
        try:
            with media.incoming() as path:
                # Whoever is sent away must not have copied the whole file first.
                with media.probing(team):
                    _put_together(partial, path)
                    found = media.probe_upload(path, partial.kind)
                return media.store_upload(
                    path,
                    found,
                    team=team,
                    user=partial.person,
                    name=partial.name,
                    save=lambda kept: _exchange(partial, kept),
                )
        except _Overtaken:
            return _finished(team, pk)
        except MediaRefused as refusal:
            if refusal.code not in LATER:
                abandon(team=team, pk=pk)
            raise


@contextmanager
def _turn(team: Team) -> Iterator[None]:
    try:
        with _finishing.turn(team.pk, seconds=FINISH_WAIT):
            yield
    except NoTurn as error:
        sentence = _("Too many files are coming in right now; please try again in a minute.")
        raise MediaRefused("busy", sentence) from error


def _put_together(partial: PartialUpload, path: Path) -> None:
    """Write the whole file to `path`. Raises MediaRefused when a part has gone, and OSError."""
    folder = media.parts_folder(partial.pk)
    newest: dict[int, int] = {}
    for name in media.names_in(folder):
        if found := PART.fullmatch(name):
            at, number = int(found[1]), int(found[2])
            newest[at] = max(number, newest.get(at, 0))
    with path.open("wb") as file:
        while (at := file.tell()) in newest:
            with default_storage.open(f"{folder}/{at}-{newest[at]}") as part:
                shutil.copyfileobj(part, file, 1 << 20)
            if file.tell() == at:
                break
        if file.tell() != partial.size:
            raise MediaRefused(
                "upload_not_found", _("The upload is not there any more; choose the file again.")
            )


def _exchange(partial: PartialUpload, kept: Upload) -> None:
    """The upload takes the place, and the id, of its parts. Raises _Overtaken."""
    kept.pk = partial.pk
    with transaction.atomic():
        if not PartialUpload.objects.filter(pk=partial.pk, team=partial.team).delete()[0]:
            raise _Overtaken
        kept.save(force_insert=True)
        # Robust: by then the upload is there, whatever becomes of its parts; expiry removes what is left of them.
        transaction.on_commit(lambda: media.drop_folder(media.parts_folder(partial.pk)), robust=True)


def _finished(team: Team, pk: uuid.UUID) -> Upload:
    kept = Upload.objects.filter(team=team, pk=pk).first()
    if kept is None:
        raise NotThere
    return kept


def abandon(*, team: Team, pk: uuid.UUID) -> bool:
    """Forget an upload that is not finished, with its parts; False when there is none."""
    with transaction.atomic():
        if not PartialUpload.objects.filter(team=team, pk=pk).delete()[0]:
            return False
        transaction.on_commit(lambda: media.drop_folder(media.parts_folder(pk)))
    return True


def drop_all(team: Team, *, most: int) -> bool:
    """Abandon so many of a deleted team's; True when there may be more."""
    found = list(PartialUpload.objects.filter(team=team).values_list("pk", flat=True)[:most])
    for pk in found:
        abandon(team=team, pk=pk)
    return bool(found)
