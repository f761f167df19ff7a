"""Jobs that were submitted: one of them, a page of them, and its end before its time."""

import base64
import hashlib
import uuid
from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.http import parse_etags
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from ninja import Router

from accounts import access
from jobs import catalog, lifecycle, queries, wire
from jobs.api import describe, strict, tags
from jobs.api.auth import KeyAuth, key_of
from jobs.api.body import read_nothing
from jobs.api.errors import ApiError
from jobs.models import Job, State

DEFAULT_LIMIT, MOST = 20, 100

router = Router(auth=KeyAuth(), tags=["Jobs"])


@router.get("/jobs", operation_id="list_jobs", summary=_lazy("List jobs"), openapi_extra=describe.list_jobs())
def list_jobs(request: HttpRequest) -> JsonResponse:
    key = key_of(request)
    access.require(key, "jobs.read", key.team)
    asked = strict.query(request, READERS)
    limit = asked.pop("limit", DEFAULT_LIMIT)
    found = queries.page(key.team, limit=limit + 1, **{NAMES[name]: value for name, value in asked.items()})
    jobs = found[:limit]
    following = _cursor(jobs[-1]) if len(found) > limit else None
    return JsonResponse({"jobs": [wire.job_document(job) for job in jobs], "nextCursor": following})


@router.get(
    "/jobs/{request_id}", operation_id="get_job", summary=_lazy("Get a job"), openapi_extra=describe.job()
)
def get_job(request: HttpRequest, request_id: str) -> HttpResponse:
    key = key_of(request)
    access.require(key, "jobs.read", key.team)
    return _unless_known(request, JsonResponse(wire.job_document(_job(request, request_id))))


@router.post(
    "/jobs/{request_id}/cancel",
    operation_id="cancel_job",
    summary=_lazy("Cancel a job"),
    openapi_extra=describe.cancel(),
)
def cancel_job(request: HttpRequest, request_id: str) -> JsonResponse:
    read_nothing(request)
    key = key_of(request)
    access.require(key, "jobs.cancel", key.team)
    lifecycle.cancel(_job(request, request_id).pk, reason=key.label)
    job = _job(request, request_id)
    if job.state != State.CANCELED:
        raise ApiError(409, "job_ended", _("The job has ended already; it cannot be canceled."))
    return JsonResponse(wire.job_document(job))


def _job(request: HttpRequest, request_id: str) -> Job:
    try:
        return queries.for_api(key_of(request).team, uuid.UUID(request_id))
    except (ValueError, Job.DoesNotExist):
        raise ApiError(404, "not_found", _("There is no such job in this key's team.")) from None


def _unless_known(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The answer with its ETag, or 304 for a client that has these very bytes."""
    etag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if "*" in known or etag in (each.removeprefix("W/") for each in known):
        response = HttpResponse(status=304)
        del response["Content-Type"]
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    return response


# --- the parameters of a list ---------------------------------------------------------------------


def _limit(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MOST):
        sentence = _("%(path)s must be from %(low)s to %(high)s.")
        raise strict.wrong(name, "out_of_range", sentence % {"path": name, "low": 1, "high": MOST})
    return int(text)


def _choice(*choices: str):  # type: ignore[no-untyped-def]
    def read(name: str, text: str) -> str:
        if text not in choices:
            sentence = _("%(path)s must be one of: %(choices)s.")
            raise strict.wrong(name, "not_a_choice", sentence % {"path": name, "choices": ", ".join(choices)})
        return text

    return read


def _moment(name: str, text: str) -> datetime:
    try:
        # A + that was not escaped has become a space.
        found = datetime.fromisoformat(text.replace(" ", "+"))
        if found.tzinfo is None:
            raise ValueError(text)
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        sentence = _("%(name)s must be a time with its offset, such as 2026-01-31T12:00:00Z.")
        raise strict.wrong(name, "invalid", sentence % {"name": name}) from None


def _cursor(job: Job) -> str:
    return base64.urlsafe_b64encode(f"{job.created_at.isoformat()} {job.pk.hex}".encode()).decode()


def _position(name: str, text: str) -> tuple[datetime, uuid.UUID]:
    try:
        moment, _space, job_id = base64.b64decode(text, altchars=b"-_", validate=True).decode().partition(" ")
        found = datetime.fromisoformat(moment)
        if found.tzinfo is None:
            raise ValueError(text)
        return found.astimezone(UTC), uuid.UUID(job_id)
    except (ValueError, OverflowError):
        sentence = _("%(name)s is not one that this site gave; begin without it.")
        raise strict.wrong(name, "invalid", sentence % {"name": name}) from None


READERS = {
    "status": _choice("processing", "completed", "failed"),
    "model": _choice(*catalog.MODELS),
    "reference": tags.reference,
    "createdAfter": _moment,
    "createdBefore": _moment,
    "limit": _limit,
    "cursor": _position,
}
NAMES = {
    "status": "status",
    "model": "model",
    "reference": "reference",
    "createdAfter": "since",
    "createdBefore": "before",
    "cursor": "after",
}
