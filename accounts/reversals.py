"""Money that went back: refunds and disputes of purchases. The rules, as docs/credits.md states them:

- A refund takes back the share of the credits that was refunded, rounded down; all refunds of a purchase count
  together. A dispute takes back all of them at once, and a dispute that is settled for the site returns them.
- What was spent stays spent: only what is there is taken, the rest is noted on the purchase for the operator.
- Whatever is told twice, or late, or before the payment itself, comes to the same.
"""

import uuid
from typing import Any

from django.db.models import F, Q
from django.utils.translation import gettext_noop

from accounts import audit, ledger
from accounts.audit import OPERATOR, Who
from accounts.models import PaymentEvent, Purchase
from accounts.models.sales import Dispute

# Notes of the ledger, in English; the credits page translates them.
RETURNED = gettext_noop("The payment was refunded")
DISPUTED = gettext_noop("The payment was disputed")
SETTLED = gettext_noop("The dispute was settled for this site")

# What Stripe calls a dispute's states. An inquiry (warning_...) moves no money yet.
STAGES = {
    "needs_response": Dispute.OPEN,
    "under_review": Dispute.OPEN,
    "won": Dispute.WON,
    "prevented": Dispute.WON,
    "warning_closed": Dispute.WON,
    "lost": Dispute.LOST,
}
REFUND = "charge.refunded"
KEPT = "kept"  # told before the payment itself


def find(purchase_id: str) -> Purchase | None:
    """The purchase of this name, which came from outside."""
    try:
        return Purchase.objects.filter(pk=uuid.UUID(purchase_id)).first()
    except ValueError:
        return None


def find_paid_by(payment_intent: str) -> Purchase | None:
    return Purchase.objects.filter(payment_intent=payment_intent).first() if payment_intent else None


def tell(purchase: Purchase | None, kind: str, facts: dict[str, Any]) -> str:
    """Do what a refund's or a dispute's event says; returns what that came to. In a transaction."""
    if purchase is None:
        return KEPT
    # The row is locked before its state is read, or a payment that is just being granted would miss this.
    Purchase.objects.filter(pk=purchase.pk).update(problem=F("problem"))
    purchase.refresh_from_db()
    if not purchase.is_paid:
        return KEPT
    return _refund(purchase, facts) if kind == REFUND else _dispute(purchase, facts)


def catch_up(purchase: Purchase, payment_intent: str) -> None:
    """What was told of a payment before the payment itself, in Stripe's order."""
    if not payment_intent:
        return
    early = PaymentEvent.objects.filter(outcome=KEPT, payment_intent=payment_intent)
    for event in early.order_by("created", "pk"):
        outcome = tell(purchase, event.kind, event.facts)
        PaymentEvent.objects.filter(pk=event.pk).update(outcome=outcome, purchase=purchase)


def _refund(purchase: Purchase, facts: dict[str, Any]) -> str:
    if facts["currency"] != purchase.currency:
        note_problem(purchase, "A refund in another currency was not taken into account.")
        return "mismatch"
    amount = min(facts["refunded"], purchase.price)
    won = Purchase.objects.filter(pk=purchase.pk, refunded__lt=amount).update(refunded=amount)
    if not won:
        return "repeated"
    _balance(purchase, reference=f"refund:{purchase.pk}:{amount}", note=RETURNED, who=OPERATOR)
    return "refunded"


def _dispute(purchase: Purchase, facts: dict[str, Any]) -> str:
    stage, name = STAGES.get(facts["status"]), facts["id"]
    if stage is None:
        return "noted"
    # A dispute that has ended never changes, and one that was lost is not made good by another.
    over = Q(dispute=Dispute.LOST) | Q(dispute_id=name, dispute__in=[Dispute.WON, stage])
    won = Purchase.objects.filter(~over, pk=purchase.pk).update(dispute=stage, dispute_id=name)
    if not won:
        return "repeated"
    note = SETTLED if stage == Dispute.WON else DISPUTED
    _balance(purchase, reference=f"dispute:{name}", note=note, who=Who())
    return f"dispute_{stage}"


def _due(purchase: Purchase) -> int:
    """How many credits should have come back by now."""
    if purchase.dispute in (Dispute.OPEN, Dispute.LOST):
        return purchase.credits
    return purchase.credits * purchase.refunded // purchase.price


def _balance(purchase: Purchase, *, reference: str, note: str, who: Who) -> None:
    """Take or return what the purchase's new state asks for. The caller holds its row."""
    purchase.refresh_from_db()
    due = _due(purchase)
    step = due - purchase.credits_due
    if step > 0:
        taken = _take(purchase, step, reference, note)
    else:  # what was never taken is not returned
        taken = -min(-step, max(0, purchase.credits_taken - due))
        _give(purchase, -taken, reference, note)
    Purchase.objects.filter(pk=purchase.pk).update(
        credits_due=due, credits_taken=F("credits_taken") + taken, problem=_missing(purchase, due, taken)
    )
    audit.record(
        "credits.reversed",
        team=purchase.team,
        who=who,
        target=str(purchase),
        purchase=str(purchase.pk),
        credits=-taken,
        missing=max(0, due - purchase.credits_taken - taken),
    )


def _take(purchase: Purchase, amount: int, reference: str, note: str) -> int:
    taken = ledger.refund(
        team=purchase.team, kind=purchase.purse, amount=amount, reference=reference, note=note
    )
    return taken.taken


def _give(purchase: Purchase, amount: int, reference: str, note: str) -> None:
    if amount:
        ledger.adjust(
            team=purchase.team, kind=purchase.purse, change_by=amount, reference=reference, note=note
        )


def _missing(purchase: Purchase, due: int, taken: int) -> str:
    missing = due - purchase.credits_taken - taken
    if missing <= 0:
        return ""
    return f"{missing} of the {due} credits to take back were spent already."


def note_problem(purchase: Purchase, sentence: str) -> None:
    Purchase.objects.filter(pk=purchase.pk).update(problem=sentence)
