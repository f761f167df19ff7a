"""Who did what in a team. Only accounts/audit/ writes here, and only new rows."""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.keys import ApiKey
from accounts.models.teams import Team


class OnlyGrows(Exception):
    """Somebody tried to change or delete a line of the audit log."""

    def __init__(self) -> None:
        super().__init__("The audit log only grows.")


class GrowingQuerySet(models.QuerySet["AuditEvent"]):
    """Rows are added and read. The database refuses the rest, too (migration 0005_audit_only_grows)."""

    def update(self, **changes: Any) -> NoReturn:
        raise OnlyGrows

    def delete(self) -> NoReturn:
        raise OnlyGrows

    def bulk_update(self, *args: Any, **options: Any) -> NoReturn:
        raise OnlyGrows


class AuditEvent(models.Model):
    """One privileged action.

    It holds no name of a person: one who deleted their account is gone from here, too. That is the only change that a
    row sees: `person` and `subject` become empty with the account, and with the team all that could name somebody.
    """

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

    objects = models.Manager.from_queryset(GrowingQuerySet)()

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        ordering = ["-pk"]
        # A migration that has SQLite make the table anew loses its triggers: put them back there (0005 has them).
        indexes = [
            # The page and the export read a team's newest: all, of one action, person or key, or of some days.
            models.Index(fields=["team", "-id"], name="audit_by_team"),
            models.Index(fields=["team", "action", "-id"], name="audit_by_action"),
            models.Index(fields=["team", "person", "-id"], name="audit_by_person"),
            models.Index(fields=["team", "key", "-id"], name="audit_by_key"),
            models.Index(fields=["team", "at"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target}".strip()

    def save(self, *args: Any, **options: Any) -> None:
        if not self._state.adding:
            raise OnlyGrows
        super().save(*args, **options)

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        raise OnlyGrows
