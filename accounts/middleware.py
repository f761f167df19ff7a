"""request.team and request.membership: the team that a logged-in person works in."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from accounts.models import Membership
from accounts.teams import current_membership, first_team


class TeamMiddleware:
    """Read afresh on each request, so that a removed member loses access at once, and only where it is used."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.membership = SimpleLazyObject(lambda: _membership(request))
        request.team = SimpleLazyObject(lambda: request.membership.team if request.membership else None)
        return self.get_response(request)


def _membership(request: HttpRequest) -> Membership | None:
    if not request.user.is_authenticated:
        return None
    membership = current_membership(request.user)
    if membership is None and not hasattr(request.user, "first_team"):
        # An account made from the shell or the admin has no team yet.
        first_team(request.user)
        membership = current_membership(request.user)
    return membership
