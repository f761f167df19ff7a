"""Media files: accepted from people, probed, stored, expired.

A name or a declared type is never believed: the probe reads the content, in a process of its own.
"""

import contextlib
import functools
import hashlib
import logging
import re
import shutil
import tempfile
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Count, F, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Team, User
from jobs import retention, samples
from jobs.engine.errors import InputError
from jobs.engine.limits import Limits
from jobs.engine.probe import Probe, probe
from jobs.models import Job, PartialUpload, State, Upload
from jobs.turns import NoTurn, Turns

log = logging.getLogger(__name__)

ORPHANS_AFTER = timedelta(days=1)
SWEPT = 50  # teams, each time, whose stored uploads are compared with their rows
TEST_SHARE = 10  # a test key may fill one part of so many


class MediaRefused(Exception):
    """An upload that cannot be used, with a stable code and a sentence."""

    def __init__(self, code: str, sentence: str):
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def limits_for(kind: str) -> Limits:
    most = {
        "image": settings.MEDIA_MAX_IMAGE_BYTES,
        "audio": settings.MEDIA_MAX_AUDIO_BYTES,
        "video": settings.MEDIA_MAX_VIDEO_BYTES,
    }[kind]
    return Limits(bytes=most, seconds=float(settings.OUTPUT_MAX_SECONDS))


def accept_upload(
    *, team: Team, user: User | None, upload: UploadedFile, kind: str, is_test: bool = False
) -> Upload:
    """Probe and keep a file that somebody sent; is_test : with a test key, which costs nothing. Raises MediaRefused."""
    check_room(team=team, kind=kind, size=upload.size, share=TEST_SHARE if is_test else 1)
    with incoming() as path:
        with path.open("wb") as file:
            for chunk in upload.chunks():
                file.write(chunk)
        return keep(path, team=team, user=user, kind=kind, name=upload.name or "")


@contextlib.contextmanager
def incoming() -> Iterator[Path]:
    """Where a file that comes in may be put together; it goes afterwards. An OSError becomes MediaRefused."""
    try:
        with tempfile.TemporaryDirectory(dir=work_folder()) as folder:
            yield Path(folder) / "upload"
    except OSError as error:
        log.exception("An upload could not be kept")
        sentence = _("The site cannot keep the file now; please try again later, or tell its operator.")
        raise MediaRefused("storage_full", sentence) from error


def keep(path: Path, *, team: Team, user: User | None, kind: str, name: str) -> Upload:
    """Probe a file that came in, store it, and save its row. Raises MediaRefused and OSError."""
    with probing(team):
        found = probe_upload(path, kind)
    return store_upload(path, found, team=team, user=user, name=name)


def _insert(upload: Upload) -> None:
    upload.save(force_insert=True)


def store_upload(
    path: Path,
    found: Probe,
    *,
    team: Team,
    user: User | None,
    name: str,
    save: Callable[[Upload], None] = _insert,
) -> Upload:
    """Move a probed file into the storage, then save its row. The file goes again when the row cannot be saved."""
    upload = Upload(
        team=team,
        person=user,
        kind=found.kind,
        name=clean_name(name),
        format=found.format,
        bytes=found.bytes,
        seconds=found.seconds,
        width=found.width,
        height=found.height,
        expires_at=retention.upload_end(team),
    )
    upload.file = store(path, f"uploads/{team.pk}/{uuid.uuid4().hex}", move=True)
    try:
        save(upload)
    except BaseException:
        with contextlib.suppress(OSError):
            delete(upload.file)
        raise
    return upload


def check_room(*, team: Team, kind: str, size: int, share: int = 1) -> None:
    """Raise MediaRefused for a file that is larger than any may be, or than there is room for.

    `share`: one part of so many of what a team may keep. Files that begin to come in at the same time do not see one
    another: there are fewer of them than web threads.
    """
    if size > limits_for(kind).bytes:
        raise MediaRefused("too_large", _too_large(limits_for(kind).bytes))
    most_bytes = settings.UPLOAD_MAX_BYTES_PER_TEAM // share
    most_files = settings.UPLOAD_MAX_FILES_PER_TEAM // share
    files, kept = _kept_by(team)
    over_bytes = settings.UPLOAD_MAX_BYTES_PER_TEAM and kept + size > most_bytes
    over_files = settings.UPLOAD_MAX_FILES_PER_TEAM and files >= most_files
    if over_bytes or over_files:
        sentence = _(
            "The team keeps %(files)s uploaded files of %(size)s MB here, and may keep %(most_files)s of "
            "%(most)s MB; each goes after %(days)s days. Use a file that is here already, or give a public address."
        )
        numbers = {
            "files": files,
            "size": kept // 1_000_000,
            "most_files": most_files or "∞",
            "most": most_bytes // 1_000_000 or "∞",
            "days": retention.of(team).inputs,
        }
        raise MediaRefused("upload_quota", sentence % numbers)


def _kept_by(team: Team) -> tuple[int, int]:
    """How many files the team keeps, and their bytes; those that come in part by part count in full."""
    kept = Upload.objects.filter(team=team).aggregate(bytes=Sum("bytes", default=0), files=Count("pk"))
    coming = PartialUpload.objects.filter(team=team).aggregate(
        bytes=Sum("size", default=0), files=Count("pk")
    )
    return kept["files"] + coming["files"], kept["bytes"] + coming["bytes"]


# Probing costs a processor for a while, and waiting for it a thread: more of either would hold up every page. A team
# has one probe at a time, so that none takes both turns.
_probes = Turns(at_once=2, waiting=2)
PROBE_WAIT = 5.0  # seconds


@contextlib.contextmanager
def probing(team: Team) -> Iterator[None]:
    """The team's turn at probing a file. Raises MediaRefused."""
    try:
        with _probes.turn(team.pk, seconds=PROBE_WAIT):
            yield
    except NoTurn as error:
        sentence = _("Too many files are coming in right now; please try again in a minute.")
        raise MediaRefused("busy", sentence) from error


def probe_upload(path: Path, kind: str) -> Probe:
    """What came in. Within `probing`. Raises MediaRefused."""
    try:
        return probe_file(path, kind)
    except InputError as error:
        raise MediaRefused(error.code, error.sentence) from error


def clean_name(name: str) -> str:
    """A stranger's file name, made fit to be shown: its last part, without control or direction marks."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C")
    return kept.strip()[:100] or "file"


@dataclass(frozen=True)
class StoredFile:
    name: str
    sha256: str
    bytes: int


def store_result(job_id: uuid.UUID, attempt: int, path: Path) -> StoredFile:
    """Put a finished video into the storage under a name that carries the attempt."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    name = store(path, f"results/{job_id}/{attempt}.mp4")
    return StoredFile(name=name, sha256=digest.hexdigest(), bytes=path.stat().st_size)


def store_sample() -> tuple[StoredFile, Probe]:
    """The sample that every test gives, put into the storage by the first of them."""
    path = samples.find("clip.mp4")
    digest, found = _sample_facts(path)
    name = f"samples/{digest}.mp4"
    if not default_storage.exists(name):
        store(path, name)
    return StoredFile(name=name, sha256=digest, bytes=found.bytes), found


@functools.cache
def _sample_facts(path: Path) -> tuple[str, Probe]:
    return hashlib.sha256(path.read_bytes()).hexdigest(), probe_file(path, "video")


class _Movable(File):  # type: ignore[type-arg]
    """A local file that a storage on this machine may move instead of copying it: it is there whole, or not at all."""

    def temporary_file_path(self) -> str:
        return str(self.name)


def store(path: Path, name: str, *, move: bool = False) -> str:
    """Put a local file into the storage; returns its name there. Raises OSError, with nothing left behind.

    move : nobody needs `path` afterwards, and others may look for the name meanwhile.
    """
    try:
        with path.open("rb") as file:
            return default_storage.save(name, _Movable(file) if move else File(file))
    except OSError:
        with contextlib.suppress(OSError):
            default_storage.delete(name)
        raise


def delete(name: str) -> None:
    """Remove a stored file; quiet when it is not there."""
    default_storage.delete(name)


def drop_results(job_id: uuid.UUID, *, up_to: int, keep: str = "") -> None:
    """Delete the files that attempts of this job left, up to that one: a later one may be in use."""
    folder = f"results/{job_id}"
    for name in names_in(folder):
        if f"{folder}/{name}" != keep and _attempt_of(name) <= up_to:
            default_storage.delete(f"{folder}/{name}")


def drop_folder(folder: str) -> None:
    """Delete the stored files under this name."""
    for name in names_in(folder):
        default_storage.delete(f"{folder}/{name}")
    with contextlib.suppress(OSError):  # somebody has just put another file there, and removes it themselves
        default_storage.delete(folder)


def names_in(folder: str) -> list[str]:
    """The names of the files that are stored under this one; none where it is not there."""
    return list(_listed(folder)[1])


def _listed(folder: str) -> tuple[list[str], list[str]]:
    """The folders and the files there."""
    try:  # whether it exists cannot be asked: to a bucket a folder is only how names begin
        return default_storage.listdir(folder)
    except FileNotFoundError:
        return [], []


def work_folder(job_id: uuid.UUID | None = None, attempt: int = 0) -> Path:
    """A folder for temporary files: one for an attempt of a job, or the one that holds them all."""
    folder = settings.DATA_DIR / "work"
    if job_id:
        folder = folder / f"{job_id}-{attempt}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def drop_work(job_id: uuid.UUID, *, up_to: int) -> None:
    """Remove what attempts of this job left in their temporary folders, up to that one."""
    for folder in work_folder().glob(f"{job_id}-*"):
        if _attempt_of(folder.name.removeprefix(f"{job_id}-")) <= up_to:
            shutil.rmtree(folder, ignore_errors=True)


def _attempt_of(name: str) -> int:
    """The attempt that a stored name begins with: 2 of 2.mp4, and of the 2_x7Yq.mp4 that a storage makes of it."""
    digits = re.match(r"\d+", name)
    return int(digits.group()) if digits else 0


def expire() -> int:
    """Delete results and uploads whose time is over, and temporary files that nobody owns; returns how many results."""
    now = timezone.now()
    drop_uploads(Upload.objects.filter(retention.is_over())[:500])
    # Files first and rows afterwards, so that none is forgotten: what is over stays over (jobs/retention.py).
    expired = Job.objects.filter(expires_at__lt=now, state=State.COMPLETED).exclude(output_file="")
    count = 0
    for job_id, name, is_test in list(expired.values_list("pk", "output_file", "is_test")[:500]):
        with _left_for_later(f"job {job_id}"):
            if not is_test:  # the sample is every test's
                default_storage.delete(name)
            drop_folder(f"results/{job_id}")
            over = Job.objects.filter(pk=job_id, output_file=name)
            count += over.update(output_file="", poster_file="", version=F("version") + 1, changed_at=now)
    _drop_abandoned_parts(now - ORPHANS_AFTER)
    _drop_abandoned_work(now - ORPHANS_AFTER)
    _drop_abandoned_uploads(now - ORPHANS_AFTER)
    return count


def drop_uploads(uploads: QuerySet[Upload]) -> None:
    """Delete them, the file first: a row that is left says of what is left."""
    for upload in uploads:
        with _left_for_later(f"upload {upload.pk}"):
            default_storage.delete(upload.file)
            upload.delete()


@contextlib.contextmanager
def _left_for_later(what: str) -> Iterator[None]:
    """A file that cannot be removed must hold up no other; its row is left, and the next round tries again."""
    try:
        yield
    except OSError:
        log.exception("What was stored for %s could not be removed yet", what)


def _drop_abandoned_parts(before: datetime) -> None:
    """Of uploads that nobody has gone on with since, and those that a deleted account or a killed process left."""
    PartialUpload.objects.filter(changed_at__lt=before).delete()
    folders = _listed("parts")[0]  # before the rows: a row is there before its folder
    known = {str(pk) for pk in PartialUpload.objects.values_list("pk", flat=True)}
    for name in folders:
        if name not in known:
            drop_folder(f"parts/{name}")


def parts_folder(pk: uuid.UUID) -> str:
    """Where the parts of a large upload are stored."""
    return f"parts/{pk}"


def _drop_abandoned_work(before: datetime) -> None:
    for path in work_folder().iterdir():
        with contextlib.suppress(FileNotFoundError):  # its owner was faster
            if path.stat().st_mtime < before.timestamp():
                shutil.rmtree(path, ignore_errors=True)


def _drop_abandoned_uploads(before: datetime) -> None:
    """Files whose rows a killed process did not write: of a few teams, drawn anew each time, so that all get theirs."""
    for team_id in list(Team.objects.order_by("?").values_list("pk", flat=True)[:SWEPT]):
        folder = f"uploads/{team_id}"
        stored = {f"{folder}/{name}" for name in names_in(folder)}
        if stored:
            stored -= set(Upload.objects.filter(team=team_id).values_list("file", flat=True))
        for name in stored:
            with _left_for_later(name), contextlib.suppress(FileNotFoundError):
                if default_storage.get_modified_time(name) < before:
                    default_storage.delete(name)


def probe_file(path: Path, kind: str, *, limits: Limits | None = None) -> Probe:
    """What this file is, within the site's limits for what people send, or within these. Raises InputError."""
    return probe(path, kind=kind, limits=limits or limits_for(kind))


def _too_large(most: int) -> str:
    return _("The file is larger than %(limit)s MB; please send a smaller one.") % {
        "limit": most // 1_000_000
    }
