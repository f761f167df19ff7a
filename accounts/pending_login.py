"""A login between its first step and its last: it ends when the person it was begun for is not as they were then.

Somebody who gave a password and is asked for a second factor has no session of their own yet that switching their
account off, or changing its password, could end.
"""

from collections.abc import Callable
from typing import Any

from allauth.account.internal.stagekit import LOGIN_SESSION_KEY, clear_login
from allauth.account.utils import url_str_to_user_pk
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare

from accounts.models import User

SEAL = "begun_for"  # what the login carries from page to page


class PendingLoginMiddleware:
    """Seals each login that waits for another step, and ends one whose person has changed since."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # allauth's own sign that this request had to do with one: no other page reads the session for it.
        if getattr(request, "_account_login_accessed", False):
            _seal(request)
        return response

    def process_view(self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any) -> None:
        """allauth's pages alone go on with a login."""
        if getattr(view, "__module__", "").startswith("allauth.") and not _still_holds(request):
            clear_login(request)


def _seal(request: HttpRequest) -> None:
    waiting = request.session.get(LOGIN_SESSION_KEY)
    user = _person(waiting)
    if user and SEAL not in waiting["state"]:
        waiting["state"][SEAL] = user.get_session_auth_hash()
        request.session.modified = True


def _still_holds(request: HttpRequest) -> bool:
    waiting = request.session.get(LOGIN_SESSION_KEY)
    if not isinstance(waiting, dict) or waiting.get("user_pk") is None:
        return True
    user = _person(waiting)
    sealed = waiting.get("state", {}).get(SEAL, "")
    return bool(user and user.is_active and constant_time_compare(sealed, user.get_session_auth_hash()))


def _person(waiting: Any) -> User | None:
    """None, too, for an address without an account, which is led through the same pages."""
    if not isinstance(waiting, dict) or waiting.get("user_pk") is None:
        return None
    return User.objects.filter(pk=url_str_to_user_pk(waiting["user_pk"])).first()
