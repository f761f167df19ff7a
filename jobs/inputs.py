"""A job's inputs: which of them lie here, and how the others are brought.

They are fetched by the light worker before the job waits for its render, so that a slow server delays no other job.
"""

import functools
import re
import shutil
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core import signing
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from accounts.models import Team
from jobs import media, retention, samples
from jobs.catalog import FieldSpec
from jobs.engine.contract import IsCanceled
from jobs.engine.errors import Canceled, InputError
from jobs.form_state import FormState, upload_id
from jobs.models import Job, Upload
from jobs.problems import FieldProblem, Invalid, JobFailure
from lipsyncweb.http import outbound

SAMPLES = "/samples/"
SALT = "jobs.inputs"
LABEL_LETTERS = 30  # of each file's name
ENDING = re.compile(r"\.[A-Za-z0-9]{1,5}$")


@dataclass(frozen=True)
class OwnFile:
    """An input that lies here already, so that its length is known before anything is fetched."""

    name: str
    seconds: float | None


def own_inputs(team: Team, form_state: FormState) -> dict[str, OwnFile]:
    """Those inputs of the request that lie here: uploads of this team, and the samples. Raises Invalid."""
    found = {}
    given = {field: form_state.values.get(field.name) for field in form_state.spec.media_fields}
    uploads = _uploads(team, [value for value in given.values() if value])
    for field, value in given.items():
        if value is None:
            continue
        if upload := upload_id(value):
            file = uploads.get(upload)
            if file is None or file.kind != field.kind:
                sentence = _("%(field)s: this upload is not there any more; please choose the file again.")
                path = f"formState.{field.name}"
                raise Invalid([FieldProblem(path, "upload_not_found", sentence % {"field": path})])
            found[field.name] = OwnFile(file.name, file.seconds)
        elif sample := _sample(value):
            found[field.name] = OwnFile(sample.name, _sample_seconds(sample, field))
    return found


def label(form_state: FormState, own: Mapping[str, OwnFile]) -> str:
    """A short name for the job, made of its inputs' file names: portrait-speech."""
    stems = []
    for field in form_state.spec.media_fields:
        value = form_state.values.get(field.name)
        if value and field.required:
            file = own.get(field.name)
            name = file.name if file else media.clean_name(unquote(urlsplit(value).path))
            stems.append(_stem(name))
    return "-".join(stem for stem in stems if stem)


def _stem(name: str) -> str:
    """A file's name without its ending; what a voice said is named by its first words, in quotes and with no ending."""
    stem = ENDING.sub("", name).strip("“”… ")
    if len(stem) <= LABEL_LETTERS:
        return stem
    cut = stem[:LABEL_LETTERS]
    return cut.rsplit(" ", 1)[0].rstrip(",.;:!? ") + "…" if " " in cut else cut


@dataclass(frozen=True)
class Inputs:
    """A job's inputs as local files, and the lengths in seconds of those that have one."""

    paths: dict[str, Path]
    seconds: dict[str, float]


def gather(job: Job, folder: Path, *, is_canceled: IsCanceled) -> Inputs:
    """Bring the job's inputs into `folder` and probe each. One deadline covers all of them.

    Raises JobFailure with the field's name in its sentence, and Canceled.
    """
    state = FormState.from_json(job.form_state)
    inputs = Inputs({}, {})
    ends = time.monotonic() + settings.MEDIA_FETCH_SECONDS
    for field in state.spec.media_fields:
        value = state.values.get(field.name)
        if value is None:
            continue
        if is_canceled():
            raise Canceled
        try:
            path = _bring(job, value, field, folder / field.name, seconds=max(1.0, ends - time.monotonic()))
            found = media.probe_file(path, field.kind)
        except (InputError, outbound.OutboundError) as error:
            raise JobFailure(error.code, f"{field.name}: {error.sentence}") from error
        inputs.paths[field.name] = path
        if found.seconds is not None:
            inputs.seconds[field.name] = found.seconds
    return inputs


def keep(job: Job, inputs: Inputs) -> dict[str, str]:
    """Store what was fetched, for the worker that renders; returns the names in the storage by field."""
    return {
        name: media.store(path, f"inputs/{job.pk}/{name}")
        for name, path in inputs.paths.items()
        if not upload_id(job.values[name]) and _sample(job.values[name]) is None
    }


def drop(job: Job) -> None:
    """Delete what was fetched for a job that has ended, noted or not: a worker may have died before it was."""
    media.drop_folder(f"inputs/{job.pk}")


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
        found[field.name] = f"{base}/inputs/{_token(upload, job)}" if upload else value
    return found


def _token(upload: Upload, job: Job) -> str:
    """The same for each send of a job: a repeat under one Idempotency-Key must be the same to the byte."""
    ends = int(job.deadline.timestamp())
    return signing.Signer(salt=SALT).sign_object([str(upload.pk), ends])


def signed_upload(token: str) -> Upload | None:
    """The upload that a signed address names, for as long as a job may last."""
    try:
        upload, ends = signing.Signer(salt=SALT).unsign_object(token)
    except (signing.BadSignature, ValueError):
        return None
    kept = Upload.objects.filter(pk=upload, team__deleted_at=None)
    return kept.first() if time.time() < ends else None


def _bring(job: Job, value: str, field: FieldSpec, target: Path, *, seconds: float) -> Path:
    if sample := _sample(value):
        return sample
    with target.open("wb") as file:
        if stored := _stored(job, value, field):
            with default_storage.open(stored) as source:
                shutil.copyfileobj(source, file)
        else:
            outbound.download(
                value,
                file,
                policy=outbound.policy_from_settings(),
                max_bytes=media.limits_for(field.kind).bytes,
                seconds=seconds,
                pace=outbound.Pace(settings.MEDIA_FETCH_LEAST_RATE),
            )
    return target


def _stored(job: Job, value: str, field: FieldSpec) -> str:
    """The name in the storage of an input that lies there already; nothing for one that must be fetched."""
    if field.name in job.inputs:
        return str(job.inputs[field.name])
    if not upload_id(value):
        return ""
    upload = _upload(job.team, value, field.kind)
    if upload is None or not default_storage.exists(upload.file):
        raise InputError("upload_not_found", "This upload is not there any more; please send the file again.")
    return upload.file


def _uploads(team: Team, values: Iterable[str]) -> dict[uuid.UUID, Upload]:
    """The team's uploads that these values name and whose time is not over, in one query."""
    wanted = {upload for value in values if (upload := upload_id(value))}
    return Upload.objects.filter(retention.lasting(), team=team).in_bulk(wanted) if wanted else {}


def _upload(team: Team, value: str, kind: str) -> Upload | None:
    return Upload.objects.filter(team=team, pk=upload_id(value), kind=kind).first()


def _sample(value: str) -> Path | None:
    """The site's own sample that this address names, which needs no request to be had."""
    folder = settings.SITE_URL + SAMPLES
    name = value.removeprefix(folder)
    return samples.find(name) if value.startswith(folder) and name in samples.CONTENT_TYPES else None


@functools.lru_cache(maxsize=8)
def _sample_length(sample: Path, kind: str) -> float | None:
    """Probed once a process: the samples do not change while a site runs."""
    return media.probe_file(sample, kind).seconds


def _sample_seconds(sample: Path, field: FieldSpec) -> float | None:
    try:
        return _sample_length(sample, field.kind)
    except InputError as error:  # the portrait where speech belongs, say
        path = f"formState.{field.name}"
        raise Invalid([FieldProblem(path, error.code, f"{path}: {error.sentence}")]) from error
