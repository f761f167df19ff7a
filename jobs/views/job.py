"""One job's page: its changing card, and how it is canceled."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import access, doors, ledger
from jobs import catalog, lifecycle, queries
from jobs.catalog.base import FieldSpec
from jobs.form_state import FormState, upload_id
from jobs.models import Job, Upload
from jobs.webhooks import deliveries


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
