"""API keys. The secret is never stored: only its digest."""

import re

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.teams import Team

PREFIX = "sk_"
TEST_PREFIX = "sk_test_"


class ApiKey(models.Model):
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="api_keys")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    name = models.CharField(_("name"), max_length=100, blank=True)
    # Its jobs are free and give samples; never changed, since the key's first letters say it.
    is_test = models.BooleanField(_("test key"), default=False, db_default=False, editable=False)
    # The unique index is the one read that finds a key.
    public_id = models.CharField(max_length=24, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    last_used_from = models.GenericIPAddressField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)
    # The key that this one takes the place of, until that one's expiry.
    rolled_from = models.ForeignKey(
        "self", null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )

    # Its limits; empty is none. accounts/keys/ and, for credits, accounts/ledger/ hold to them.
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    allowed_models = models.JSONField(_("models"), default=list, db_default=[], blank=True)
    resolutions = models.JSONField(_("resolutions"), default=list, db_default=[], blank=True)
    addresses = models.JSONField(_("allowed addresses"), default=list, db_default=[], blank=True)
    requests_a_minute = models.PositiveIntegerField(_("requests a minute"), null=True, blank=True)
    daily_credits = models.PositiveBigIntegerField(_("credits a day"), null=True, blank=True)
    total_credits = models.PositiveBigIntegerField(_("credits in all"), null=True, blank=True)
    # What counts towards them: reserved or charged, on `spent_day` (UTC) and ever. accounts/ledger/ writes these.
    spent_day = models.DateField(null=True, editable=False)
    spent_on_day = models.BigIntegerField(default=0, db_default=0, editable=False)
    spent_in_all = models.BigIntegerField(default=0, db_default=0, editable=False)
    # What of it is not its own but was counted by the key whose place it took, when it did: of no line of the ledger.
    carried_day = models.DateField(null=True, editable=False)
    carried_on_day = models.BigIntegerField(default=0, db_default=0, editable=False)
    carried_in_all = models.BigIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return self.name or self.label

    @property
    def label(self) -> str:
        """What may be shown after the key's only showing."""
        return f"{TEST_PREFIX if self.is_test else PREFIX}{self.public_id}_…"

    @property
    def name_in_a_comment(self) -> str:
        """The name, or the label, fit for the end of a line of shell: zsh runs what stands behind a # that is typed."""
        return re.sub(r"[^\w .,:@+-]", "", self.name).strip() or self.label

    @property
    def is_active(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())

    @property
    def is_narrowed(self) -> bool:
        """Whether it may do less than its team may; an expiry alone is no such limit."""
        numbers = (self.requests_a_minute, self.daily_credits, self.total_credits)
        lists = (self.allowed_models, self.resolutions, self.addresses)
        return any(lists) or any(number is not None for number in numbers)
