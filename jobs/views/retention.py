"""How long things stay: the team's page, and keeping, letting go and deleting one job."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access, audit, doors
from jobs import deleting, queries, retention
from jobs.models import Job
from jobs.retention_form import RetentionForm


@doors.team("jobs.read", post="retention.manage")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def retention_page(request: HttpRequest) -> HttpResponse:
    """Everybody may read the days; who may manage them has a form."""
    now = retention.of(request.team)
    form = RetentionForm(request.POST or None, now=now)
    if request.method == "POST" and form.is_valid():
        retention.choose(
            team=request.team,
            actor=request.membership,
            days=form.days,
            also_here=form.cleaned_data["also_here"],
            who=audit.who(request),
        )
        messages.success(request, _("Saved."))
        return redirect("retention")
    context = {
        "form": form,
        "now": now,
        "kept": retention.kept(request.team).count(),
        "most_kept": settings.KEPT_MAX_PER_TEAM,
        "may_manage": access.may(request.membership, "retention.manage", request.team),
    }
    return render(
        request, "jobs/retention/page.html", context, status=422 if request.method == "POST" else 200
    )


@doors.team("jobs.keep")
@require_POST
def job_keep(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    found = _job(request, job_id)
    try:
        done = retention.keep(job_id=found.pk, team=request.team, actor=request.membership)
    except retention.TooManyKept as refusal:
        messages.error(request, refusal.sentence)
    else:
        if done:
            messages.success(
                request, _("The video is kept, with the files it was made of, until you let it go.")
            )
        elif not found.keep:
            messages.info(request, _("Only a finished video that is still here can be kept."))
    return redirect("job", found.pk)


@doors.team("jobs.keep")
@require_POST
def job_let_go(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    found = _job(request, job_id)
    if retention.let_go(job_id=found.pk, team=request.team, actor=request.membership):
        messages.success(request, _("The video has an end again; its page says when."))
    return redirect("job", found.pk)


@doors.team("jobs.delete")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def job_delete(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    """Asks (for browsers without scripts), then deletes."""
    found = _job(request, job_id)
    if request.method != "POST":
        return render(request, "jobs/retention/delete.html", {"job": found})
    if deleting.delete(job_id=found.pk, team=request.team, actor=request.membership):
        messages.success(request, _("The job and its files are deleted."))
    return redirect("history")


def _job(request: HttpRequest, job_id: uuid.UUID) -> Job:
    try:
        return queries.detail(request.team, job_id)
    except Job.DoesNotExist:
        raise Http404 from None
