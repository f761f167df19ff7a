"""Webhooks out: at least once, from rows, by a schedule; every attempt is kept."""

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.teams import webhook_secret
from jobs.models import DeliveryAttempt, WebhookDelivery
from jobs.models.deliveries import DeliveryState
from jobs.webhooks import signing
from jobs.wire import job_document
from lipsyncweb.http import outbound

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
# What is waited after the first failure, the second, ...; after the last the delivery is given up.
RETRY_AFTER = (
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
JITTER = 0.1
LONGEST_RETRY_AFTER = 24 * HOUR
ANSWER_KEPT = 1000  # characters
GONE = 410


@dataclass(frozen=True)
class Attempted:
    """One try: the answer's status and beginning, or why there was none."""

    status: int | None
    error: str
    answer: str
    duration_ms: int
    retry_after: timedelta | None = None

    @property
    def succeeded(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def deliver_due(*, at_most: int = 20) -> int:
    """Try the deliveries that are due, the longest due first; returns how many were tried."""
    count = 0
    for delivery in _claim_due(at_most):
        _conclude(delivery, _post(delivery))
        count += 1
    return count


def _claim_due(at_most: int) -> Iterator[WebhookDelivery]:
    """Deliveries that this worker alone may try now: the UPDATE moves `due_at` past the longest attempt.

    One at a time for each receiver and each team, so that one which never answers holds up its own alone.
    """
    for _number in range(at_most):
        now = timezone.now()
        due = WebhookDelivery.objects.filter(state=DeliveryState.DUE, due_at__lte=now)
        held = WebhookDelivery.objects.filter(state=DeliveryState.DUE, held_until__gt=now)
        busy = Q(host__in=held.values("host")) | Q(job__team__in=held.values("job__team"))
        row = due.exclude(busy).order_by("attempts", "due_at").first()
        if row is None:
            return
        until = now + timedelta(seconds=settings.WEBHOOK_TIMEOUT_SECONDS * 2 + 30)
        claimed = due.filter(pk=row.pk).update(attempts=F("attempts") + 1, due_at=until, held_until=until)
        if claimed:
            yield WebhookDelivery.objects.select_related("job__team", "job__key").get(pk=row.pk)


def _post(delivery: WebhookDelivery) -> Attempted:
    try:
        secret = webhook_secret(delivery.job.team)
    except ValueError as error:
        return Attempted(status=None, error=str(error), answer="", duration_ms=0)
    body = json.dumps(job_document(delivery.job), ensure_ascii=False, separators=(",", ":"))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "lipsyncweb-webhooks/1",
        **signing.headers(secret=secret, message_id=delivery.message_id, body=body),
    }
    began = time.monotonic()
    try:
        answer = outbound.post(
            delivery.url,
            body=body.encode(),
            headers=headers,
            policy=outbound.policy_from_settings(),
            seconds=settings.WEBHOOK_TIMEOUT_SECONDS,
            read_bytes=65536,
        )
    except outbound.OutboundError as error:
        return Attempted(status=None, error=error.sentence, answer="", duration_ms=_since(began))
    return Attempted(
        status=answer.status,
        error=f"The receiver redirects to {answer.location}." if answer.location else "",
        answer=_readable(answer.body),
        duration_ms=_since(began),
        retry_after=outbound.retry_after(answer.headers),
    )


def _conclude(delivery: WebhookDelivery, tried: Attempted) -> None:
    """Keep the attempt and decide what is next, unless another worker has tried since."""
    now = timezone.now()
    state, due_at = _next(delivery.attempts, tried, now)
    with transaction.atomic():
        mine = WebhookDelivery.objects.filter(
            pk=delivery.pk, state=DeliveryState.DUE, attempts=delivery.attempts
        ).update(state=state, due_at=due_at, held_until=None)
        DeliveryAttempt.objects.create(
            delivery=delivery,
            number=delivery.attempts,
            duration_ms=tried.duration_ms,
            status=tried.status,
            error=tried.error if mine else f"{tried.error} (overtaken)".strip(),
            answer=tried.answer,
        )


def _next(attempts: int, tried: Attempted, now: datetime) -> tuple[str, datetime]:
    if tried.succeeded:
        return DeliveryState.DELIVERED, now
    if tried.status == GONE or attempts > len(RETRY_AFTER):
        return DeliveryState.EXHAUSTED, now
    wait = RETRY_AFTER[attempts - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
    asked = min(tried.retry_after or timedelta(), LONGEST_RETRY_AFTER)
    return DeliveryState.DUE, now + max(wait, asked)


def _readable(body: bytes) -> str:
    # PostgreSQL stores no NUL.
    return body.decode("utf-8", "replace").replace("\0", "\ufffd")[:ANSWER_KEPT]


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
