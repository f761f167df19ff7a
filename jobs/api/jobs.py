"""Jobs that were submitted: one of them, a page of them, and its end before its time."""

import hashlib
import uuid

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.http import parse_etags
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from ninja import Router

from accounts import access
from jobs import catalog, cursors, lifecycle, queries, wire
from jobs.api import describe, strict, tags
from jobs.api.auth import KeyAuth, key_of
from jobs.api.body import read_nothing
from jobs.api.errors import ApiError
from jobs.models import Job, State

router = Router(auth=KeyAuth(), tags=["Jobs"])


@router.get(
    "/jobs", operation_id="list_jobs", summary=gettext_lazy("List jobs"), openapi_extra=describe.list_jobs()
)
def list_jobs(request: HttpRequest) -> JsonResponse:
    key = key_of(request)
    access.require(key, "jobs.read", key.team)
    asked = strict.query(request, READERS)
    limit = asked.pop("limit", strict.DEFAULT_A_PAGE)
    found = queries.page(key, limit=limit + 1, **{NAMES[name]: value for name, value in asked.items()})
    jobs = found[:limit]
    following = cursors.encode(jobs[-1].created_at, jobs[-1].pk) if len(found) > limit else None
    return JsonResponse({"jobs": [wire.job_document(job) for job in jobs], "nextCursor": following})


@router.get(
    "/jobs/{request_id}",
    operation_id="get_job",
    summary=gettext_lazy("Get a job"),
    openapi_extra=describe.job(),
)
def get_job(request: HttpRequest, request_id: str) -> HttpResponse:
    key = key_of(request)
    access.require(key, "jobs.read", key.team)
    return _unless_known(request, JsonResponse(wire.job_document(_job(request, request_id))))


@router.post(
    "/jobs/{request_id}/cancel",
    operation_id="cancel_job",
    summary=gettext_lazy("Cancel a job"),
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
        return queries.for_api(key_of(request), uuid.UUID(request_id))
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


READERS = {
    "status": strict.choice(*wire.STATUSES),
    "model": strict.choice(*catalog.MODELS),
    "reference": tags.reference,
    "createdAfter": strict.moment,
    "createdBefore": strict.moment,
    "limit": strict.limit,
    "cursor": strict.position,
}
NAMES = {
    "status": "status",
    "model": "model",
    "reference": "reference",
    "createdAfter": "since",
    "createdBefore": "before",
    "cursor": "after",
}
