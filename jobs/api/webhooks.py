"""Webhooks that were sent: what became of them, sending them again, and a test."""

import uuid
from datetime import datetime
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from ninja import Router

from accounts import access, audit
from jobs.api import describe, strict
from jobs.api.auth import KeyAuth, key_of
from jobs.api.body import read_nothing, read_object
from jobs.api.errors import ApiError
from jobs.models import DeliveryAttempt, WebhookDelivery
from jobs.models.deliveries import DeliveryStatus
from jobs.problems import Invalid
from jobs.webhooks import deliveries, queue

READERS = {
    "status": strict.choice(*DeliveryStatus.values),
    "limit": strict.limit,
    "cursor": strict.position,
}

router = Router(auth=KeyAuth(), tags=["Webhooks"])


@router.get(
    "/webhooks/deliveries",
    operation_id="list_deliveries",
    summary=gettext_lazy("List webhooks"),
    openapi_extra=describe.list_deliveries(),
)
def list_deliveries(request: HttpRequest) -> JsonResponse:
    key = key_of(request)
    access.require(key, "webhooks.read", key.team)
    asked = strict.query(request, READERS)
    page = deliveries.page(
        key.team,
        status=asked.get("status", ""),
        after=asked.get("cursor"),
        limit=asked.get("limit", strict.DEFAULT_A_PAGE),
    )
    found = [delivery_document(each) for each in page.deliveries]
    return JsonResponse({"deliveries": found, "nextCursor": page.after or None})


@router.get(
    "/webhooks/deliveries/{delivery_id}",
    operation_id="get_delivery",
    summary=gettext_lazy("Get a webhook and its attempts"),
    openapi_extra=describe.delivery(),
)
def get_delivery(request: HttpRequest, delivery_id: str) -> JsonResponse:
    strict.no_query(request)
    return _with_log(_delivery(request, delivery_id))


@router.post(
    "/webhooks/deliveries/{delivery_id}/replay",
    operation_id="replay_delivery",
    summary=gettext_lazy("Send a webhook again"),
    openapi_extra=describe.replay_delivery(),
)
def replay_delivery(request: HttpRequest, delivery_id: str) -> JsonResponse:
    read_nothing(request)
    key = key_of(request)
    found = _delivery(request, delivery_id)
    try:
        sent = queue.replay(found.pk, team=key.team, actor=key)
    except queue.TooManyTests:
        raise _too_many_tests() from None
    if not sent:
        raise _why_not(found)
    return _with_log(_delivery(request, delivery_id), status=202)


@router.post(
    "/webhooks/replay",
    operation_id="replay_failed",
    summary=gettext_lazy("Send all that failed again"),
    openapi_extra=describe.replay_failed(),
)
def replay_failed(request: HttpRequest) -> JsonResponse:
    key = key_of(request)
    body = _body(request, "since")
    since = strict.text(body, "since")
    if not since:
        raise strict.wrong("since", "required", _("since is required: a time with its offset."))
    count = queue.replay_failed(team=key.team, actor=key, since=_moment(since), who=audit.who(request))
    return JsonResponse({"replayed": count}, status=202)


@router.post(
    "/webhooks/test",
    operation_id="test_webhook",
    summary=gettext_lazy("Send a test"),
    openapi_extra=describe.test_webhook(),
)
def test_webhook(request: HttpRequest) -> JsonResponse:
    key = key_of(request)
    url = strict.text(_body(request, "url"), "url")
    try:
        sent = queue.send_test(team=key.team, actor=key, url=url, who=audit.who(request))
    except queue.TooManyTests:
        raise _too_many_tests() from None
    return _with_log(deliveries.detail(key.team, sent.pk), status=202)


def _body(request: HttpRequest, *known: str) -> dict[str, Any]:
    strict.no_query(request)
    body = read_object(request)
    if problems := strict.unknown(body, known):
        raise Invalid(problems)
    return body


def _moment(text: str) -> datetime:
    return strict.moment("since", text)


def _delivery(request: HttpRequest, delivery_id: str) -> WebhookDelivery:
    key = key_of(request)
    access.require(key, "webhooks.read", key.team)
    try:
        return deliveries.detail(key.team, uuid.UUID(delivery_id))
    except (ValueError, WebhookDelivery.DoesNotExist):
        raise ApiError(404, "not_found", _("There is no such webhook in this key's team.")) from None


def _too_many_tests() -> ApiError:
    sentence = _("These are many tests; please wait a minute.")
    return ApiError(429, "rate_limited", sentence, headers={"Retry-After": "60"})


def _why_not(found: WebhookDelivery) -> ApiError:
    if found.created_at < queue.kept_since(timezone.now()):
        return ApiError(409, "too_old", _("The webhook is too old to be sent again."))
    if found.attempts >= queue.MOST_ATTEMPTS:
        return ApiError(409, "sent_too_often", _("The webhook was tried too often to be sent again."))
    return ApiError(409, "being_sent", _("The webhook is being sent right now; see what becomes of it."))


# --- documents ------------------------------------------------------------------------------------


def _with_log(delivery: WebhookDelivery, *, status: int = 200) -> JsonResponse:
    log = [_attempt_document(attempt) for attempt in reversed(delivery.newest)]
    return JsonResponse({**delivery_document(delivery), "log": log}, status=status)


def delivery_document(delivery: WebhookDelivery) -> dict[str, Any]:
    return {
        "id": str(delivery.pk),
        "webhookId": delivery.message_id,
        "jobId": str(delivery.job_id) if delivery.job_id else None,
        "url": delivery.url,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "lastAttemptAt": _time(delivery.tried_at),
        "nextAttemptAt": _time(delivery.due_at if delivery.state == "due" else None),
        "createdAt": _time(delivery.created_at),
    }


def _attempt_document(attempt: DeliveryAttempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "at": _time(attempt.at),
        "durationMs": attempt.duration_ms,
        "status": attempt.status,
        "code": attempt.code,
        "error": attempt.error,
        "answer": attempt.answer,
        "nextAttemptAt": _time(attempt.next_at),
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
