"""The address that Stripe calls."""

import json
import logging
import time
from typing import Any

from django.conf import settings
from django.db import DataError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from accounts import doors
from accounts.payments import client, events
from lipsyncweb.http import bodies

log = logging.getLogger(__name__)

LONGEST_BODY = 262_144
OLDEST_SECONDS = 300  # of a signature, as Stripe's own library has it


@csrf_exempt
@doors.public
def stripe_webhook(request: HttpRequest) -> JsonResponse:
    """POST: 200 once the event is kept, also for one that means nothing here; 400 for a signature that does not fit."""
    if not client.is_configured():
        return _said("There is nothing here.", status=404)
    if request.method != "POST":
        return _said("Use POST.", status=405, headers={"Allow": "POST"})
    try:
        body = bodies.read(request, at_most=LONGEST_BODY)
    except bodies.NoLength:
        return _said("The length of the body is no number.", status=400)
    if body is None:
        return _said("The body is too large.", status=413)
    event = _verified(body, request.headers.get("Stripe-Signature", ""))
    if event is None:
        return _said("The signature is missing, old or does not fit this body.", status=400)
    try:
        outcome = events.take(event)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, DataError):
        log.exception("Stripe's event %s is not of the shape that is read here", event.get("id"))
        return _said("The event is not of the expected shape.", status=400)
    log.info("Stripe's event %s (%s): %s", event.get("id"), event.get("type"), outcome)
    return JsonResponse({"received": True})


def _verified(body: bytes, header: str) -> dict[str, Any] | None:
    """The event, where one of the secrets signed it and it is of the key's own world: live or test."""
    if not any(_signed(secret, body, header) for secret in settings.STRIPE_WEBHOOK_SECRETS):
        return None
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or event.get("livemode") is not client.is_live():
        log.error("Stripe's event is of the other mode, live or test, than STRIPE_SECRET_KEY; it is refused")
        return None
    return event


def _signed(secret: str, body: bytes, header: str) -> bool:
    import stripe

    try:
        verified = stripe.WebhookSignature.verify_header(body, header, secret, OLDEST_SECONDS)
        return bool(verified) and _signed_at(header) < time.time() + OLDEST_SECONDS
    except (stripe.SignatureVerificationError, ValueError, TypeError):
        # The last two are what the library lets through on garbage: no UTF-8, letters that compare to nothing.
        return False


def _signed_at(header: str) -> int:
    """Its first time, as the library reads it: of one in the future it thinks nothing."""
    return int(next(part[2:] for part in header.split(",") if part.startswith("t=")))


def _said(sentence: str, **options: Any) -> JsonResponse:
    return JsonResponse({"error": sentence}, **options)
