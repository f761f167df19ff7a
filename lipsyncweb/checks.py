"""Misconfiguration as numbered system checks with a hint. An Error stops `manage.py` and `lipsyncweb.run`."""

import importlib.util
import re
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004
from django.utils.module_loading import import_string

SHORTEST_SECRET = 50
FEWEST_CHARACTERS = 5


def _is_weak(secret: str) -> bool:
    return len(secret) < SHORTEST_SECRET or len(set(secret)) < FEWEST_CHARACTERS


@register(Tags.security)
def production_is_safe(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """What production mode refuses to start with, and what it warns of."""
    if settings.LIPSYNCWEB_MODE != "production":
        return []
    return [message for is_wrong, message in _rules() if is_wrong]


def _rules() -> list[tuple[bool, CheckMessage]]:
    return [
        (
            settings.SECRET_KEY == "unset" or _is_weak(settings.SECRET_KEY),  # noqa: S105
            Error(
                "SECRET_KEY is not set, shorter than 50 characters, or one character over and over.",
                hint='Set SECRET_KEY to the output of: python -c "import secrets; print(secrets.token_urlsafe(50))"',
                id="lipsyncweb.E001",
            ),
        ),
        (
            settings.DEBUG,
            Error(
                "DEBUG is on in production.", hint="Unset DEBUG, or set it to false.", id="lipsyncweb.E002"
            ),
        ),
        (
            settings.OUTBOUND_ALLOW_LOOPBACK,
            Error(
                "OUTBOUND_ALLOW_LOOPBACK is on in production: anybody could reach this machine's own services.",
                hint="Unset OUTBOUND_ALLOW_LOOPBACK.",
                id="lipsyncweb.E003",
            ),
        ),
        (
            not settings.SECURE,
            Error(
                f"SITE_URL is {settings.SITE_URL}, which is not HTTPS: sessions and keys would travel in the clear.",
                hint="Set SITE_URL to the public https:// address.",
                id="lipsyncweb.E004",
            ),
        ),
        (
            "*" in settings.ALLOWED_HOSTS,
            Error(
                "ALLOWED_HOSTS admits every host.",
                hint="Name the site's own hosts, separated by commas.",
                id="lipsyncweb.E005",
            ),
        ),
        (
            settings.CACHES["default"]["BACKEND"].endswith("LocMemCache"),
            Warning(
                "CACHE_URL is not set: each web process counts sign-in attempts and API requests by itself.",
                hint="With more than one web process, set CACHE_URL to a shared cache such as redis://host/1.",
                id="lipsyncweb.W001",
            ),
        ),
        (
            settings.ACCOUNT_EMAIL_VERIFICATION != "mandatory",
            Warning(
                "ACCOUNT_EMAIL_VERIFICATION is not mandatory: anybody can sign up with addresses of others, "
                "and the sign-up page tells which addresses have accounts.",
                hint="Unset ACCOUNT_EMAIL_VERIFICATION, or set it to mandatory.",
                id="lipsyncweb.W002",
            ),
        ),
    ]


@register
def lease_is_renewed_in_time(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if settings.LEASE_RENEW_SECONDS * 2 > settings.LEASE_SECONDS:
        return [
            Error(
                "LEASE_RENEW_SECONDS is more than half of LEASE_SECONDS: one slow renewal would lose a running job.",
                hint="Renew at least three times a lease, as the defaults of 10 and 45 do.",
                id="lipsyncweb.E006",
            )
        ]
    return []


STRIPE_KEY = re.compile(r"(sk|rk)_(live|test)_\w+")


@register
def payments_are_whole(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Stripe is set up as a whole or not at all, and no real money moves by mistake."""
    key, secrets = settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRETS
    if not key and not secrets:
        return []
    return [message for is_wrong, message in _payment_rules(key, secrets) if is_wrong]


def _payment_rules(key: str, secrets: list[str]) -> list[tuple[bool, CheckMessage]]:
    return [
        (
            not (key and secrets),
            Error(
                "Only one of STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET is set: "
                "nothing could be bought, or nobody would hear that it was paid.",
                hint="Set both, or neither. docs/credits.md says where Stripe shows them.",
                id="lipsyncweb.E020",
            ),
        ),
        (
            bool(key) and not STRIPE_KEY.fullmatch(key),
            Error(
                "STRIPE_SECRET_KEY is not a secret or restricted key of Stripe's.",
                hint="It begins with sk_live_, sk_test_, rk_live_ or rk_test_; pk_ is the publishable one.",
                id="lipsyncweb.E021",
            ),
        ),
        (
            any(not secret.startswith("whsec_") for secret in secrets),
            Error(
                "STRIPE_WEBHOOK_SECRET is not the signing secret of a webhook.",
                hint="It begins with whsec_ and stands on the page of the endpoint in Stripe's dashboard.",
                id="lipsyncweb.E022",
            ),
        ),
        (
            settings.LOCAL and "_live_" in key,
            Error(
                "STRIPE_SECRET_KEY is a live key, and this is local mode, which Stripe cannot reach.",
                hint="Use a test key here; live keys need LIPSYNCWEB_MODE=production.",
                id="lipsyncweb.E023",
            ),
        ),
        (
            importlib.util.find_spec("stripe") is None,
            Error(
                "Stripe's keys are set, and its library is not installed.",
                hint="Install the extra payments, as requirements.lock does, or unset the keys.",
                id="lipsyncweb.E024",
            ),
        ),
        (
            not settings.LOCAL and "_test_" in key,
            Warning(
                "STRIPE_SECRET_KEY is a test key: whoever knows Stripe's test cards gets credits for nothing.",
                hint="Use a live key once the site is open to others.",
                id="lipsyncweb.W020",
            ),
        ),
    ]


@register
def voices_are_there(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """SPEECH_BACKEND names a class that can be made."""
    if not settings.SPEECH_BACKEND:
        return []
    try:
        import_string(settings.SPEECH_BACKEND)()
    except Exception as error:  # noqa: BLE001 - whatever the operator's own class raises
        return [
            Error(
                f"SPEECH_BACKEND is {settings.SPEECH_BACKEND}, which gives no voices: {error}",
                hint="Name a class as docs/operators.md describes, or leave it empty for a site without voices.",
                id="lipsyncweb.E030",
            )
        ]
    return []
