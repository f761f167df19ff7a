"""Who may open a page: a decorator on every view, read again by the test that tries all routes.

    @doors.team("keys.read", post="keys.manage")    a team's page, by the rules of accounts/access.py
    @doors.personal                                 whoever is signed in, about themselves
    @doors.public                                   anybody

Rows of another team are 404, which the view sees to by asking its own team's rows alone. A form says in `for_team`
which team it was opened in (templates/ui/for_team.html).
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from accounts import access

View = Callable[..., HttpResponseBase]
# The parts of a path that name one of the team's own rows.
ROWS = frozenset({"pk", "job_id"})


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
            if refused := _without_a_team(request) or _in_another_team(request, kwargs):
                return refused
            asked = door.read if request.method in ("GET", "HEAD") else door.post
            access.require(request.membership, asked, request.team)
            return view(request, *args, **kwargs)

        return _mark(_signed_in(guarded), door)

    return guard


def personal(view: View) -> View:
    """Signed in; the page is about the person, whatever their team."""
    return _mark(_signed_in(view), Door("personal"))


def public(view: View) -> View:
    """Open to anybody."""
    return _mark(view, Door("public"))


def of(view: View) -> Door | None:
    """The door of a view; None for one without."""
    return getattr(view, "door", None)


def _mark(view: View, door: Door) -> View:
    view.door = door  # type: ignore[attr-defined]
    return view


def _signed_in(view: View) -> View:
    """As login_required; but where a piece of a page is asked for, the page itself goes to sign in."""
    asked = login_required(view)

    @functools.wraps(view)
    def signed_in(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if request.htmx and not request.user.is_authenticated:
            page = request.htmx.current_url_abs_path or resolve_url(settings.LOGIN_REDIRECT_URL)
            return HttpResponseClientRedirect(redirect_to_login(page).url)
        return asked(request, *args, **kwargs)

    return signed_in


def _without_a_team(request: HttpRequest) -> HttpResponseBase | None:
    """Where somebody who is in no open team is told so, and can make one."""
    if request.team:
        return None
    return HttpResponseClientRedirect(reverse("teams")) if request.htmx else redirect("teams")


def _in_another_team(request: HttpRequest, named: dict[str, object]) -> HttpResponseBase | None:
    """Nothing of one team is made, shown or paid for in another because a page still stood open in a second window."""
    # Here and not in a middleware: allauth calls the view again, by itself, once a password was asked for.
    if not _is_of_another_team(request, named):
        return None
    messages.error(
        request,
        _(
            "Nothing was done: you have switched to %(name)s since this page was opened. Look, and send it again."
        )
        % {"name": request.team},
    )
    page = request.META.get("HTTP_REFERER", "")
    return redirect(page if url_has_allowed_host_and_scheme(page, {request.get_host()}) else "history")


def _is_of_another_team(request: HttpRequest, named: dict[str, object]) -> bool:
    """Whether a form was opened in another team, or may have been."""
    if request.method != "POST":
        return False
    meant = request.POST.get("for_team", "")
    # A path that names a row is not found in another team.
    return meant != str(request.team.pk) and (bool(meant) or ROWS.isdisjoint(named))
