"""Deleting a team, and deleting one's account."""

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import audit, doors, leaving
from accounts.forms.leaving import TypedForm


@doors.team("team.own")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required
def team_delete(request: HttpRequest) -> HttpResponse:
    """Says what goes and what stays, and deletes the team once its name is typed."""
    label = _("Type the team's name to show that you mean it: %(name)s") % {"name": request.team.name}
    form = TypedForm(request.POST or None, wanted=request.team.name, label=label)
    if request.method == "POST" and form.is_valid():
        name = request.team.name
        leaving.delete_team(actor=request.membership, who=audit.who(request))
        messages.success(request, _("The team %(name)s is deleted.") % {"name": name})
        return redirect("teams")
    context = {"form": form, "ending": leaving.ending(request.team)}
    return render(request, "accounts/team_delete.html", context, status=422 if form.errors else 200)


@doors.personal
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required
def account_delete(request: HttpRequest) -> HttpResponse:
    """Says what becomes of everything, and deletes the account once its address is typed."""
    label = _("Type your address to show that you mean it: %(email)s") % {"email": request.user.email}
    form = TypedForm(request.POST or None, wanted=request.user.email, label=label)
    if request.method == "POST" and form.is_valid():
        try:
            leaving.delete_account(user=request.user, who=audit.who(request))
        except leaving.CannotLeave as error:
            form.add_error(None, str(error))
        else:
            logout(request)
            messages.success(request, _("Your account is deleted. Goodbye!"))
            return redirect("home")
    context = {"form": form, "plan": leaving.plan(request.user)}
    return render(request, "accounts/account_delete.html", context, status=422 if form.errors else 200)
