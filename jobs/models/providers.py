"""Other servers that make videos for this site, and what they told it."""

from datetime import datetime
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Team
from lipsyncweb.secretbox import seal_list, unseal, unseal_list

EMBEDDED = "embedded"


class Connection(models.Model):
    """A named server that speaks the same API. Without a team it is the operator's and serves every team."""

    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.PROTECT, related_name="connections"
    )
    name = models.CharField(
        _("name"),
        max_length=40,
        validators=[RegexValidator(r"\A[a-z0-9][a-z0-9-]*\Z", _("Use small letters, digits and hyphens."))],
        help_text=_("What the form and the API call it, such as “gpu-farm”."),
    )
    base_url = models.URLField(
        _("address"), max_length=500, help_text=_("Without /api/v1, such as https://video.example.com.")
    )
    key_sealed = models.TextField(editable=False)
    # JSON list of `whsec_...`; several while rotating, none for a server that does not sign.
    secrets_sealed = models.TextField(blank=True, editable=False)
    callback_base = models.URLField(
        _("callback address"),
        max_length=500,
        blank=True,
        help_text=_("Where that server reaches this site. Empty: it is not told, and only asked."),
    )
    only_models = models.JSONField(_("models"), default=list, blank=True, help_text=_("None chosen: all."))
    only_resolutions = models.JSONField(
        _("resolutions"), default=list, blank=True, help_text=_("None chosen: all.")
    )
    concurrency = models.PositiveSmallIntegerField(
        _("jobs at once"), default=10, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    polls_a_second = models.PositiveSmallIntegerField(
        _("questions a second"), default=5, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    preference = models.PositiveSmallIntegerField(
        _("preference"),
        default=50,
        help_text=_("The smallest is taken first; this machine's own engine has 100."),
    )
    idempotent = models.BooleanField(
        _("honours Idempotency-Key"),
        default=True,
        help_text=_("As lipsyncweb does: a request that is sent twice makes one job."),
    )
    is_active = models.BooleanField(_("in use"), default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    # How it has been answering; see jobs/health.py.
    failures = models.PositiveIntegerField(default=0, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    retry_at = models.DateTimeField(null=True, editable=False)
    send_failures = models.PositiveIntegerField(default=0, editable=False)
    send_after = models.DateTimeField(null=True, editable=False)
    last_error = models.TextField(blank=True, editable=False)
    polled_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        ordering = ["preference", "name"]
        constraints = [
            # A name is one connection of a team, and one of the site.
            models.UniqueConstraint(fields=["team", "name"], name="connection_once"),
            models.UniqueConstraint(
                fields=["name"], condition=models.Q(team=None), name="connection_once_site_wide"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_failing(self) -> bool:
        return bool(self.failures or self.send_failures)

    @property
    def next_try(self) -> datetime | None:
        """When it is asked or sent something again, where that is put off."""
        return max((each for each in (self.retry_at, self.send_after) if each), default=None)

    @property
    def key(self) -> str:
        return unseal(self.key_sealed)

    @property
    def secrets(self) -> list[str]:
        return unseal_list(self.secrets_sealed)

    def set_secrets(self, secrets: list[str]) -> None:
        self.secrets_sealed = seal_list(secrets)

    def takes(self, model: str, values: dict[str, Any]) -> bool:
        """Whether this server is asked for such jobs."""
        resolution = values.get("resolution")
        return (not self.only_models or model in self.only_models) and (
            not self.only_resolutions or resolution in self.only_resolutions
        )


class InboundWebhook(models.Model):
    """A call that came for a job, kept whole. `message_id` makes a repeat the same row."""

    job = models.ForeignKey("jobs.Job", on_delete=models.CASCADE, related_name="inbound")
    message_id = models.CharField(max_length=200)
    verified = models.BooleanField()
    body = models.BinaryField()
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            # Deduplicated for as long as the job lives.
            models.UniqueConstraint(fields=["job", "message_id"], name="inbound_once"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} for {self.job_id}"
