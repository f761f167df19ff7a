"""request.team and request.membership: the team that a logged-in person works in."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from accounts import teams
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
