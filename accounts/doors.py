"""Who may open a page: a decorator on every view, read again by the test that tries all routes.

    @doors.team("keys.read", post="keys.manage")    a team's page, by the rules of accounts/access.py
    @doors.personal                                 whoever is signed in, about themselves
    @doors.public                                   anybody

Rows of another team are 404, which the view sees to by asking its own team's rows alone.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts import access

View = Callable[..., HttpResponseBase]


@dataclass(frozen=True)
class Door:
    """What a view asks of its caller: the action to read, and the action to POST, by accounts.access.RULES."""

    kind: str  # team, personal or public
    read: str = ""
    post: str = ""


def team(action: str, *, post: str = "") -> Callable[[View], View]:
    """Signed in, and allowed `action` in the current team; `post` for a POST, where it is another one."""
    door = Door("team", action, post or action)
    access.RULES[door.read], access.RULES[door.post]  # a name that has no rule stops the start

    def guard(view: View) -> View:
        @functools.wraps(view)
        def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            asked = door.read if request.method in ("GET", "HEAD") else door.post
            access.require(request.membership, asked, request.team)
            return view(request, *args, **kwargs)

        return _mark(login_required(guarded), door)

    return guard


def personal(view: View) -> View:
    """Signed in; the page is about the person, whatever their team."""
    return _mark(login_required(view), Door("personal"))


def public(view: View) -> View:
    """Open to anybody."""
    return _mark(view, Door("public"))


def of(view: View) -> Door | None:
    """The door of a view; None for one without."""
    return getattr(view, "door", None)


def _mark(view: View, door: Door) -> View:
    view.door = door  # type: ignore[attr-defined]
    return view
