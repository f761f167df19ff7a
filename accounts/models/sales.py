"""What is sold, what was bought, and what Stripe told of it. Only accounts/sales/ writes purchases and events."""

import uuid

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts import money
from accounts.models.ledger import PurseKind
from accounts.models.teams import Team

HIGHEST_PRICE = 99_999_999  # eight digits are what Stripe charges at most
MOST_CREDITS = 1_000_000_000  # of a pack, and of a grant that is typed
PURCHASE = "purchase:"  # and its number: the reference of a purchase's entry


class Pack(models.Model):
    """So many credits for so much money: a row that the site's owner edits."""

    name = models.CharField(_("name"), max_length=60)
    name_ru = models.CharField(_("name in Russian"), max_length=60, blank=True)
    description = models.CharField(_("description"), max_length=200, blank=True)
    description_ru = models.CharField(_("description in Russian"), max_length=200, blank=True)
    purse = models.CharField(_("purse"), max_length=4, choices=PurseKind.choices)
    credits = models.PositiveBigIntegerField(
        _("credits"), validators=[MinValueValidator(1), MaxValueValidator(MOST_CREDITS)]
    )
    price = models.PositiveIntegerField(
        _("price"),
        validators=[MinValueValidator(1), MaxValueValidator(HIGHEST_PRICE)],
        help_text=_("In the currency's smallest unit: 999 is 9.99 euros, and 999 yen."),
    )
    currency = models.CharField(
        _("currency"),
        max_length=3,
        validators=[money.validate_currency],
        help_text=_("Three letters in lower case, such as usd, eur or jpy."),
    )
    on_sale = models.BooleanField(_("on sale"), default=True)
    position = models.PositiveSmallIntegerField(
        _("position"), default=0, help_text=_("Smaller ones stand first; equal ones by their price.")
    )

    class Meta:
        verbose_name = _("pack")
        verbose_name_plural = _("packs")
        ordering = ["purse", "position", "price", "pk"]
        constraints = [
            # A pack of nothing, or for nothing, would be a grant.
            models.CheckConstraint(
                condition=models.Q(credits__gte=1, price__gte=1), name="pack_is_worth_something"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.price and self.currency:
            try:
                money.validate_price(self.price, self.currency)
            except ValidationError as error:
                raise ValidationError({"price": error}) from None

    @property
    def name_shown(self) -> str:
        return _in_this_language(self.name, self.name_ru)

    @property
    def description_shown(self) -> str:
        return _in_this_language(self.description, self.description_ru)

    @property
    def price_shown(self) -> str:
        return money.price(self.price, self.currency)

    @property
    def per_credit_shown(self) -> str:
        return money.price_of_one(self.price, self.credits, self.currency)


class PurchaseState(models.TextChoices):
    OPEN = "open", _("Not paid yet")
    PAID = "paid", _("Paid")
    FAILED = "failed", _("Payment failed")
    EXPIRED = "expired", _("Not paid")


class Dispute(models.TextChoices):
    NONE = "", _("none")
    OPEN = "open", _("In dispute")
    WON = "won", _("Dispute settled for this site")
    LOST = "lost", _("Dispute lost")


class Purchase(models.Model):
    """One checkout. What the pack said when it began is kept here and is what counts."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="purchases")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    pack = models.ForeignKey(Pack, null=True, on_delete=models.SET_NULL, related_name="+")
    pack_name = models.CharField(_("pack"), max_length=60)
    pack_name_ru = models.CharField(max_length=60, blank=True)
    purse = models.CharField(_("purse"), max_length=4, choices=PurseKind.choices)
    credits = models.PositiveBigIntegerField(_("credits"))
    price = models.PositiveIntegerField(_("price"))
    currency = models.CharField(_("currency"), max_length=3)

    state = models.CharField(
        _("state"), max_length=8, choices=PurchaseState.choices, default=PurchaseState.OPEN
    )
    created_at = models.DateTimeField(_("begun"), auto_now_add=True)
    paid_at = models.DateTimeField(_("paid"), null=True)
    # Stripe's names: of the page on which it is paid, and of the payment, once there is one.
    session_id = models.CharField(max_length=255, null=True, unique=True)
    payment_intent = models.CharField(max_length=255, blank=True)
    receipt_url = models.CharField(max_length=1000, blank=True)
    # While it is open: when Stripe is asked next, and how often it was.
    check_at = models.DateTimeField(null=True)
    checks = models.PositiveSmallIntegerField(default=0)

    # What Stripe has given back in all, and what that comes to in credits: due, and taken of what was there.
    refunded = models.PositiveIntegerField(_("refunded"), default=0)
    credits_due = models.PositiveBigIntegerField(_("credits to take back"), default=0)
    credits_taken = models.PositiveBigIntegerField(_("credits taken back"), default=0)
    dispute = models.CharField(
        _("dispute"), max_length=4, choices=Dispute.choices, default=Dispute.NONE, blank=True
    )
    dispute_id = models.CharField(max_length=255, blank=True)
    # What the operator should look at, in sentences that are added to and never taken away.
    problem = models.TextField(_("problem"), blank=True)

    class Meta:
        verbose_name = _("purchase")
        verbose_name_plural = _("purchases")
        ordering = ["-created_at", "-pk"]
        constraints = [
            # Never more is taken back than is due, and never more due than was sold.
            models.CheckConstraint(
                condition=models.Q(credits_taken__lte=models.F("credits_due"))
                & models.Q(credits_due__lte=models.F("credits")),
                name="purchase_takes_no_more_than_due",
            ),
        ]
        indexes = [
            # The team's page lists its newest.
            models.Index(fields=["team", "-created_at"], name="purchase_by_team"),
            # A dispute names the payment and nothing else.
            models.Index(fields=["payment_intent"], name="purchase_by_payment"),
            # The round of questions reads those that are open and due.
            models.Index(
                fields=["check_at"], name="purchase_to_check", condition=models.Q(state=PurchaseState.OPEN)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pack_name}, {money.price(self.price, self.currency)}"

    @property
    def name_shown(self) -> str:
        return _in_this_language(self.pack_name, self.pack_name_ru)

    @property
    def price_shown(self) -> str:
        return money.price(self.price, self.currency)

    @property
    def refunded_shown(self) -> str:
        return money.price(self.refunded, self.currency)

    @property
    def reference(self) -> str:
        """Of its entry in the ledger."""
        return f"{PURCHASE}{self.pk}"

    @property
    def credits_missing(self) -> int:
        """What should have come back and was spent already."""
        return self.credits_due - self.credits_taken

    @property
    def to_look_at(self) -> str:
        """Everything that the operator should look at."""
        missing = (
            f"{self.credits_missing} of the {self.credits_due} credits to take back were spent already."
            if self.credits_missing
            else ""
        )
        return " ".join(filter(None, [self.problem, missing]))

    @property
    def is_open(self) -> bool:
        return self.state == PurchaseState.OPEN

    @property
    def is_paid(self) -> bool:
        return self.state == PurchaseState.PAID


class PaymentEvent(models.Model):
    """One message of Stripe's, once: its name, what it came to, and of its content only what the books need."""

    event_id = models.CharField(max_length=255, unique=True)
    kind = models.CharField(max_length=60)
    created = models.DateTimeField()  # by Stripe's clock
    received_at = models.DateTimeField(auto_now_add=True)
    purchase = models.ForeignKey(Purchase, null=True, on_delete=models.PROTECT, related_name="events")
    payment_intent = models.CharField(max_length=255, blank=True)
    outcome = models.CharField(max_length=20)
    facts = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("payment event")
        verbose_name_plural = _("payment events")
        ordering = ["-pk"]
        indexes = [
            # A purchase that is paid looks for what came before it.
            models.Index(
                fields=["payment_intent"], name="event_kept_by_payment", condition=models.Q(outcome="kept")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"


def _in_this_language(english: str, russian: str) -> str:
    return russian if russian and (get_language() or "").startswith("ru") else english
