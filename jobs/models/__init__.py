"""Jobs and what surrounds them. Dependencies point one way: media, providers <- jobs <- events, outbox, deliveries."""

from jobs.models.deliveries import (
    DeliveryAttempt,
    Receiver,
    RetiredSecret,
    WebhookDelivery,
    WebhookSettings,
)
from jobs.models.jobs import IdempotencyKey, Job, JobEvent, Outbox, State
from jobs.models.media import Upload
from jobs.models.nightly import Reconciliation
from jobs.models.providers import Connection, InboundWebhook

__all__ = [
    "Connection",
    "DeliveryAttempt",
    "IdempotencyKey",
    "InboundWebhook",
    "Job",
    "JobEvent",
    "Outbox",
    "Receiver",
    "Reconciliation",
    "RetiredSecret",
    "State",
    "Upload",
    "WebhookDelivery",
    "WebhookSettings",
]
