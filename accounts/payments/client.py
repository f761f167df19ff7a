"""What this site asks of Stripe, through Stripe's own library: it starts a checkout, looks at one, ends one.

The library is optional (the extra `payments`) and imported only where it is used. Every call goes to one fixed
address, has a time limit, is repeated at most once, and is made outside of transactions.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.models import Purchase
from accounts.money import price

log = logging.getLogger(__name__)

CONNECT_SECONDS, ANSWER_SECONDS = 4, 12
REPEATS = 1
LANGUAGES = {"en": "en", "ru": "ru"}  # of the site, as Stripe calls them


class StripeTrouble(Exception):
    """Stripe could not be asked, or `refused`. `sentence` is for the person who waits; the log has the reason."""

    def __init__(self, sentence: str, *, refused: bool = False):
        self.sentence, self.refused = sentence, refused
        super().__init__(sentence)


@dataclass(frozen=True)
class Session:
    """A checkout, as far as it is read here."""

    id: str
    url: str
    status: str  # open, complete or expired
    payment_status: str  # paid, unpaid or no_payment_required
    payment_intent: str
    amount_total: int | None
    currency: str
    purchase: str  # our own id, as Stripe gives it back
    receipt_url: str = ""

    @property
    def is_paid(self) -> bool:
        return self.payment_status == "paid"

    @classmethod
    def of(cls, found: dict[str, Any]) -> "Session":
        """Read from Stripe's object: an event's, or an answer's."""
        metadata = found.get("metadata") or {}
        intent = found.get("payment_intent")
        charge = intent.get("latest_charge") if isinstance(intent, dict) else None
        return cls(
            id=_text(found.get("id")),
            url=_text(found.get("url")),
            status=_text(found.get("status")),
            payment_status=_text(found.get("payment_status")),
            payment_intent=_text(intent.get("id") if isinstance(intent, dict) else intent),
            amount_total=found.get("amount_total"),
            currency=_text(found.get("currency")),
            purchase=_text(found.get("client_reference_id") or metadata.get("purchase")),
            receipt_url=_text(charge.get("receipt_url")) if isinstance(charge, dict) else "",
        )


def is_configured() -> bool:
    """Whether credits can be bought here."""
    return bool(settings.STRIPE_SECRET_KEY and settings.STRIPE_WEBHOOK_SECRETS)


def is_live() -> bool:
    """Whether the key moves real money; a restricted key says it in the same place."""
    return "_live_" in settings.STRIPE_SECRET_KEY


def start(purchase: Purchase, *, success_url: str, cancel_url: str, language: str, ends: datetime) -> Session:
    """A page of Stripe's on which this purchase can be paid. The same purchase always gives the same page."""
    params = {
        **_goods(purchase),
        "success_url": success_url,
        "cancel_url": cancel_url,
        "expires_at": int(ends.timestamp()),
        "locale": LANGUAGES.get(language, "auto"),
    }
    # Stripe refuses the whole checkout for an address like operator@localhost.
    if purchase.person is not None and "." in purchase.person.email.rpartition("@")[2]:
        params["customer_email"] = purchase.person.email
    options = {"idempotency_key": f"purchase-{purchase.pk}"}
    return _asked("start", lambda stripe: stripe.create(params, options), purchase)


def _goods(purchase: Purchase) -> dict[str, Any]:
    """What is paid, and for what."""
    what = purchase.name_shown
    marks = {"purchase": str(purchase.pk)}
    return {
        "mode": "payment",
        "client_reference_id": str(purchase.pk),
        "metadata": marks,
        # Stripe copies these to the payment and its charges, so that a refund can be told before all else.
        "payment_intent_data": {"metadata": marks, "description": what},
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": purchase.currency,
                    "unit_amount": purchase.price,
                    "product_data": {"name": what},
                },
            }
        ],
        # What is paid must be what was shown here.
        "adaptive_pricing": {"enabled": False},
    }


def look_at(purchase: Purchase) -> Session:
    """The purchase's checkout as it is now, with the receipt once there is one."""
    expand = {"expand": ["payment_intent.latest_charge"]}
    return _asked("look at", lambda stripe: stripe.retrieve(str(purchase.session_id), expand), purchase)


def end(purchase: Purchase) -> Session:
    """Close the page, so that nobody pays there any more. Refused by Stripe for one that is paid."""
    return _asked("end", lambda stripe: stripe.expire(str(purchase.session_id)), purchase)


def _asked(verb: str, ask: Any, purchase: Purchase) -> Session:
    import stripe

    refused = False
    try:
        return Session.of(ask(_sessions()).to_dict())
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        log.error("Stripe does not take STRIPE_SECRET_KEY for this: %s", error)
        sentence = _(
            "Payments are not working right now, and nothing was paid; the site's operator must look."
        )
    except stripe.RateLimitError as error:
        log.warning("Stripe is asked too often: %s", error)
        sentence = _("The payment service is busy, and nothing was paid; please try again in a minute.")
    except stripe.InvalidRequestError as error:
        refused = True
        log.error("Stripe refuses to %s the checkout of %s: %s", verb, purchase.pk, error)
        sentence = _(
            "The payment service did not accept this purchase of %(price)s, and nothing was paid; "
            "the site's operator must look."
        ) % {"price": price(purchase.price, purchase.currency)}
    except stripe.StripeError as error:
        log.warning("Stripe could not be asked to %s the checkout of %s: %s", verb, purchase.pk, error)
        sentence = _("The payment service does not answer, and nothing was paid; please try again later.")
    raise StripeTrouble(sentence, refused=refused)


def _sessions() -> Any:
    import stripe

    stripe.enable_telemetry = False  # what this machine is, and how long it waited, is nobody's business
    client = stripe.StripeClient(
        settings.STRIPE_SECRET_KEY,
        base_addresses={"api": settings.STRIPE_API_BASE},
        max_network_retries=REPEATS,
        http_client=stripe.RequestsClient(timeout=(CONNECT_SECONDS, ANSWER_SECONDS)),
    )
    return client.v1.checkout.sessions


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
