"""Stripe's events: each is kept once, with what it came to, in the transaction of what it does.

Only what the books need is kept of one: no name, address or card of a buyer.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.db import IntegrityError, transaction

from accounts import sales
from accounts.models import PaymentEvent, Purchase
from accounts.models.sales import PurchaseState
from accounts.payments.client import Session
from accounts.sales import reversals

Found = tuple[Purchase | None, str]  # whose it is, and what it came to


def take(event: dict[str, Any]) -> str:
    """Do what the event says and return what that came to; `repeated` for one that was taken before.

    Raises KeyError, TypeError or ValueError for an event that is not of Stripe's shape, with nothing changed.
    """
    handler = HANDLERS.get(event["type"])
    if handler is None:
        return "ignored"
    found = event["data"]["object"]
    facts = _facts(event["type"], found)
    with transaction.atomic():
        row = PaymentEvent(
            event_id=event["id"],
            kind=event["type"],
            created=datetime.fromtimestamp(event["created"], UTC),
            payment_intent=_name(found.get("payment_intent")),
            facts=facts,
        )
        try:
            # First of all, so that the same event at once waits here and then finds that it was taken.
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            return "repeated"
        row.purchase, row.outcome = handler(row, found)
        row.save(update_fields=["purchase", "outcome"])
    return row.outcome


def _facts(kind: str, found: dict[str, Any]) -> dict[str, Any]:
    if kind.startswith(reversals.DISPUTE):
        return {"id": _required(found, "id", str), "status": _required(found, "status", str)}
    if kind == reversals.REFUND:
        return {
            "refunded": _required(found, "amount_refunded", int),
            "currency": _required(found, "currency", str),
        }
    return {name: found.get(name) for name in ("id", "amount_total", "currency", "status", "payment_status")}


def _paid(row: PaymentEvent, found: dict[str, Any]) -> Found:
    session = Session.of(found)
    purchase, outcome = sales.fulfil(session)
    if outcome in ("granted", "repeated"):  # repeated: the first may have died before it looked
        transaction.on_commit(lambda: reversals.catch_up_late(session.payment_intent))
    return purchase, outcome


def _not_paid(state: str) -> Callable[[PaymentEvent, dict[str, Any]], Found]:
    def close(row: PaymentEvent, found: dict[str, Any]) -> Found:
        purchase = reversals.find(Session.of(found).purchase)
        if purchase is None:
            return None, "unknown"
        return purchase, state if sales.close(purchase, state) else "repeated"

    return close


def _charged(row: PaymentEvent, found: dict[str, Any]) -> Found:
    """A charge has the receipt, and comes before or after the checkout that it pays."""
    purchase = _bought_by(found)
    if purchase is None:
        return None, "unknown"
    sales.keep_receipt(purchase, _name(found.get("receipt_url")))
    return purchase, "noted"


def _reversed(row: PaymentEvent, found: dict[str, Any]) -> Found:
    purchase = _bought_by(found)
    outcome = reversals.tell(purchase, row.kind, row.facts)
    if outcome == reversals.KEPT:
        transaction.on_commit(lambda: reversals.catch_up_late(row.payment_intent))
    return purchase, outcome


def _refund_failed(row: PaymentEvent, found: dict[str, Any]) -> Found:
    purchase = _bought_by(found)
    if purchase is None:
        return None, "unknown"
    reversals.note_problem(
        purchase, "A refund failed after its credits were taken back; look at it in Stripe."
    )
    return purchase, "noted"


HANDLERS: dict[str, Callable[[PaymentEvent, dict[str, Any]], Found]] = {
    "checkout.session.completed": _paid,
    "checkout.session.async_payment_succeeded": _paid,
    "checkout.session.async_payment_failed": _not_paid(PurchaseState.FAILED),
    "checkout.session.expired": _not_paid(PurchaseState.EXPIRED),
    "charge.succeeded": _charged,
    reversals.REFUND: _reversed,
    "charge.dispute.created": _reversed,
    "charge.dispute.updated": _reversed,
    "charge.dispute.closed": _reversed,
    "refund.failed": _refund_failed,
}


def _bought_by(found: dict[str, Any]) -> Purchase | None:
    """Whose charge, refund or dispute this is: by the mark that the payment carries, or by the payment."""
    marked = reversals.find(_name((found.get("metadata") or {}).get("purchase")))
    return marked or reversals.find_paid_by(_name(found.get("payment_intent")))


def _name(value: Any) -> str:
    """A text, or the id of an object that stands in its place."""
    value = value.get("id") if isinstance(value, dict) else value
    return value if isinstance(value, str) else ""


def _required(found: dict[str, Any], name: str, kind: type) -> Any:
    value = found[name]
    if type(value) is not kind:
        raise TypeError(f"{name} is {value!r}")
    return value
