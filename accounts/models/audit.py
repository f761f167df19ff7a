"""Who did what in a team. Only accounts/audit.py writes here, and only new rows."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.keys import ApiKey
from accounts.models.teams import Team


class AuditEvent(models.Model):
    """One privileged action. It holds no name of a person: one who deleted their account is gone from here, too."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="audit")
    at = models.DateTimeField(auto_now_add=True)
    action = models.CharField(max_length=40)  # of accounts.audit.ACTIONS
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    key = models.ForeignKey(ApiKey, null=True, on_delete=models.PROTECT, related_name="+")
    by_operator = models.BooleanField(default=False)  # by the site's operator, not by one of the team
    address = models.GenericIPAddressField(null=True)
    # What it was done to: the person, where it was one, or else words, such as a key's label.
    subject = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    target = models.CharField(max_length=200, blank=True)
    details = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        ordering = ["-pk"]
        indexes = [
            # The page and the export read a team's newest, all or of one action.
            models.Index(fields=["team", "-id"], name="audit_by_team"),
            models.Index(fields=["team", "action", "-id"], name="audit_by_action"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target}".strip()
