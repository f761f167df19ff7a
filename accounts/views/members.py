"""The people of a team: roles, removing, leaving, handing over."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access, audit, doors, teams
from accounts.teams import members


@doors.team("team.manage")
@require_POST
def member_role(request: HttpRequest, pk: int) -> HttpResponse:
    role = request.POST.get("role", "")
    with _refusals_told(request):
        seat = members.change_role(actor=request.membership, seat_id=pk, role=role, who=audit.who(request))
        messages.success(
            request,
            _("%(person)s: the role is %(role)s now.")
            % {"person": seat.user.get_full_name(), "role": seat.get_role_display()},
        )
    return redirect("team")


@doors.team("team.manage")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def member_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks, and says what stays; then takes the person out of the team."""
    seat = get_object_or_404(members.of_team(request.team), pk=pk)
    access.require(request.membership, access.to_place(seat.role), request.team)
    if request.method != "POST":
        return render(request, "accounts/member_remove.html", {"seat": seat})
    with _refusals_told(request):
        members.remove(actor=request.membership, seat_id=pk, who=audit.who(request))
        messages.success(request, _("%(person)s is out of the team.") % {"person": seat.user.get_full_name()})
    return redirect("team")


@doors.team("team.read")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def member_leave(request: HttpRequest) -> HttpResponse:
    """Asks, and says what stays; then goes."""
    if request.method != "POST":
        return render(request, "accounts/member_leave.html")
    try:
        members.leave(actor=request.membership, who=audit.who(request))
    except teams.Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("team")
    messages.success(request, _("You have left %(name)s.") % {"name": request.team})
    return redirect("teams")


@doors.team("team.own")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def team_transfer(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks; then makes that person an owner, and the one who asked an admin."""
    seat = get_object_or_404(members.of_team(request.team), pk=pk)
    if request.method != "POST":
        return render(request, "accounts/team_transfer.html", {"seat": seat})
    with _refusals_told(request):
        members.transfer(actor=request.membership, seat_id=pk, who=audit.who(request))
        messages.success(
            request,
            _("%(person)s owns the team now, and you are an admin.") % {"person": seat.user.get_full_name()},
        )
    return redirect("team")


@contextmanager
def _refusals_told(request: HttpRequest) -> Iterator[None]:
    """What cannot be done is said on the next page; who is not in the team any more is not found."""
    try:
        yield
    except members.Gone:
        raise Http404 from None
    except teams.Refused as refusal:
        messages.error(request, str(refusal))
