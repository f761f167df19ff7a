"""Money that went back: refunds and disputes of purchases. The rules, as docs/credits.md states them:

- A refund takes back the share of the credits that was refunded, rounded down; all refunds of a purchase count
  together. A dispute takes back all of them at once. They are returned when every dispute of the payment was settled
  for the site.
- What was spent stays spent: only what is there is taken, the rest is noted on the purchase for the operator.
- Whatever is told twice, or late, or before the payment itself, comes to the same.
"""

import uuid
from typing import Any

from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, QuerySet, Sum, TextField, Value, When
from django.db.models.functions import Concat
from django.utils.translation import gettext_noop

from accounts import audit, ledger
from accounts.audit import OPERATOR, Who
from accounts.models import PaymentEvent, Purchase
from accounts.models.sales import Dispute, PurchaseState

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
REFUND, DISPUTE = "charge.refunded", "charge.dispute."
KEPT = "kept"  # told before the payment itself
LONGEST_NOTE = 300


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
    lock(purchase)
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


def catch_up_late(payment_intent: str) -> None:
    """The same for a payment and an event that met: each was told while the other was not yet there to be seen.

    Called by both of them after their commit, so that the later one sees the other, and by each round of questions.
    """
    with transaction.atomic():
        if (purchase := find_paid_by(payment_intent)) is not None:
            lock(purchase)  # so that two who catch up do so one after the other
            catch_up(purchase, payment_intent)


def left_behind() -> QuerySet[PaymentEvent]:
    """What is kept although its payment is known."""
    paid = Purchase.objects.filter(state=PurchaseState.PAID, payment_intent=OuterRef("payment_intent"))
    return PaymentEvent.objects.filter(Exists(paid), outcome=KEPT).exclude(payment_intent="")


def lock(purchase: Purchase) -> None:
    """Hold the purchase's row until the transaction ends, and read it."""
    Purchase.objects.filter(pk=purchase.pk).update(problem=F("problem"))
    purchase.refresh_from_db()


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
        if not facts["status"].startswith("warning_"):
            note_problem(
                purchase, f"A dispute is {facts['status']!r}, which moves no credits; look at it in Stripe."
            )
        return "noted"
    stages = _stages(purchase)
    if (before := stages.get(name)) in (Dispute.WON, Dispute.LOST, stage):  # one that has ended never changes
        if {before, stage} == {Dispute.WON, Dispute.LOST}:
            note_problem(
                purchase, f"A dispute was {before} and is now {stage}, which moves no credits; look at it."
            )
        return "repeated"
    stages[name] = stage
    # One that was lost is not made good by another, and while any is open the money is not here.
    found = next(each for each in (Dispute.LOST, Dispute.OPEN, Dispute.WON) if each in stages.values())
    Purchase.objects.filter(pk=purchase.pk).update(dispute=found, dispute_id=name)
    note = SETTLED if stage == Dispute.WON else DISPUTED
    _balance(purchase, reference=f"dispute:{purchase.pk}:{name}", note=note, who=Who())
    return f"dispute_{stage}"


def _stages(purchase: Purchase) -> dict[str, Dispute]:
    """Of each dispute that was told of before, how far it is."""
    told = PaymentEvent.objects.filter(purchase=purchase, kind__startswith=DISPUTE).exclude(outcome=KEPT)
    stages: dict[str, Dispute] = {}
    for facts in told.order_by("pk").values_list("facts", flat=True):
        stage = STAGES.get(facts["status"])
        if stage is not None and stages.get(facts["id"]) in (None, Dispute.OPEN):
            stages[facts["id"]] = stage
    return stages


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
    else:  # a dispute that is won: what refunds took stays taken, and what was never taken is not returned
        taken = -min(-step, _taken_by_disputes(purchase))
        _give(purchase, -taken, reference, note)
    Purchase.objects.filter(pk=purchase.pk).update(credits_due=due, credits_taken=F("credits_taken") + taken)
    audit.record(
        "credits.reversed",
        team=purchase.team,
        who=who,
        target=str(purchase),
        purchase=str(purchase.pk),
        credits=-taken,
        missing=max(0, due - purchase.credits_taken - taken),
    )


def _taken_by_disputes(purchase: Purchase) -> int:
    """What they took and have not returned."""
    lines = ledger.entries(purchase.team).filter(reference__startswith=f"dispute:{purchase.pk}:")
    return -(lines.aggregate(sum=Sum("available_change"))["sum"] or 0)


def _take(purchase: Purchase, amount: int, reference: str, note: str) -> int:
    refunded = ledger.refund(
        team=purchase.team, kind=purchase.purse, amount=amount, reference=reference, note=note
    )
    return refunded.taken if refunded.written else 0


def _give(purchase: Purchase, amount: int, reference: str, note: str) -> None:
    if amount:
        ledger.adjust(
            team=purchase.team, kind=purchase.purse, change_by=amount, reference=reference, note=note
        )


def note_problem(purchase: Purchase, sentence: str) -> None:
    """Add this for the operator to what was noted before, once."""
    sentence = sentence[:LONGEST_NOTE]
    words = Value(sentence, output_field=TextField())
    after = Concat("problem", Value(" "), words, output_field=TextField())
    added = Case(When(problem="", then=words), default=after)
    Purchase.objects.filter(pk=purchase.pk).exclude(problem__contains=sentence).update(problem=added)
