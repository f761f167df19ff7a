"""A job, its history and its outbox row. Only jobs/lifecycle writes a state."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey, Team
from accounts.models.ledger import PurseKind
from jobs.models.providers import Connection


class State(models.TextChoices):
    QUEUED = "queued", _("In line")
    RUNNING = "running", _("Rendering")
    WAITING = "waiting", _("Being made elsewhere")
    COMPLETED = "completed", _("Completed")
    FAILED = "failed", _("Failed")
    CANCELED = "canceled", _("Canceled")


ACTIVE_STATES = (State.QUEUED, State.RUNNING, State.WAITING)


class Job(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="jobs")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    # Its index is job_by_key, which knows the order as well.
    key = models.ForeignKey(ApiKey, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)

    # What was asked for. form_state is the frozen snapshot of jobs/form_state.py.
    model = models.CharField(max_length=40)
    form_state = models.JSONField()
    fingerprint = models.CharField(max_length=64)
    webhook = models.TextField(blank=True)
    # What its client calls it and keeps with it: theirs, never read here.
    reference = models.CharField(max_length=200, blank=True, default="")
    metadata = models.JSONField(default=dict)

    # Who makes it: a connection, or nobody but this machine's own engine.
    connection = models.ForeignKey(Connection, null=True, on_delete=models.PROTECT, related_name="jobs")
    external_id = models.CharField(max_length=100, blank=True)
    # The last part of the address that the other server calls: ours to guess and nobody else's.
    callback_token = models.CharField(max_length=64, null=True, unique=True)
    # The other server's last word, once it is one: the first terminal document stays.
    remote_document = models.JSONField(null=True)
    remote_ended_at = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(null=True)  # by the other server
    sent_at = models.DateTimeField(null=True)  # the last time that it may have reached it
    sends = models.PositiveSmallIntegerField(default=0)  # how often it may have reached the other server
    not_before = models.DateTimeField(null=True)  # waits in line until then
    next_poll_at = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True)

    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    # Written by the same UPDATE as `state`, so that the event row can name the state that was left.
    previous_state = models.CharField(max_length=10, blank=True)
    # Grows with every change that a page can show; a page asks "newer than n?".
    version = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField(default=timezone.now)

    # Credits: what is set aside while the job is unfinished, what was spent at its end.
    purse = models.CharField(max_length=4, choices=PurseKind.choices)
    reserved = models.PositiveIntegerField(default=0)
    charged = models.PositiveIntegerField(default=0)
    billed_seconds = models.PositiveIntegerField(null=True)

    # Made by a test key: a sample, free of charge, and never in line with the others (jobs/trials.py).
    is_test = models.BooleanField(default=False, db_default=False)

    # Where it waits and its place there: jobs/line.py.
    line = models.BigIntegerField(default=0, db_default=0)
    turn = models.PositiveBigIntegerField(default=0, db_default=0)

    # Whether its inputs lie here, so that a render starts at once; `inputs` names those that were fetched.
    ready = models.BooleanField(default=False)
    inputs = models.JSONField(default=dict)

    # The lease: a worker owns the job while it renews it, and `attempt` fences out one that wakes up late.
    attempt = models.PositiveIntegerField(default=0)
    lost_attempts = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    deadline = models.DateTimeField()
    stage = models.CharField(max_length=40, blank=True)
    progress = models.PositiveSmallIntegerField(default=0)  # percent

    # The end of it.
    error_code = models.CharField(max_length=60, blank=True)
    error = models.TextField(blank=True)
    seed = models.PositiveIntegerField(null=True)
    warnings = models.JSONField(default=list)  # stable codes
    prompt_words = models.JSONField(default=list)  # those of the prompt that were used
    timings = models.JSONField(null=True)
    execution_ms = models.PositiveIntegerField(null=True)
    output_file = models.CharField(max_length=200, blank=True)
    output_token = models.CharField(max_length=64, blank=True)
    output_url = models.TextField(blank=True)
    output_sha256 = models.CharField(max_length=64, blank=True)
    output_bytes = models.BigIntegerField(null=True)
    output_seconds = models.FloatField(null=True)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)

    poster_file = models.CharField(
        max_length=200, blank=True, default="", db_default=""
    )  # a JPEG of the result

    # What people do with it afterwards. A kept job has no end (expires_at is empty); a deleted one is a row without
    # contents, which no page and no answer shows.
    keep = models.BooleanField(default=False, db_default=False)
    deleted_at = models.DateTimeField(null=True)
    # What the history's search looks through, in lower case: names, words, ids. Written with the job.
    search = models.TextField(blank=True, default="", db_default="")

    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            # The history page: a team's jobs, newest first, and those of one status, model or person.
            models.Index(
                fields=["team", "-created_at", "-id"], name="job_by_team", condition=models.Q(deleted_at=None)
            ),
            models.Index(
                fields=["team", "state", "-created_at", "-id"],
                name="job_by_state",
                condition=models.Q(deleted_at=None),
            ),
            models.Index(
                fields=["team", "model", "-created_at", "-id"],
                name="job_by_model",
                condition=models.Q(deleted_at=None),
            ),
            models.Index(
                fields=["team", "person", "-created_at", "-id"],
                name="job_by_person",
                condition=models.Q(deleted_at=None),
            ),
            # A key's page: what it submitted last; the history of one key.
            models.Index(
                fields=["key", "-created_at", "-id"], name="job_by_key", condition=models.Q(deleted_at=None)
            ),
            # How long the last jobs of a kind took (jobs/forecast.py).
            models.Index(
                fields=["model", "connection", "-finished_at"],
                name="job_by_pace",
                condition=models.Q(state="completed", is_test=False),
            ),
            # Deleted jobs whose rows are to go.
            models.Index(
                fields=["deleted_at"], name="job_deleted", condition=models.Q(deleted_at__isnull=False)
            ),
            # The API's list of the jobs that a client gave one reference.
            models.Index(fields=["team", "reference", "-created_at", "-id"], name="job_by_reference"),
            # The next in a line, a job's position, the least turn. With what some are passed over for: files that
            # are not here yet, a team that has enough in hand.
            models.Index(
                fields=["line", "turn", "created_at", "ready", "team"],
                name="job_line",
                condition=models.Q(state="queued"),
            ),
            # The next to be sent elsewhere.
            models.Index(
                fields=["line", "attempt", "turn", "created_at"],
                name="job_send_line",
                condition=models.Q(state="queued", ready=True, connection__isnull=False),
            ),
            # The next whose inputs are to be fetched, in whatever line it will stand then.
            models.Index(
                fields=["turn", "created_at", "team"],
                name="job_fetch_line",
                condition=models.Q(state="queued", ready=False),
            ),
            # The last turn that a team has taken.
            models.Index(
                fields=["line", "team", "turn"], name="job_turns", condition=models.Q(state="queued")
            ),
            # What each team has in hand, and in which turn.
            models.Index(
                fields=["line", "team", "turn"], name="job_in_hand", condition=models.Q(state="running")
            ),
            # The sweeper: leases that are over, deadlines that have passed.
            models.Index(fields=["lease_until"], name="job_leases", condition=models.Q(state="running")),
            models.Index(
                fields=["deadline"],
                name="job_deadlines",
                condition=models.Q(state__in=["queued", "running", "waiting"]),
            ),
            # Jobs of one connection: those in line, those that wait and are due to be asked for.
            models.Index(fields=["connection", "state", "next_poll_at"], name="job_by_connection"),
            # Expiry of results.
            models.Index(fields=["expires_at"], name="job_expiry", condition=~models.Q(output_file="")),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.pk}"

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE_STATES

    @property
    def credits(self) -> int:
        """Set aside while it is unfinished, spent once it has ended."""
        return self.reserved if self.is_active else self.charged

    @property
    def source(self) -> str:
        return "api" if self.purse == PurseKind.API else "browser"

    @property
    def download_name(self) -> str:
        """A sensible file name for the result, made of the input's own and the job's first characters."""
        label = slugify(self.form_state.get("label", ""), allow_unicode=True)[:60].strip("-_") or self.model
        return f"{label}-{str(self.pk)[:8]}.mp4"

    @property
    def asked_provider(self) -> str:
        """Who was asked to make it by name; "" where it was left to the preferences."""
        return self.form_state.get("provider", "")

    @property
    def values(self) -> dict[str, Any]:
        return self.form_state["values"]


class JobEvent(models.Model):
    """One transition, written in its own transaction's company: history, timeline and proof in one."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events")
    verb = models.CharField(max_length=20)
    old = models.CharField(max_length=10, blank=True)
    new = models.CharField(max_length=10)
    attempt = models.PositiveIntegerField()
    reason = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.verb}: {self.old} -> {self.new}"


class IdempotencyKey(models.Model):
    """A submit that was named by its client: the same name again is answered with the same job."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    scope = models.CharField(max_length=100)  # method and path
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="idempotency_key")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            # The insert that a racer waits for.
            models.UniqueConstraint(fields=["team", "scope", "key"], name="idempotency_once"),
        ]
        indexes = [
            # Expiry.
            models.Index(fields=["created_at"], name="idempotency_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.key}"


class Outbox(models.Model):
    """A queued job's promise that a worker will be nudged. Written with the job, gone when it is claimed."""

    job = models.OneToOneField(Job, on_delete=models.CASCADE, primary_key=True)
    due_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            # The sweeper reads what is due.
            models.Index(fields=["due_at"], name="outbox_due"),
        ]

    def __str__(self) -> str:
        return f"nudge for {self.job_id}"
