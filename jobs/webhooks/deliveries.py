"""Reads of a team's deliveries, for the pages and the API."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Prefetch, Q, QuerySet
from django.utils import timezone

from accounts.models import Team
from jobs import cursors
from jobs.models import DeliveryAttempt, WebhookDelivery
from jobs.models.deliveries import DeliveryState, DeliveryStatus

LOG_SHOWN = 50  # attempts


@dataclass(frozen=True)
class Page:
    """Deliveries, newest first; `after` is the cursor of the next page, "" on the last one."""

    deliveries: list[WebhookDelivery]
    after: str


def of_team(team: Team) -> QuerySet[WebhookDelivery]:
    return WebhookDelivery.objects.filter(team=team)


def detail(team: Team, delivery_id: uuid.UUID) -> WebhookDelivery:
    """One delivery with its newest attempts; DoesNotExist when it is not there or another team's."""
    return with_log(of_team(team).select_related("job", "receiver")).get(pk=delivery_id)


def with_log(rows: QuerySet[WebhookDelivery]) -> QuerySet[WebhookDelivery]:
    """The deliveries with the newest attempts of each as `newest`, the last one first."""
    newest = DeliveryAttempt.objects.order_by("-number")[:LOG_SHOWN]
    return rows.prefetch_related(Prefetch("log", queryset=newest, to_attr="newest"))


def page(
    team: Team, *, status: str = "", after: tuple[datetime, uuid.UUID] | None = None, limit: int = 20
) -> Page:
    """The team's deliveries with this status ("" for any), those after that position."""
    rows = of_team(team).select_related("job").order_by("-created_at", "-pk")
    if status:
        rows = rows.filter(_with(status))
    if after:
        at, pk = after
        rows = rows.filter(Q(created_at__lt=at) | Q(created_at=at, pk__lt=pk))
    found = list(rows[: limit + 1])
    more = len(found) > limit
    last = found[limit - 1] if more else None
    return Page(found[:limit], cursors.encode(last.created_at, last.pk) if last else "")


def _with(status: str) -> Q:
    """The rows that WebhookDelivery.status calls so, in SQL."""
    held = Q(held_until__gt=timezone.now())
    first = Q(attempts=F("attempts_before")) | (held & Q(attempts=F("attempts_before") + 1))
    return {
        DeliveryStatus.WAITING: Q(state=DeliveryState.DUE) & first,
        DeliveryStatus.RETRYING: Q(state=DeliveryState.DUE) & ~first,
        DeliveryStatus.DELIVERED: Q(state=DeliveryState.DELIVERED),
        DeliveryStatus.FAILED: Q(state=DeliveryState.EXHAUSTED),
    }[DeliveryStatus(status)]
