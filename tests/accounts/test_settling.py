"""Stripe is asked again where its webhook does not come."""

from datetime import timedelta

from django.utils import timezone
from pytest_httpserver import HTTPServer

from accounts import sales
from accounts.models import Purchase
from tests.accounts import stripe_shapes as shapes
from tests.accounts.selling import available, make_purchase, state

SESSIONS = "/v1/checkout/sessions"
START = 1000


def told(server: HTTPServer, purchase: Purchase, **changed) -> None:
    """Answer a question about the purchase's checkout."""
    path = f"{SESSIONS}/{purchase.session_id}"
    server.expect_request(path, method="GET").respond_with_json(shapes.opened(purchase, **changed))


def make_due(purchase: Purchase, *, age: timedelta = timedelta(minutes=5)) -> None:
    now = timezone.now()
    Purchase.objects.filter(pk=purchase.pk).update(check_at=now - timedelta(seconds=1), created_at=now - age)


def test_payment_whose_webhook_never_came_is_found_by_asking(owner, stripe_site):
    """As F3, for payments."""
    purchase = make_purchase(owner)
    make_due(purchase)
    intent = {
        "id": shapes.intent_of(purchase),
        "object": "payment_intent",
        "latest_charge": shapes.charge(purchase),
    }
    told(stripe_site, purchase, status="complete", payment_status="paid", payment_intent=intent)
    assert sales.settle_open() == 1
    purchase.refresh_from_db()
    assert (purchase.state, purchase.payment_intent) == ("paid", shapes.intent_of(purchase))
    assert purchase.receipt_url.startswith("https://pay.stripe.com/")
    assert available(owner) == START + 500
    [(request, _answer)] = stripe_site.log
    assert request.args.to_dict() == {"expand[0]": "payment_intent.latest_charge"}
    assert sales.settle_open() == 0


def test_open_checkout_is_asked_about_less_and_less(owner, stripe_site):
    purchase = make_purchase(owner)
    told(stripe_site, purchase)
    waits = []
    for _ in range(9):
        make_due(purchase)
        assert sales.settle_open() == 1
        purchase.refresh_from_db()
        waits.append(round((purchase.check_at - timezone.now()) / timedelta(minutes=1)))
    assert waits == [2, 4, 8, 16, 32, 64, 128, 240, 240]
    assert (state(purchase), available(owner)) == ("open", START)


def test_purchase_that_is_not_due_is_not_asked_about(owner, stripe_site):
    make_purchase(owner, check_at=timezone.now() + timedelta(minutes=1))
    make_purchase(owner, check_at=None)
    assert sales.settle_open() == 0
    assert stripe_site.log == []


def test_checkout_that_ran_out_is_closed(owner, stripe_site):
    purchase = make_purchase(owner)
    make_due(purchase)
    told(stripe_site, purchase, status="expired")
    sales.settle_open()
    assert (state(purchase), available(owner)) == ("expired", START)


def test_checkout_older_than_a_day_is_ended_at_stripe(owner, stripe_site):
    purchase = make_purchase(owner)
    make_due(purchase, age=timedelta(hours=25))
    told(stripe_site, purchase)
    ended = shapes.opened(purchase, status="expired")
    stripe_site.expect_request(f"{SESSIONS}/{purchase.session_id}/expire", method="POST").respond_with_json(
        ended
    )
    sales.settle_open()
    assert state(purchase) == "expired"
    assert [request.method for request, _answer in stripe_site.log] == ["GET", "POST"]


def test_slow_payment_is_waited_for_and_given_up_after_two_weeks(owner, stripe_site):
    purchase = make_purchase(owner)
    told(stripe_site, purchase, status="complete")
    make_due(purchase, age=timedelta(days=13))
    sales.settle_open()
    assert state(purchase) == "open"
    make_due(purchase, age=timedelta(days=15))
    sales.settle_open()
    assert state(purchase) == "failed"


def test_payment_of_another_sum_is_not_asked_about_for_ever(owner, stripe_site):
    purchase = make_purchase(owner)
    told(stripe_site, purchase, status="complete", payment_status="paid", amount_total=1)
    make_due(purchase)
    assert sales.settle_open() == 1
    assert state(purchase) == "open"
    make_due(purchase, age=timedelta(days=15))
    assert sales.settle_open() == 1
    assert (state(purchase), available(owner)) == ("failed", START)


def test_purchase_that_never_reached_stripe_is_closed_without_asking(owner, stripe_site):
    purchase = make_purchase(owner, session_id=None)
    make_due(purchase, age=timedelta(hours=25))
    sales.settle_open()
    assert (state(purchase), stripe_site.log) == ("expired", [])


def test_stripe_that_is_down_ends_the_round_and_loses_nothing(owner, stripe_site):
    both = [make_purchase(owner) for _ in range(2)]
    for purchase in both:
        make_due(purchase)
    stripe_site.expect_request(f"{SESSIONS}/{both[0].session_id}").respond_with_json({}, status=503)
    stripe_site.expect_request(f"{SESSIONS}/{both[1].session_id}").respond_with_json({}, status=503)
    assert sales.settle_open() == 1
    assert [state(purchase) for purchase in both] == ["open", "open"]


def test_checkout_that_stripe_does_not_know_holds_up_no_other(owner, stripe_site):
    lost, good = make_purchase(owner), make_purchase(owner)
    make_due(lost, age=timedelta(hours=25))
    make_due(good)
    unknown = {
        "error": {"type": "invalid_request_error", "code": "resource_missing", "message": "No such session"}
    }
    stripe_site.expect_request(f"{SESSIONS}/{lost.session_id}").respond_with_json(unknown, status=404)
    told(stripe_site, good, status="complete", payment_status="paid", payment_intent="pi_1")
    assert sales.settle_open() == 2
    assert (state(lost), state(good)) == ("expired", "paid")


def test_site_without_stripe_asks_nothing(owner, stripe_site, settings):
    make_due(make_purchase(owner))
    settings.STRIPE_SECRET_KEY = ""
    assert sales.settle_open() == 0
    assert stripe_site.log == []
