"""Credits. Only accounts/ledger writes these two tables."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.keys import ApiKey
from accounts.models.teams import Team


class PurseKind(models.TextChoices):
    API = "api", _("API credits")
    USER = "user", _("User credits")


class EntryKind(models.TextChoices):
    GRANT = "grant", _("Grant")
    PURCHASE = "purchase", _("Purchase")
    RESERVE = "reserve", _("Reserved")
    CHARGE = "charge", _("Charged")
    GIVE_BACK = "give_back", _("Given back")
    ADJUST = "adjust", _("Correction")
    REFUND = "refund", _("Taken back")
    EXPIRE = "expire", _("Expired")


# Each kind's pair: the change of what is available, and of what is reserved.
PAIRS = (
    models.Q(kind__in=["grant", "purchase"], available_change__gt=0, reserved_change=0)
    | models.Q(kind="reserve", available_change__lt=0, reserved_change=-models.F("available_change"))
    | models.Q(kind="charge", available_change=0, reserved_change__lt=0)
    | models.Q(kind="give_back", available_change__gt=0, reserved_change=-models.F("available_change"))
    | models.Q(kind="adjust", reserved_change=0) & ~models.Q(available_change=0)
    # A refund of credits that were all spent takes nothing, and is written all the same: once.
    | models.Q(kind="refund", available_change__lte=0, reserved_change=0)
    | models.Q(kind="expire", available_change__lt=0, reserved_change=0)
)


class Purse(models.Model):
    """One of a team's two balances, in whole credits."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="purses")
    kind = models.CharField(max_length=4, choices=PurseKind.choices)
    available = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)
    # What may be spent in a calendar month (UTC); empty for any amount. `month_spent` is what was reserved or charged
    # in the month that began on `month`, and counts whether or not there is a cap.
    monthly_cap = models.PositiveBigIntegerField(_("credits a month"), null=True, blank=True)
    month = models.DateField(null=True, editable=False)
    month_spent = models.BigIntegerField(default=0, db_default=0, editable=False)
    # When the first of its grants that expire does, or while expired credits are still reserved; empty: none does.
    next_expiry = models.DateTimeField(null=True, editable=False)
    # Mail goes out once when less than this is available, and again after it was above in between.
    alert_below = models.PositiveBigIntegerField(_("alert below"), null=True, blank=True)
    alerted_at = models.DateTimeField(null=True, editable=False)
    # When mail last went out, whatever came between: not again for ledger.limits.QUIET.
    alert_mailed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [
            # The row that every guarded UPDATE finds by team and kind.
            models.UniqueConstraint(fields=["team", "kind"], name="purse_once"),
            # The last line of defence behind the guards: no balance below zero, ever.
            models.CheckConstraint(condition=models.Q(available__gte=0), name="purse_available_not_negative"),
            models.CheckConstraint(condition=models.Q(reserved__gte=0), name="purse_reserved_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.available}"


class Entry(models.Model):
    """One line of the ledger: a change of what is available and of what is reserved. Never edited or deleted."""

    # No index of its own: two of those below begin with it, and PostgreSQL took the plain one for a range of days.
    purse = models.ForeignKey(Purse, on_delete=models.PROTECT, related_name="entries", db_index=False)
    kind = models.CharField(max_length=10, choices=EntryKind.choices)
    available_change = models.BigIntegerField()
    reserved_change = models.BigIntegerField()
    # What the line is for, such as job:<id>:minimum; a retry cannot write it twice.
    reference = models.CharField(max_length=200)
    note = models.CharField(max_length=200, blank=True)
    job_id = models.UUIDField(null=True)
    # What the job makes, by the catalog's name: usage is told by the ledger alone.
    model = models.CharField(max_length=40, blank=True, db_default="")
    # Of a grant: when what is left of it goes; empty: never.
    expires_at = models.DateTimeField(null=True)
    # Its index is entry_by_key, which knows the order as well.
    key = models.ForeignKey(ApiKey, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    # Set by the ledger: the moment that its months and days are counted by.
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        ordering = ["-pk"]
        constraints = [
            # Writing the same thing twice is refused by the database.
            models.UniqueConstraint(fields=["kind", "reference"], name="entry_once_a_kind"),
            # A line is one of the ledger's pairs and nothing else.
            models.CheckConstraint(condition=PAIRS, name="entry_is_a_pair"),
        ]
        indexes = [
            # The replay of grants that expire reads a purse's lines in their order, from one of them on.
            models.Index(fields=["purse", "-id"], name="entry_by_purse"),
            # Usage by day, and exports of a range.
            models.Index(fields=["purse", "created_at"], name="entry_by_time"),
            # A key's page: what it spent by day; and what counts towards its limits.
            models.Index(fields=["key", "created_at"], name="entry_by_key"),
            # A job's charges, and the reconciliation.
            models.Index(fields=["job_id"], name="entry_by_job"),
            # The sweep looks for a purse's first grant that expires.
            models.Index(
                fields=["purse", "id"],
                name="entry_that_expires",
                condition=models.Q(expires_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.available_change:+d}/{self.reserved_change:+d} {self.reference}"
