"""The team's own connections to other servers."""

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import access, audit, doors
from jobs import connections
from jobs.connection_form import ConnectionForm
from jobs.models import Connection
from jobs.models.jobs import ACTIVE_STATES


@doors.team("connections.read")
@never_cache
@require_GET
def connection_list(request: HttpRequest) -> HttpResponse:
    own = connections.of_team(request.team).annotate(
        unfinished=Count("jobs", filter=Q(jobs__state__in=ACTIVE_STATES))
    )
    context = {
        "connections": own,
        "may_manage": access.may(request.membership, "connections.manage", request.team),
        "now": timezone.now(),
    }
    return render(request, "jobs/connections.html", context)


@doors.team("connections.manage")
@never_cache
@sensitive_post_parameters("key", "secrets")
@require_http_methods(["GET", "HEAD", "POST"])
def connection_new(request: HttpRequest) -> HttpResponse:
    return _edit(request, Connection(team_id=request.team.pk))


@doors.team("connections.manage")
@never_cache
@sensitive_post_parameters("key", "secrets")
@require_http_methods(["GET", "HEAD", "POST"])
def connection_edit(request: HttpRequest, pk: int) -> HttpResponse:
    return _edit(request, _own(request, pk))


@doors.team("connections.manage")
@require_POST
def connection_switch(request: HttpRequest, pk: int) -> HttpResponse:
    """POST `on` = 1 or 0."""
    found = _own(request, pk)
    on = request.POST.get("on") == "1"
    connections.switch(found, on=on, actor=request.membership, who=audit.who(request))
    if found.is_active:
        messages.success(request, _("%(name)s is in use again.") % {"name": found})
    else:
        sentence = _(
            "%(name)s is switched off: it gets no new jobs, and those that it has are still followed."
        )
        messages.success(request, sentence % {"name": found})
    return redirect("connections")


@doors.team("connections.manage")
@require_http_methods(["GET", "HEAD", "POST"])
def connection_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks (for browsers without scripts), then deletes it, or switches it off where jobs name it."""
    found = _own(request, pk)
    if request.method != "POST":
        return render(request, "jobs/connection_remove.html", {"connection": found})
    if connections.remove(found, actor=request.membership, who=audit.who(request)):
        messages.success(request, _("%(name)s is deleted, and its key with it.") % {"name": found})
    else:
        sentence = _("%(name)s is switched off. It stays in the list, since jobs in the history name it.")
        messages.info(request, sentence % {"name": found})
    return redirect("connections")


def _own(request: HttpRequest, pk: int) -> Connection:
    return get_object_or_404(connections.of_team(request.team), pk=pk)


def _edit(request: HttpRequest, connection: Connection) -> HttpResponse:
    title = connection.name
    form = ConnectionForm(request.POST or None, instance=connection)
    if request.method == "POST" and form.keep(request.membership, audit.who(request)):
        sentence = _("%(name)s answered and knows the key: the connection is saved.")
        messages.success(request, sentence % {"name": connection})
        return redirect("connections")
    context = {"form": form, "title": title}
    return render(request, "jobs/connection.html", context, status=422 if request.method == "POST" else 200)
