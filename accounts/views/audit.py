"""The page of a team's audit log, and its export."""

from datetime import timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import audit, doors, exports
from accounts.audit import log as audit_log
from accounts.forms.audit import AuditFilter
from accounts.models import AuditEvent
from lipsyncweb.http.numbers import row_number


@doors.team("audit.read")
@never_cache
@require_safe
def log(request: HttpRequest) -> HttpResponse:
    form = AuditFilter(request.GET, team=request.team)
    wanted = form.wanted
    before = _number(request.GET.get("before", ""))
    page = audit_log.page(request.team, wanted, before=before)
    asked = request.GET.copy()
    asked.pop("before", None)
    context = {
        "form": form,
        "rows": [_row(event) for event in page.events],
        "filtered": wanted != audit_log.Wanted(),
        "is_first": not before,
        "before": page.before,
        "asked": asked.urlencode(),
    }
    return render(request, "accounts/audit.html", context)


@doors.team("audit.read")
@never_cache
@require_safe
def export(request: HttpRequest, form: str) -> HttpResponseBase:
    """What the page would show with these filters, all of it, as a CSV or a JSON file."""
    if form not in exports.TYPES:
        raise Http404
    asked = AuditFilter(request.GET, team=request.team)
    if asked.errors:
        return exports.back_to("audit", request)
    rows = audit_log.export(request.team, asked.wanted)
    today = timezone.now().date().isoformat()
    name = exports.file_name("audit", request.team, today)
    columns = list(audit_log.COLUMNS)
    about = {"team": request.team.name, "day": today}
    return exports.download(form, rows, columns=columns, name=name, about=about)


def _row(event: AuditEvent) -> dict[str, Any]:
    return {
        "event": event,
        "action": audit.ACTIONS.get(event.action, event.action),
        "target": audit_log.target(event),
        "doer": audit_log.doer(event),
        "address": audit_log.address(event),
        "details": list(audit_log.details(event)),
        "is_recent": timedelta(minutes=1) <= timezone.now() - event.at < timedelta(days=1),
    }


def _number(text: str) -> int | None:
    """The position that a page begins at; 404 for what is none."""
    number = row_number(text)
    if text and number is None:
        raise Http404
    return number
