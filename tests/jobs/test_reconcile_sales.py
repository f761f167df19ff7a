"""`reconcile`, of what was bought and what went back."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import ledger, sales
from accounts.models import Entry, PaymentEvent, Purchase
from accounts.payments.client import Session
from accounts.sales import reversals
from jobs import reconciliation
from tests.jobs.making import sql

pytestmark = pytest.mark.django_db


@pytest.fixture
def bought(owner):
    purchase = Purchase.objects.create(
        team=owner.team, pack_name="Pack", purse="api", credits=50, price=100, currency="eur"
    )
    Purchase.objects.create(
        team=owner.team, pack_name="Unpaid", purse="api", credits=50, price=100, currency="eur"
    )
    sales.fulfil(
        Session("cs_1", "", "complete", "paid", "pi_1", 100, currency="eur", purchase=str(purchase.pk))
    )
    assert reconciliation.findings() == []
    return purchase


def test_a_purchase_that_was_paid_and_not_granted_is_found(owner, bought):
    sql("DELETE FROM accounts_entry WHERE kind = 'purchase'")
    assert f"Purchase {bought.pk} was paid, but has no entry." in reconciliation.findings()


def test_a_purchase_of_another_sum_is_found(bought):
    sql("UPDATE accounts_purchase SET credits = 60 WHERE state = 'paid'")
    entry = Entry.objects.get(kind="purchase")
    assert reconciliation.findings() == [
        f"Purchase {bought.pk} is of 60 credits, but entry {entry.pk} is another."
    ]


@pytest.mark.parametrize("reference", ["purchase:{}", "invoice:7"])
def test_credits_that_nobody_paid_for_are_found(owner, bought, reference):
    unpaid = Purchase.objects.get(state="open")
    reference = reference.format(unpaid.pk)
    ledger.purchase(team=owner.team, kind="api", amount=50, reference=reference)
    entry = Entry.objects.get(reference=reference)
    assert reconciliation.findings() == [
        f"Entry {entry.pk} is of a purchase ({reference}) that was not paid."
    ]


def test_credits_that_were_taken_back_and_are_not_noted_are_found(owner, bought):
    bought.refresh_from_db()
    assert reversals.tell(bought, reversals.REFUND, {"refunded": 40, "currency": "eur"}) == "refunded"
    assert reconciliation.findings() == []
    sql("UPDATE accounts_purchase SET credits_taken = 7 WHERE state = 'paid'")
    assert reconciliation.findings() == [
        f"Purchase {bought.pk} had 7 credits taken back, but its entries say 20."
    ]


def test_credits_that_are_noted_and_were_not_taken_back_are_found(owner, bought):
    sql("UPDATE accounts_purchase SET credits_due = 9, credits_taken = 9 WHERE state = 'paid'")
    assert reconciliation.findings() == [
        f"Purchase {bought.pk} had 9 credits taken back, but its entries say 0."
    ]


def test_a_refund_that_nobody_made_up_for_is_found(owner, bought):
    now = timezone.now()
    event = PaymentEvent.objects.create(
        event_id="evt_1", kind="charge.refunded", created=now, payment_intent="pi_1", outcome="kept"
    )
    PaymentEvent.objects.create(
        event_id="evt_2", kind="charge.refunded", created=now, payment_intent="pi_foreign", outcome="kept"
    )
    assert reconciliation.findings() == []  # it has just come
    PaymentEvent.objects.update(received_at=now - timedelta(hours=2))
    assert reconciliation.findings() == [
        f"Event {event.event_id} (charge.refunded) is of a payment that is known, but nothing came of it."
    ]
