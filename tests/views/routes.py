"""The URL map as a list, each route with who may open it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from accounts import doors
from accounts.doors import Door

PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
# allauth's pages that somebody who is not signed in may open; all of its others are about the person who is.
OF_ALLAUTH_AND_PUBLIC = {
    "account_confirm_email",
    "account_confirm_login_code",
    "account_email_verification_sent",
    "account_inactive",
    "account_login",
    "account_logout",
    "account_request_login_code",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
    "account_signup",
    "account_signup_by_passkey",
    "github_callback",
    "github_login",
    "google_callback",
    "google_login",
    "google_login_by_token",
    "mfa_authenticate",
    "mfa_login_webauthn",
    "mfa_signup_webauthn",
    "mfa_trust",
    "socialaccount_login_cancelled",
    "socialaccount_login_error",
    "socialaccount_signup",
}
PUBLIC_OPERATIONS = {"openapi", "list_models", "list_errors", "get_key_format"}


@dataclass(frozen=True)
class Route:
    """One entry of the map. `pattern` is its path, from the root, with its parameters in angle brackets."""

    name: str
    pattern: str
    view: Callable[..., Any]
    door: Door | None

    def __str__(self) -> str:
        return f"/{self.pattern}"

    @property
    def parameters(self) -> list[str]:
        return PARAMETER.findall(self.pattern)

    def path(self, values: dict[str, Any]) -> str:
        """The address with these values; KeyError names a parameter that has none."""
        return "/" + PARAMETER.sub(lambda found: str(values[found[1]]), self.pattern)


def every() -> list[Route]:
    return list(_walk(get_resolver(), ""))


def _walk(resolver: URLResolver, before: str) -> Iterator[Route]:
    for entry in resolver.url_patterns:
        pattern = before + _plain(str(entry.pattern))
        if isinstance(entry, URLResolver):
            yield from _walk(entry, pattern)
        elif isinstance(entry, URLPattern):
            name = entry.name or ""
            yield Route(name, pattern, entry.callback, _door(name, pattern, entry.callback))


def _plain(pattern: str) -> str:
    """A regular expression, as allauth and the admin have some, in the form that a path() has."""
    return re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<\1>", pattern).strip("^$")


def _door(name: str, pattern: str, view: Callable[..., Any]) -> Door | None:
    if own := doors.of(view):
        return own
    if pattern.startswith("operator/"):
        return Door("staff")
    if pattern.startswith("api/v1/"):
        return Door("public" if name in PUBLIC_OPERATIONS else "key")
    if pattern.startswith("accounts/"):
        return Door("public" if not name or name in OF_ALLAUTH_AND_PUBLIC else "personal")
    return Door("public") if name == "set_language" else None
