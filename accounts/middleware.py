"""request.team and request.membership: the team that a logged-in person works in."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from accounts import doors, teams
from accounts.models import Membership

# The parts of a path that name one of the team's own rows.
ROWS = frozenset({"pk", "job_id"})


class TeamMiddleware:
    """Read afresh on each request, so that a removed member loses access at once, and only where it is used."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.memberships = SimpleLazyObject(lambda: _memberships(request))
        request.membership = SimpleLazyObject(lambda: teams.chosen(request.memberships, request.user))
        request.team = SimpleLazyObject(lambda: request.membership.team if request.membership else None)
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """A team's page wants a team, and a form the one that it was opened in."""
        door = doors.of(view)
        if door is None or door.kind != "team" or not request.user.is_authenticated:
            return None
        if not request.team:
            # They are told so there, and can make one.
            return HttpResponseClientRedirect(reverse("teams")) if request.htmx else redirect("teams")
        return _switched_meanwhile(request) if _is_of_another_team(request, kwargs) else None


def _is_of_another_team(request: HttpRequest, named: dict[str, Any]) -> bool:
    """Whether a form was opened in another team, or may have been."""
    if request.method != "POST":
        return False
    meant = request.POST.get("for_team", "")
    # A path that names a row is not found in another team.
    return meant != str(request.team.pk) and (bool(meant) or ROWS.isdisjoint(named))


def _switched_meanwhile(request: HttpRequest) -> HttpResponseBase:
    """Nothing of one team is made, shown or paid for in another because a page still stood open in a second window."""
    messages.error(
        request,
        _(
            "Nothing was done: you have switched to %(name)s since this page was opened. Look, and send it again."
        )
        % {"name": request.team},
    )
    page = request.META.get("HTTP_REFERER", "")
    return redirect(page if url_has_allowed_host_and_scheme(page, {request.get_host()}) else "history")


def _memberships(request: HttpRequest) -> list[Membership]:
    """In open teams, the oldest first."""
    if not request.user.is_authenticated:
        return []
    found = teams.memberships(request.user)
    if not found and not hasattr(request.user, "first_team"):
        # An account made from the shell or the admin has no team yet.
        teams.first_team(request.user)
        found = teams.memberships(request.user)
    return found
