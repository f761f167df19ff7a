"""The team's jobs: the list that keeps itself up to date, and one job."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import access, doors, ledger
from jobs import catalog, lifecycle, queries
from jobs.catalog.base import FieldSpec
from jobs.form_state import FormState, upload_id
from jobs.models import Job, Upload
from jobs.webhooks import deliveries

PAGE = 20


@doors.team("jobs.read")
@never_cache
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    before = _moment(request.GET.get("before", ""))
    rows = queries.history(request.team, before=before, limit=PAGE + 1)
    shown = rows[:PAGE]
    context = {
        "jobs": shown,
        "poll": _poll(shown) if before is None else None,
        "older": shown[-1].created_at.isoformat() if len(rows) > PAGE else "",
        "is_first": before is None,
    }
    return render(request, "jobs/history.html", context)


@doors.team("jobs.read")
@never_cache
@require_safe
def history_rows(request: HttpRequest) -> HttpResponse:
    """What changed on the first page since the versions in `v`: 204 when nothing did.

    Only rows that differ are sent, so that a video that plays in another row goes on playing. The versions
    are the rows' own and not a time: a change that was stamped early and committed late is still seen.
    """
    known = _known(request.GET.get("v", ""))
    versions = (
        queries.of_team(request.team).order_by("-created_at", "-pk").values_list("pk", "version")[:PAGE]
    )
    if {_short(pk): version for pk, version in versions} == known:
        return HttpResponse(status=204)
    jobs = queries.history(request.team, limit=PAGE)
    context = {
        "poll": _poll(jobs),
        "new": [job for job in jobs if _short(job.pk) not in known],
        "changed": [job for job in jobs if known.get(_short(job.pk), job.version) != job.version],
        "was_empty": not known,
    }
    return render(request, "jobs/_rows.html", context)


@doors.team("jobs.read")
@never_cache
@require_safe
def job(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    return render(request, "jobs/job.html", _job_context(request, _job(request, job_id)))


@doors.team("jobs.read")
@never_cache
@require_safe
def job_card(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    """The job page's changing part: 204 while its version is still `v`."""
    found = _job(request, job_id)
    if request.GET.get("v") == str(found.version):
        return HttpResponse(status=204)
    return render(request, "jobs/_job_card.html", {**_job_context(request, found), "fragment": True})


@doors.team("jobs.cancel")
@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    """Asks (for browsers without scripts), then cancels. A job that has ended meanwhile stays as it is."""
    found = _job(request, job_id)
    if request.method != "POST" and found.is_active:
        return render(request, "jobs/cancel.html", {"job": found})
    # By number: an address or a name would outlive the account.
    if lifecycle.cancel(found.pk, reason=f"Person {request.user.pk}"):
        messages.success(request, _("The job is canceled. What it had set aside is back in your balance."))
    elif request.method == "POST":
        messages.info(request, _("The job had already ended."))
    return redirect("job", found.pk)


@dataclass(frozen=True)
class Poll:
    """What the page asks with next time; `active` ends the asking."""

    versions: str
    active: bool


def _poll(jobs: list[Job]) -> Poll:
    versions = ",".join(f"{_short(job.pk)}.{job.version}" for job in jobs)
    return Poll(versions=versions, active=any(job.is_active for job in jobs))


def _short(job_id: uuid.UUID) -> str:
    return job_id.hex[:10]


def _known(text: str) -> dict[str, int]:
    known = {}
    for item in text.split(",")[:PAGE]:
        short, _dot, version = item.partition(".")
        if version.isascii() and version.isdigit() and len(version) < 12:
            known[short] = int(version)
    return known


def _moment(text: str) -> Any:
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    # The first and last years have no place for a time zone's hours.
    return moment if moment and moment.tzinfo and 1 < moment.year < 9999 else None


def _job(request: HttpRequest, job_id: uuid.UUID) -> Job:
    try:
        return queries.detail(request.team, job_id)
    except Job.DoesNotExist:
        # A link from another team of this person; nobody else is told that there is such a job.
        request.elsewhere = queries.team_of(job_id, request.memberships)
        raise Http404 from None


@dataclass(frozen=True)
class Parameter:
    """One line of "what was asked for"."""

    field: FieldSpec
    text: str
    upload: Upload | None


def _parameters(found: Job) -> list[Parameter]:
    values = FormState.from_json(found.form_state).values
    spec = catalog.MODELS.get(found.model)
    if spec is None:
        return []
    ids = [item for value in values.values() if isinstance(value, str) and (item := upload_id(value))]
    uploads = {f"upload:{item.pk}": item for item in Upload.objects.filter(team=found.team_id, pk__in=ids)}
    return [
        Parameter(field, _text(field, values[field.name]), uploads.get(values[field.name]))
        for field in spec.fields
        if field.name in values
    ]


def _text(field: FieldSpec, value: Any) -> str:
    return str(dict(field.choices).get(value, value))


def _job_context(request: HttpRequest, found: Job) -> dict[str, Any]:
    return {
        "job": found,
        "spec": catalog.MODELS.get(found.model),
        "parameters": _parameters(found),
        "events": found.events.all(),
        "deliveries": deliveries.with_log(found.deliveries.all()),
        "entries": ledger.entries(request.team).filter(job_id=found.pk).order_by("pk"),
        "may_cancel": found.is_active and access.may(request.membership, "jobs.cancel", request.team),
    }
