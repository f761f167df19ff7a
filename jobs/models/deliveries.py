"""Webhooks on their way out: who gets them, every attempt that was made, and what signs them."""

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Team
from jobs.models.jobs import Job


class DeliveryState(models.TextChoices):
    DUE = "due", _("Due")
    DELIVERED = "delivered", _("Delivered")
    EXHAUSTED = "exhausted", _("Given up")


class DeliveryStatus(models.TextChoices):
    """What becomes of a delivery, as it is called outside."""

    WAITING = "waiting", _("Waiting")  # for its first try
    RETRYING = "retrying", _("Will be tried again")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Given up")


class Receiver(models.Model):
    """One host that a team's webhooks go to, and how it has been answering: what the line is fair between."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="receivers")
    host = models.CharField(max_length=260)  # with its port
    sound = models.BooleanField(default=False)  # it took the last one that it was sent, test or not
    failures = models.PositiveIntegerField(default=0)  # in a row, whichever the delivery
    failing_since = models.DateTimeField(null=True)
    last_problem = models.TextField(blank=True)
    # When a worker last took up one of its deliveries. A new one queues up behind those that wait already.
    served_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            # What the end of a job finds its receiver by.
            models.UniqueConstraint(fields=["team", "host"], name="receiver_once"),
        ]
        indexes = [
            # The sweeper that writes to teams.
            models.Index(
                fields=["failing_since"],
                name="receiver_failing",
                condition=models.Q(failing_since__isnull=False),
            ),
            # When a team was last served.
            models.Index(fields=["team", "served_at"], name="receiver_served"),
        ]

    def __str__(self) -> str:
        return self.host


class WebhookDelivery(models.Model):
    """One webhook to one address. The row is the queue: `due_at` says when it is tried next."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="deliveries")
    receiver = models.ForeignKey(Receiver, on_delete=models.CASCADE, related_name="deliveries")
    job = models.ForeignKey(Job, null=True, on_delete=models.CASCADE, related_name="deliveries")
    # What a test sends, as JSON in its own order (PostgreSQL's has none); a job's is made from the job.
    document = models.TextField(null=True)
    url = models.TextField()
    held_until = models.DateTimeField(null=True)  # a worker is trying it now
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.DUE)
    # Grows with each claim and fences out a worker that comes back late.
    attempts = models.PositiveIntegerField(default=0)
    # Those of earlier rounds: a replay begins the schedule anew.
    attempts_before = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)
    tried_at = models.DateTimeField(null=True)
    # When it takes one of its team's places for webhooks that nobody pays for; null for a paid job's.
    unpaid_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    newest: list["DeliveryAttempt"]  # of its log, where deliveries.with_log has read them

    class Meta:
        verbose_name_plural = "webhook deliveries"
        indexes = [
            # The deliverer asks each receiver for what is due longest, and what is under way anywhere.
            models.Index(
                fields=["receiver", "due_at"], name="delivery_due_of", condition=models.Q(state="due")
            ),
            models.Index(
                fields=["held_until"], name="delivery_held", condition=models.Q(held_until__isnull=False)
            ),
            # The limit on a team's tests.
            models.Index(
                fields=["team", "unpaid_at"],
                name="delivery_unpaid",
                condition=models.Q(unpaid_at__isnull=False),
            ),
            # A team's list, newest first.
            models.Index(fields=["team", "-created_at", "-id"], name="delivery_by_team"),
        ]

    def __str__(self) -> str:
        return f"{self.url} ({self.state})"

    @property
    def message_id(self) -> str:
        """The Standard Webhooks id: the same for every attempt, so that a receiver can tell a repeat."""
        return f"msg_{self.pk.hex}"

    @property
    def is_test(self) -> bool:
        return self.document is not None

    @property
    def is_in_hand(self) -> bool:
        """Whether a worker is trying it now."""
        return self.held_until is not None and self.held_until > timezone.now()

    @property
    def status(self) -> DeliveryStatus:
        if self.state == DeliveryState.DUE:
            failed_before = self.attempts - self.attempts_before > (1 if self.is_in_hand else 0)
            return DeliveryStatus.RETRYING if failed_before else DeliveryStatus.WAITING
        delivered = self.state == DeliveryState.DELIVERED
        return DeliveryStatus.DELIVERED if delivered else DeliveryStatus.FAILED


class DeliveryAttempt(models.Model):
    """What was sent when, and what came back. Written before the request leaves, completed after it."""

    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.CASCADE, related_name="log")
    number = models.PositiveIntegerField()
    at = models.DateTimeField(default=timezone.now)
    duration_ms = models.PositiveIntegerField(null=True)  # null: under way, or its worker was lost
    status = models.PositiveSmallIntegerField(null=True)  # null: no answer
    code = models.CharField(max_length=40, blank=True)  # why it failed, as a stable word
    error = models.TextField(blank=True)
    answer = models.TextField(blank=True)  # its first bytes
    next_at = models.DateTimeField(null=True)  # when it was to be tried again; null: not again

    class Meta:
        ordering = ["pk"]
        constraints = [
            # An attempt is completed by its number.
            models.UniqueConstraint(fields=["delivery", "number"], name="attempt_once"),
        ]
        indexes = [
            # Expiry.
            models.Index(fields=["at"], name="attempt_by_age"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number}: {self.status or self.error}"

    @property
    def succeeded(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class WebhookSettings(models.Model):
    """Where a team's webhooks go when a submit names no address, and when it was written to about them."""

    team = models.OneToOneField(
        Team, primary_key=True, on_delete=models.CASCADE, related_name="webhook_settings"
    )
    url = models.TextField(blank=True)
    browser_jobs = models.BooleanField(default=False)  # those submitted on the site's own pages, too
    warned_at = models.DateTimeField(null=True)  # when the team was last written to about failing receivers

    def __str__(self) -> str:
        return self.url or "no address"


class RetiredSecret(models.Model):
    """A signing secret that was replaced: it signs beside the new one until its time is over."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="retired_secrets")
    sealed = models.TextField()
    retired_at = models.DateTimeField(default=timezone.now)
    signs_until = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"signs until {self.signs_until:%Y-%m-%d %H:%M}"
