"""Webhooks on their way out, and every attempt that was made."""

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jobs.models.jobs import Job


class DeliveryState(models.TextChoices):
    DUE = "due", _("Due")
    DELIVERED = "delivered", _("Delivered")
    EXHAUSTED = "exhausted", _("Given up")


class WebhookDelivery(models.Model):
    """One webhook to one address. The row is the queue: `due_at` says when it is tried next."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="deliveries")
    url = models.TextField()
    host = models.CharField(max_length=260)  # with its port
    held_until = models.DateTimeField(null=True)  # a worker is trying it now
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.DUE)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "webhook deliveries"
        indexes = [
            # The deliverer reads what is due.
            models.Index(fields=["due_at"], name="delivery_due", condition=models.Q(state="due")),
        ]

    def __str__(self) -> str:
        return f"{self.url} ({self.state})"

    @property
    def message_id(self) -> str:
        """The Standard Webhooks id: the same for every attempt, so that a receiver can tell a repeat."""
        return f"msg_{self.pk.hex}"


class DeliveryAttempt(models.Model):
    """What was sent when, and what came back."""

    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.CASCADE, related_name="log")
    number = models.PositiveSmallIntegerField()
    at = models.DateTimeField(default=timezone.now)
    duration_ms = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField(null=True)  # null: no answer
    error = models.TextField(blank=True)
    answer = models.TextField(blank=True)  # its first bytes

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"attempt {self.number}: {self.status or self.error}"
