"""A person's teams, and the page of the one that they work in."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access, audit, doors, teams
from accounts.forms.teams import InvitationForm, TeamForm
from accounts.models import Membership, Role
from accounts.teams import invitations, members
from lipsyncweb.http.numbers import row_number


@doors.personal
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def team_list(request: HttpRequest) -> HttpResponse:
    """The person's teams; POST makes one more. Also where somebody lands who is in none."""
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            team = teams.make_another(
                name=form.cleaned_data["name"], owner=request.user, who=audit.who(request)
            )
        except teams.Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(
                request, _("The team %(name)s is made, and you work in it now.") % {"name": team}
            )
            return redirect("team")
    context = {
        "form": form,
        "seats": request.memberships,
        "closed": teams.closed_memberships(request.user),
    }
    return render(request, "accounts/teams.html", context, status=422 if form.errors else 200)


@doors.personal
@require_POST
def team_switch(request: HttpRequest) -> HttpResponse:
    """Work in another of the person's teams."""
    number = row_number(request.POST.get("team", ""))
    team = None if number is None else teams.switch(request.user, number)
    if team is None:
        raise Http404
    messages.success(request, _("You work in %(name)s now.") % {"name": team})
    following = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(following, allowed_hosts={request.get_host()}):
        return redirect(following)
    return redirect("history")


@doors.team("team.read")
@never_cache
@require_safe
def team_page(request: HttpRequest) -> HttpResponse:
    return page(request)


@doors.team("team.manage")
@require_POST
def team_rename(request: HttpRequest) -> HttpResponse:
    form = TeamForm(request.POST)
    if not form.is_valid():
        return page(request, rename=form, status=422)
    name = form.cleaned_data["name"]
    teams.rename(name=name, actor=request.membership, who=audit.who(request))
    messages.success(request, _("The team is called %(name)s now.") % {"name": name})
    return redirect("team")


def page(
    request: HttpRequest,
    *,
    rename: TeamForm | None = None,
    invite: InvitationForm | None = None,
    status: int = 200,
    **shown: Any,
) -> HttpResponse:
    """The team's page, with the forms as they came back and with a link that is shown once."""
    actor: Membership = request.membership
    may_manage = access.may(actor, "team.manage", request.team)
    context = {
        "seats": [(seat, members.roles_to_give(actor, seat)) for seat in members.of_team(request.team)],
        "may_manage": may_manage,
        "may_own": access.may(actor, "team.own", request.team),
        "roles": list(Role),
        "rules": list(access.table()),
        "invitation_days": settings.INVITATION_DAYS,
        **shown,
    }
    if may_manage:
        context["rename"] = rename or TeamForm(instance=request.team)
        context["invite"] = invite or InvitationForm(actor=actor)
        context["pending"] = [
            (each, access.may(actor, access.to_place(each.role), request.team))
            for each in invitations.pending(request.team)
        ]
    return render(request, "accounts/team.html", context, status=status)
