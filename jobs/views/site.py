"""Pages for everybody: home, the API's documentation, licences, the colour switch."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from accounts import access, doors, keys
from accounts.models import ApiKey
from jobs import catalog, idempotency, media, words
from jobs.api import body, codes, describe, schema, tags
from jobs.api.site import api
from jobs.catalog.base import ACCEPTS
from jobs.catalog.pricing import MINIMUM_SECONDS
from jobs.templatetags.ui import THEME_COOKIE, THEMES
from jobs.views import examples
from jobs.views.pricing import prices, starting_credits

SEVEN = 7  # fields of the job document that are the contract; the others stand beside them
YEAR = 365 * 24 * 3600


@doors.public
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    context = {
        "prices": prices(),
        "minimum_seconds": MINIMUM_SECONDS,
        "curl": examples.submit_with_curl(settings.SITE_URL),
        "extended_rule": words.extended_rule(),
        "starting": starting_credits(),
    }
    return render(request, "site/home.html", context)


@doors.public
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    context = {
        "models": catalog.MODELS.values(),
        "prices": prices(),
        "minimum_seconds": MINIMUM_SECONDS,
        "base": f"{settings.SITE_URL}/api/v1",
        "key": _newest_key(request),
        "endpoints": list(_endpoints()),
        "beside": list(schema.JOB["properties"].items())[SEVEN:],
        "refusals": describe.REFUSALS.items(),
        "codes": list(codes.everything()),
        "warnings": words.WARNINGS.items(),
        "extended_rule": words.extended_rule(),
        "limits": _limits(),
        **_examples(settings.SITE_URL),
    }
    return render(request, "site/docs.html", context)


def _examples(site: str) -> dict[str, Any]:
    return {
        "examples": examples.submit(site),
        "repeating": examples.repeat_with_curl(site),
        "estimating": examples.estimate_with_curl(site),
        "uploading": examples.upload_with_curl(site),
        "polling": examples.poll_with_curl(site),
        "listing": examples.list_with_curl(site),
        "canceling": examples.cancel_with_curl(site),
        "verifying": examples.verify(),
        "answer": examples.answer(),
        "error": examples.ERROR,
    }


def _limits() -> dict[str, int]:
    """Each from where it is checked. Sizes are megabytes."""
    megabytes = {kind: media.limits_for(kind).bytes // 1_000_000 for kind in ACCEPTS}
    return {
        **megabytes,
        "megapixels": media.limits_for("image").pixels // 1_000_000,
        "side": media.limits_for("video").side,
        "seconds": settings.OUTPUT_MAX_SECONDS,
        "days": settings.RESULT_DAYS,
        "requests": settings.API_REQUESTS_PER_MINUTE,
        "upload_days": settings.UPLOAD_DAYS,
        "body": settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1_000_000,
        "depth": body.DEEPEST,
        "name": idempotency.LONGEST,
        "name_hours": idempotency.KEPT // timedelta(hours=1),
        "reference": tags.REFERENCE_LENGTH,
        "metadata_keys": tags.METADATA_KEYS,
        "metadata_bytes": tags.METADATA_BYTES,
    }


def _newest_key(request: HttpRequest) -> ApiKey | None:
    """The reader's own key, for the examples: what may be shown of it."""
    if not access.may(request.membership, "keys.read", request.team):
        return None
    return keys.active(request.team).first()


def _endpoints() -> Iterator[tuple[str, str, str]]:
    """Method, path and summary of every operation, as OpenAPI has them."""
    for path, methods in api.get_openapi_schema()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation["summary"]


@doors.public
@require_safe
def explorer(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document as a page on which every operation can be tried."""
    return render(request, "site/explorer.html", {"openapi": reverse("api:openapi")})


@doors.public
@require_safe
def licences(request: HttpRequest) -> HttpResponse:
    return render(request, "site/licences.html")


@doors.public
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Remember the colours for browsers without scripts; static/js/theme.js writes the same cookie."""
    chosen = request.POST.get("theme", "")
    if chosen not in THEMES:
        return HttpResponseBadRequest("theme must be one of: " + ", ".join(THEMES))
    target = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        target = "/"
    response = redirect(target)
    response.set_cookie(THEME_COOKIE, chosen, max_age=YEAR, samesite="Lax", secure=settings.SECURE)
    return response
