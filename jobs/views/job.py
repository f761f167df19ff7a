"""One job's page: its changing parts, what can be taken away from it, and how it is canceled."""

import json
import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRefresh

from accounts import access, doors, ledger
from jobs import catalog, derived, forecast, inputs, lifecycle, queries, wire, words
from jobs.catalog.base import FieldSpec
from jobs.files import serve
from jobs.forecast import Forecast
from jobs.form_state import FormState, upload_id
from jobs.models import Job, JobEvent, State, Upload
from jobs.templatetags.forecast import sentence
from jobs.webhooks import deliveries

T = TypeVar("T", bound=HttpResponseBase)
LEAST_SHOWN = 0.05  # seconds: less is written as 0.0


@doors.team("jobs.read")
@never_cache
@require_safe
def job(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    return render(request, "jobs/job.html", _job_context(request, _job(request, job_id)))


@doors.team("jobs.read")
@never_cache
@require_safe
def job_card(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    """The job page's changing parts: 204 while they are still as `v` says."""
    try:
        found = _job(request, job_id)
    except Http404:
        if not request.htmx:
            raise
        return (
            HttpResponseClientRefresh()
        )  # deleted by somebody: the page asks no more, and says that it is gone
    told = forecast.forecasts([found])
    if request.GET.get("v") == _stamp(found, told):
        return HttpResponse(status=204)
    return render(request, "jobs/_job_card.html", {**_job_context(request, found, told), "fragment": True})


@doors.team("jobs.read")
@never_cache
@require_safe
def job_document(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    """The job document as a file."""
    found = _job(request, job_id)
    answer = HttpResponse(_document(found), content_type="application/json")
    return _as_download(answer, derived.download_name(found, ".json"))


@doors.team("jobs.read")
@require_safe
def job_sound(request: HttpRequest, job_id: uuid.UUID) -> HttpResponseBase:
    return _derived(request, job_id, derived.SOUND)


@doors.team("jobs.read")
@require_safe
def job_sheet(request: HttpRequest, job_id: uuid.UUID) -> HttpResponseBase:
    return _derived(request, job_id, derived.SHEET)


@doors.team("jobs.cancel")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    """Asks (for browsers without scripts), then cancels. A job that has ended meanwhile stays as it is."""
    found = _job(request, job_id)
    if request.method != "POST":
        if found.is_active:
            return render(request, "jobs/cancel.html", {"job": found})
        return redirect("job", found.pk)
    # By number: an address or a name would outlive the account.
    if lifecycle.cancel(found.pk, reason=f"Person {request.user.pk}"):
        messages.success(request, _("The job is canceled. What it had set aside is back in your balance."))
    else:
        messages.info(request, _("The job had already ended."))
    return redirect("job", found.pk)


def _derived(request: HttpRequest, job_id: uuid.UUID, kind: derived.Kind) -> HttpResponseBase:
    """What was made of the job's video, as a download; made now if it is asked for the first time."""
    found = _job(request, job_id)
    try:
        name = derived.stored(found, kind)
    except derived.NotMade as refusal:
        messages.error(request, refusal.sentence)
        return redirect("job", found.pk)
    etag = f'"{found.output_sha256[:32]}-{kind.name}"'
    answer = serve(request, default_storage.open(name), etag=etag, content_type=kind.content_type)
    return _as_download(answer, derived.download_name(found, kind.suffix))


def _as_download(answer: T, name: str) -> T:
    answer["Content-Disposition"] = content_disposition_header(True, name)
    return answer


def _job(request: HttpRequest, job_id: uuid.UUID) -> Job:
    try:
        return queries.detail(request.team, job_id)
    except Job.DoesNotExist:
        # A link from another team of this person; nobody else is told that there is such a job.
        request.elsewhere = queries.team_of(job_id, request.memberships)
        raise Http404 from None


@dataclass(frozen=True)
class Parameter:
    """One line of "what was asked for".

    shown : the page's own address of the file, "" where there is none that may be shown. gone : it was an upload,
    which is not kept any more.
    """

    field: FieldSpec
    text: str
    upload: Upload | None
    shown: str = ""
    gone: bool = False

    @property
    def is_address(self) -> bool:
        return self.field.is_media and not (self.shown or self.gone)


def _parameters(found: Job) -> list[Parameter]:
    values = FormState.from_json(found.form_state).values
    spec = catalog.MODELS.get(found.model)
    if spec is None:
        return []
    ids = [item for value in values.values() if isinstance(value, str) and (item := upload_id(value))]
    uploads = Upload.objects.filter(team=found.team_id).in_bulk(ids)
    return [_parameter(field, values[field.name], uploads) for field in spec.fields if field.name in values]


def _parameter(field: FieldSpec, value: Any, uploads: Mapping[uuid.UUID, Upload]) -> Parameter:
    text = str(dict(field.choices).get(value, value))
    if not field.is_media:
        return Parameter(field, text, None)
    if known := upload_id(value):
        upload = uploads.get(known)
        shown = reverse("upload_file", args=[upload.pk]) if upload else ""
        return Parameter(field, upload.name if upload else "", upload, shown, gone=upload is None)
    samples = f"{settings.SITE_URL}{inputs.SAMPLES}"
    return Parameter(field, text, None, urlsplit(value).path if value.startswith(samples) else "")


@dataclass(frozen=True)
class Step:
    """One line of the timeline. after : seconds since the line before; None for the first, and where it was at once."""

    event: JobEvent
    after: float | None


def _steps(found: Job) -> list[Step]:
    events = list(found.events.all())
    times = [None, *(event.at for event in events)]
    return [Step(event, _between(last, event.at)) for event, last in zip(events, times, strict=False)]


def _between(last: datetime | None, now: datetime) -> float | None:
    seconds = (now - last).total_seconds() if last else 0.0
    return seconds if seconds >= LEAST_SHOWN else None


def _document(found: Job) -> str:
    """What the API answers and the webhook sends, laid out for reading."""
    return json.dumps(wire.job_document(found), ensure_ascii=False, indent=2)


def _stamp(found: Job, told: Mapping[uuid.UUID, Forecast]) -> str:
    """What the page shows of a job that can change: its version, and what is foretold, which time alone changes."""
    said = sentence(told[found.pk]) if found.pk in told else ""
    return f"{found.version}-{zlib.crc32(said.encode()):x}"


def _job_context(
    request: HttpRequest, found: Job, told: Mapping[uuid.UUID, Forecast] | None = None
) -> dict[str, Any]:
    told = forecast.forecasts([found]) if told is None else told
    has_video = found.state == State.COMPLETED and bool(found.output_file)
    sees = access.may(request.membership, "webhooks.read", request.team)
    return {
        "job": found,
        "spec": catalog.MODELS.get(found.model),
        "has_video": has_video,
        "poster": reverse("poster", args=[found.pk, found.output_token]) if has_video else "",
        "parameters": _parameters(found),
        "steps": _steps(found),
        "forecasts": told,
        "stamp": _stamp(found, told),
        "next_step": words.next_step(found.error_code) if found.state == State.FAILED else None,
        "deliveries": deliveries.with_log(found.deliveries.all()),
        "entries": ledger.entries(request.team).filter(job_id=found.pk).order_by("pk"),
        "document": _document(found),
        "may_cancel": found.is_active and access.may(request.membership, "jobs.cancel", request.team),
        "may_submit": access.may(request.membership, "jobs.submit", request.team),
        "sees_webhooks": sees,
        "may_replay": sees and access.may(request.membership, "webhooks.replay", request.team),
    }
