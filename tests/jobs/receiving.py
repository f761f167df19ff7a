"""Deliveries of jobs that have ended, and what is read of them afterwards."""

from datetime import timedelta

from django.utils import timezone

from jobs import lifecycle
from jobs.models import DeliveryAttempt, WebhookDelivery
from tests.jobs.making import claim, make_job, result


def ended(actor, url: str, *, completed: bool = True) -> WebhookDelivery:
    """The delivery of a job that has just ended."""
    job = make_job(actor, webhook=url)
    held = claim(job)
    if completed:
        lifecycle.succeed(held, result(job))
    else:
        lifecycle.fail(job.pk, code="no_face", sentence="There is no face in the picture.")
    return WebhookDelivery.objects.get(job=job)


def make_due(delivery: WebhookDelivery) -> None:
    WebhookDelivery.objects.filter(pk=delivery.pk).update(due_at=timezone.now() - timedelta(seconds=1))


def waits(delivery: WebhookDelivery) -> float:
    """Seconds until the next try."""
    delivery.refresh_from_db()
    return (delivery.due_at - timezone.now()).total_seconds()


def last_attempt(delivery: WebhookDelivery) -> DeliveryAttempt:
    return delivery.log.order_by("number").last()
