"""Teams: whatever is made belongs to the team it was made in."""

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    MEMBER = "member", _("Member")
    VIEWER = "viewer", _("Viewer")


class Team(models.Model):
    name = models.CharField(_("name"), max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)
    # Signs this team's webhooks (Standard Webhooks, `whsec_...`); encrypted, see lipsyncweb.secretbox.
    webhook_secret_sealed = models.TextField(editable=False)
    # How many of its jobs are made at once; empty: TEAM_CONCURRENCY. The others wait in line.
    concurrency = models.PositiveSmallIntegerField(
        _("jobs at once"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    # Switched off by the operator: nobody and no key may do anything in it, and nothing is lost.
    disabled_at = models.DateTimeField(null=True, editable=False)
    # Deleted by its owner: without a name, members, keys or files; the row stays for the ledger.
    deleted_at = models.DateTimeField(null=True, editable=False)
    # The person whose first team this is: the starting grant and the first team are once a person.
    first_of = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="first_team",
    )

    class Meta:
        verbose_name = _("team")
        verbose_name_plural = _("teams")

    def __str__(self) -> str:
        return self.name or f"deleted team {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.disabled_at is None and self.deleted_at is None


class Membership(models.Model):
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.MEMBER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            # A person has one role in a team.
            models.UniqueConstraint(fields=["team", "user"], name="membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team} ({self.role})"


class Invitation(models.Model):
    """A seat in a team that waits for somebody, by mail or by link. Kept after it was used, revoked or ran out."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="invitations")
    # Empty: whoever has the link; and forgotten once the invitation was used or revoked.
    email = models.EmailField(_("e-mail address"), blank=True)
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.MEMBER)
    # Of the token in the link; the token itself is shown or mailed once and never stored.
    digest = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, editable=False)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, editable=False)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            # The members page lists a team's, newest first.
            models.Index(fields=["team", "-created_at"], name="invitation_by_team"),
        ]

    def __str__(self) -> str:
        return f"{self.email or 'whoever has the link'} to {self.team} ({self.role})"

    @property
    def is_open(self) -> bool:
        """Whether it still lets somebody in; with the account of whoever made it, it ends (invitations.open_at)."""
        unused = self.accepted_at is None and self.revoked_at is None
        answered_for = self.invited_by is not None and self.invited_by.is_active
        return unused and answered_for and self.expires_at > timezone.now()

    @property
    def masked_email(self) -> str:
        """Enough of the address for its owner to know it, such as a…@example.com."""
        name, at, host = self.email.partition("@")
        return f"{name[:1]}…{at}{host}" if at else ""
