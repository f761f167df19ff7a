"""request.team and request.membership: the team that a logged-in person works in."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.functional import SimpleLazyObject

from accounts import doors, teams
from accounts.models import Membership


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
        """A team's page has nothing to show to somebody who is in none: they are told so, and can make one."""
        door = doors.of(view)
        if door is None or door.kind != "team" or not request.user.is_authenticated or request.team:
            return None
        return redirect("teams")


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
