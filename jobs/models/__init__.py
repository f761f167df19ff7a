"""Jobs and what surrounds them. Dependencies point one way: media, jobs <- events, outbox, deliveries."""

from jobs.models.deliveries import DeliveryAttempt, WebhookDelivery
from jobs.models.jobs import Job, JobEvent, Outbox, State
from jobs.models.media import Upload

__all__ = ["DeliveryAttempt", "Job", "JobEvent", "Outbox", "State", "Upload", "WebhookDelivery"]
