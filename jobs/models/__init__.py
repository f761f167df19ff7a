"""Jobs and what surrounds them. Dependencies point one way: media, providers <- jobs <- all that is about a job."""

from jobs.models.deliveries import (
    DeliveryAttempt,
    Receiver,
    RetiredSecret,
    WebhookDelivery,
    WebhookSettings,
)
from jobs.models.jobs import IdempotencyKey, Job, JobEvent, Outbox, State
from jobs.models.media import PartialUpload, Upload
from jobs.models.nightly import Reconciliation
from jobs.models.providers import Connection, InboundWebhook
from jobs.models.retention import JobInput, Retention

__all__ = [
    "Connection",
    "DeliveryAttempt",
    "IdempotencyKey",
    "InboundWebhook",
    "Job",
    "JobEvent",
    "JobInput",
    "Outbox",
    "PartialUpload",
    "Receiver",
    "Reconciliation",
    "Retention",
    "RetiredSecret",
    "State",
    "Upload",
    "WebhookDelivery",
    "WebhookSettings",
]
