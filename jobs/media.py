"""Media files: accepted from people, fetched from addresses, probed, stored, expired.

A name or a declared type is never believed: the probe reads the content, in a process of its own.
"""

import hashlib
import shutil
import tempfile
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core import signing
from django.core.files import File
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Team, User
from jobs import samples
from jobs.catalog import FieldSpec
from jobs.engine.errors import InputError
from jobs.engine.limits import Limits
from jobs.engine.probe import Probe, probe
from jobs.form_state import FormState, upload_id
from jobs.models import Job, State, Upload
from jobs.problems import FieldProblem, Invalid, JobFailure
from lipsyncweb.http import outbound

SAMPLES = {"/samples/portrait.png": samples.portrait_path, "/samples/speech.wav": samples.speech_path}
ORPHANS_AFTER = timedelta(days=1)


class MediaRefused(Exception):
    """An upload that cannot be used, with a stable code and a sentence."""

    def __init__(self, code: str, sentence: str):
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True)
class OwnFile:
    """An input that lies here already, so that its length is known before anything is fetched."""

    name: str
    seconds: float | None


def limits_for(kind: str) -> Limits:
    most = {
        "image": settings.MEDIA_MAX_IMAGE_BYTES,
        "audio": settings.MEDIA_MAX_AUDIO_BYTES,
        "video": settings.RESULT_MAX_BYTES,
    }[kind]
    return Limits(bytes=most, seconds=float(settings.OUTPUT_MAX_SECONDS))


def accept_upload(*, team: Team, user: User | None, upload: UploadedFile, kind: str) -> Upload:
    """Probe and keep a file that somebody sent. Raises MediaRefused."""
    limits = limits_for(kind)
    if upload.size > limits.bytes:
        raise MediaRefused("too_large", _too_large(limits.bytes))
    with tempfile.TemporaryDirectory(dir=work_folder()) as folder:
        path = Path(folder) / "upload"
        with path.open("wb") as file:
            for chunk in upload.chunks():
                file.write(chunk)
        try:
            found = probe(path, kind=kind, limits=limits)
        except InputError as error:
            raise MediaRefused(error.code, error.sentence) from error
        name = f"uploads/{team.pk}/{uuid.uuid4().hex}"
        with path.open("rb") as file:
            stored = default_storage.save(name, File(file))
    return Upload.objects.create(
        team=team,
        person=user,
        kind=kind,
        name=clean_name(upload.name or ""),
        file=stored,
        format=found.format,
        bytes=found.bytes,
        seconds=found.seconds,
        width=found.width,
        height=found.height,
    )


def clean_name(name: str) -> str:
    """A stranger's file name, made fit to be shown: its last part, without control or direction marks."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C")
    return kept.strip()[:100] or "file"


def own_inputs(team: Team, form_state: FormState) -> dict[str, OwnFile]:
    """Those inputs of the request that lie here: uploads of this team, and the samples. Raises Invalid."""
    found = {}
    for field in form_state.spec.media_fields:
        value = form_state.values.get(field.name)
        if value is None:
            continue
        if upload_id(value):
            upload = _upload(team, value, field.kind)
            if upload is None:
                sentence = _("%(field)s: this upload is not there any more; please choose the file again.")
                path = f"formState.{field.name}"
                raise Invalid([FieldProblem(path, "upload_not_found", sentence % {"field": path})])
            found[field.name] = OwnFile(upload.name, upload.seconds)
        elif sample := _sample(value):
            found[field.name] = OwnFile(sample.name, _sample_seconds(sample, field))
    return found


def _sample_seconds(sample: Path, field: FieldSpec) -> float | None:
    try:
        return probe_file(sample, field.kind).seconds
    except InputError as error:  # the portrait where speech belongs, say
        path = f"formState.{field.name}"
        raise Invalid([FieldProblem(path, error.code, f"{path}: {error.sentence}")]) from error


def label(form_state: FormState, inputs: Mapping[str, OwnFile]) -> str:
    """A short name for the job, made of its inputs' file names: portrait-speech."""
    stems = []
    for field in form_state.spec.media_fields:
        value = form_state.values.get(field.name)
        if value and field.required:
            own = inputs.get(field.name)
            stems.append(Path(own.name if own else clean_name(unquote(urlsplit(value).path))).stem[:30])
    return "-".join(stem for stem in stems if stem)


@dataclass(frozen=True)
class Inputs:
    """A job's inputs as local files, and the lengths in seconds of those that have one."""

    paths: dict[str, Path]
    seconds: dict[str, float]


def gather(job: Job, folder: Path) -> Inputs:
    """Bring the job's inputs into `folder` and probe each. Raises JobFailure with the field's name in it."""
    state = FormState.from_json(job.form_state)
    inputs = Inputs({}, {})
    for field in state.spec.media_fields:
        value = state.values.get(field.name)
        if value is None:
            continue
        try:
            path = _bring(job.team, value, field.kind, folder / field.name)
            found = probe_file(path, field.kind)
        except (InputError, outbound.OutboundError) as error:
            raise JobFailure(error.code, f"{field.name}: {error.sentence}") from error
        inputs.paths[field.name] = path
        if found.seconds is not None:
            inputs.seconds[field.name] = found.seconds
    return inputs


INPUT_SALT = "jobs.media.input"


def outside_addresses(job: Job) -> dict[str, str]:
    """Where another server fetches this job's inputs: the original addresses, and signed ones for our uploads."""
    state = FormState.from_json(job.form_state)
    base = (job.connection.callback_base if job.connection else "") or settings.SITE_URL
    found = {}
    for field in state.spec.media_fields:
        value = state.values.get(field.name)
        if value is None:
            continue
        upload = _upload(job.team, value, field.kind) if upload_id(value) else None
        found[field.name] = (
            f"{base}/inputs/{signing.dumps(str(upload.pk), salt=INPUT_SALT)}" if upload else value
        )
    return found


def signed_upload(token: str) -> Upload | None:
    """The upload that a signed address names, for as long as a job may last."""
    try:
        found = signing.loads(token, salt=INPUT_SALT, max_age=settings.JOB_DEADLINE_SECONDS)
    except signing.BadSignature:
        return None
    return Upload.objects.filter(pk=found).first()


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
        file.seek(0)
        name = default_storage.save(f"results/{job_id}/{attempt}.mp4", File(file))
    return StoredFile(name=name, sha256=digest.hexdigest(), bytes=path.stat().st_size)


def delete(name: str) -> None:
    """Remove a stored file; quiet when it is not there."""
    default_storage.delete(name)


def drop_other_results(job_id: uuid.UUID, keep: str = "") -> None:
    """Delete the files that other attempts of this job left."""
    folder = f"results/{job_id}"
    if not default_storage.exists(folder):
        return
    for name in default_storage.listdir(folder)[1]:
        if f"{folder}/{name}" != keep:
            default_storage.delete(f"{folder}/{name}")


def work_folder(job_id: uuid.UUID | None = None, attempt: int = 0) -> Path:
    """A folder for temporary files: one for an attempt of a job, or the one that holds them all."""
    folder = settings.DATA_DIR / "work"
    if job_id:
        folder = folder / f"{job_id}-{attempt}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def drop_work(job_id: uuid.UUID) -> None:
    """Remove what any attempt of this job left in its temporary folders."""
    for folder in work_folder().glob(f"{job_id}-*"):
        shutil.rmtree(folder, ignore_errors=True)


def expire() -> int:
    """Delete results whose time is over and temporary files that nobody owns any more; returns how many results."""
    now = timezone.now()
    expired = Job.objects.filter(expires_at__lt=now, state=State.COMPLETED).exclude(output_file="")
    count = 0
    for job_id, name in list(expired.values_list("pk", "output_file")[:500]):
        default_storage.delete(name)
        count += Job.objects.filter(pk=job_id, output_file=name).update(output_file="")
    _drop_abandoned_work(now - ORPHANS_AFTER)
    return count


def _drop_abandoned_work(before: datetime) -> None:
    for path in work_folder().iterdir():
        if path.stat().st_mtime < before.timestamp():
            shutil.rmtree(path, ignore_errors=True)


def _bring(team: Team, value: str, kind: str, target: Path) -> Path:
    if upload_id(value):
        upload = _upload(team, value, kind)
        if upload is None or not default_storage.exists(upload.file):
            raise InputError(
                "upload_not_found", "This upload is not there any more; please send the file again."
            )
        with default_storage.open(upload.file) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file)
        return target
    if sample := _sample(value):
        return sample
    with target.open("wb") as file:
        outbound.download(
            value,
            file,
            policy=outbound.policy_from_settings(),
            max_bytes=limits_for(kind).bytes,
            seconds=settings.MEDIA_FETCH_SECONDS,
        )
    return target


def _upload(team: Team, value: str, kind: str) -> Upload | None:
    return Upload.objects.filter(team=team, pk=upload_id(value), kind=kind).first()


def _sample(value: str) -> Path | None:
    """The site's own sample that this address names, which needs no request to be had."""
    if not value.startswith(settings.SITE_URL + "/"):
        return None
    find = SAMPLES.get(value.removeprefix(settings.SITE_URL))
    return find() if find else None


def probe_file(path: Path, kind: str) -> Probe:
    """What this file is, within the site's limits. Raises InputError."""
    return probe(path, kind=kind, limits=limits_for(kind))


def _too_large(most: int) -> str:
    return _("The file is larger than %(limit)s MB; please send a smaller one.") % {
        "limit": most // 1_000_000
    }
