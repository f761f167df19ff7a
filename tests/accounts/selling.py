"""A site that sells, and what is sold on it."""

from typing import Any

from accounts import ledger
from accounts.audit import Who
from accounts.models import Pack, PaymentEvent, Purchase
from accounts.models.sales import PurchaseState
from tests.accounts import stripe_shapes
from tests.conftest import Character

KEY = "sk_test_51Secret"


def open_shop(settings) -> None:
    settings.STRIPE_SECRET_KEY = KEY
    settings.STRIPE_WEBHOOK_SECRETS = [stripe_shapes.SECRET]
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"  # nobody: what a test does not stand in for is refused


def make_pack(**values: Any) -> Pack:
    return Pack.objects.create(
        **{"name": "Small", "purse": "user", "credits": 500, "price": 1000, "currency": "eur", **values}
    )


def make_purchase(who: Character, **values: Any) -> Purchase:
    """One whose buyer is on Stripe's page now."""
    pack = values.pop("pack", None) or make_pack()
    return Purchase.objects.create(
        **{
            "team": who.team,
            "person": who.user,
            "pack": pack,
            "pack_name": pack.name,
            "purse": pack.purse,
            "credits": pack.credits,
            "price": pack.price,
            "currency": pack.currency,
            "session_id": stripe_shapes.new_id("cs_test"),
            **values,
        }
    )


def available(who: Character, kind: str = "user") -> int:
    return getattr(ledger.balances(who.team), kind).available


def spend(who: Character, amount: int) -> None:
    source = ledger.Source(person=who.user)
    for step in (ledger.reserve, ledger.charge):
        step(team=who.team, kind="user", amount=amount, reference=f"spent:{amount}", source=source)


def who(character: Character) -> Who:
    return Who(person=character.user)


def state(purchase: Purchase) -> PurchaseState:
    return PurchaseState(Purchase.objects.values_list("state", flat=True).get(pk=purchase.pk))


def outcomes() -> list[str]:
    """What each event of Stripe's came to."""
    return list(PaymentEvent.objects.order_by("pk").values_list("outcome", flat=True))


def reversed_so_far(purchase: Purchase) -> tuple[int, int, str]:
    """Credits that were taken back, those that were spent already, and what the operator reads."""
    purchase.refresh_from_db()
    return purchase.credits_taken, purchase.credits_missing, purchase.to_look_at
