"""What every page's frame shows of the team."""

from typing import Any

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts import ledger


def team(request: HttpRequest) -> dict[str, Any]:
    context: dict[str, Any] = {"local_mode": settings.LOCAL, "site_url": settings.SITE_URL}
    context["signup_is_open"] = SimpleLazyObject(lambda: get_adapter().is_open_for_signup(request))
    if getattr(request, "user", None) is not None and request.user.is_authenticated:
        context["team"] = request.team
        context["memberships"] = request.memberships  # read together with the team
        context["balances"] = SimpleLazyObject(
            lambda: ledger.balances(request.team) if request.team else None
        )
    return context
