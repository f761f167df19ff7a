"""Money that goes back: refunds and disputes, as Stripe's webhook tells of them."""

import pytest
from django.db import connection, transaction

from accounts import ledger, sales
from accounts.models import Purchase
from accounts.payments import events
from jobs import reconciliation
from tests.accounts import stripe_shapes as shapes
from tests.accounts.selling import available, make_purchase, outcomes, spend
from tests.accounts.selling import reversed_so_far as after
from tests.accounts.stripe_shapes import completed
from tests.racing import at_once

pytestmark = pytest.mark.django_db(transaction=True)

START = 1000  # user credits of a new team


def refund(purchase: Purchase, amount: int, **changed) -> dict:
    return shapes.event("charge.refunded", shapes.refunded(purchase, amount, **changed))


def disputed(purchase: Purchase, step: str, status: str, **changed) -> dict:
    return shapes.event(f"charge.dispute.{step}", shapes.dispute(purchase, status, **changed))


def test_full_refund_takes_the_credits_back_once(owner, purchase, post):
    post(completed(purchase))
    event = refund(purchase, 1000)
    for _ in range(2):
        assert post(event).status_code == 200
    post(refund(purchase, 1000))
    assert available(owner) == START
    assert after(purchase) == (500, 0, "")
    assert outcomes() == ["granted", "refunded", "repeated"]


def test_partial_refunds_add_up_rounded_for_the_customer(owner, post, shop):
    purchase = make_purchase(owner, credits=100, price=999)
    post(completed(purchase))
    post(refund(purchase, 333))
    assert available(owner) == START + 100 - 33  # of 33.33
    post(refund(purchase, 666))
    assert available(owner) == START + 100 - 66
    post(refund(purchase, 333))  # an older one, late
    assert available(owner) == START + 100 - 66
    post(refund(purchase, 999))
    assert available(owner) == START
    assert after(purchase) == (100, 0, "")


def test_refund_of_spent_credits_takes_what_is_there_and_notes_the_rest(owner, purchase, post):
    """F25: a refund after use."""
    post(completed(purchase))
    spend(owner, START + 400)
    post(refund(purchase, 1000))
    assert available(owner) == 0
    taken, missing, problem = after(purchase)
    assert (taken, missing) == (100, 400)
    assert problem == "400 of the 500 credits to take back were spent already."


def test_refund_before_the_payment_is_made_up_for(owner, purchase, post):
    early = refund(purchase, 400)
    post(early)
    assert (outcomes(), available(owner)) == (["kept"], START)
    post(completed(purchase))
    assert available(owner) == START + 500 - 200
    assert outcomes() == ["refunded", "granted"]
    post(early)
    assert available(owner) == START + 500 - 200


def test_refund_in_another_currency_changes_no_credits(owner, purchase, post):
    post(completed(purchase))
    post(refund(purchase, 1000, currency="usd"))
    assert available(owner) == START + 500
    assert after(purchase)[2].startswith("A refund in another currency")


def test_refund_of_a_payment_that_was_not_made_here_is_recorded(owner, purchase, post):
    post(completed(purchase))
    foreign = refund(purchase, 1000, metadata={}, payment_intent="pi_foreign")
    assert post(foreign).status_code == 200
    assert available(owner) == START + 500
    assert outcomes() == ["granted", "kept"]


def test_failed_refund_is_noted_for_the_operator(owner, purchase, post):
    post(completed(purchase))
    post(refund(purchase, 1000))
    post(shapes.event("refund.failed", shapes.refund(purchase)))
    assert after(purchase)[2].startswith("A refund failed")


def test_dispute_takes_all_credits_at_once_and_a_won_one_gives_them_back(owner, purchase, post):
    post(completed(purchase))
    post(disputed(purchase, "created", "needs_response"))
    assert (available(owner), after(purchase)) == (START, (500, 0, ""))
    post(disputed(purchase, "updated", "under_review"))
    assert available(owner) == START
    for _ in range(2):
        post(disputed(purchase, "closed", "won"))
    assert (available(owner), after(purchase)) == (START + 500, (0, 0, ""))
    post(disputed(purchase, "updated", "under_review"))  # late
    assert available(owner) == START + 500


def test_lost_dispute_keeps_the_credits(owner, purchase, post):
    post(completed(purchase))
    post(disputed(purchase, "created", "needs_response"))
    post(disputed(purchase, "closed", "lost"))
    assert (available(owner), after(purchase)) == (START, (500, 0, ""))
    post(disputed(purchase, "closed", "won"))
    assert (available(owner), after(purchase)[:2]) == (START, (500, 0))
    assert "was lost and is now won" in after(purchase)[2]


def test_won_dispute_gives_back_no_more_than_was_taken(owner, purchase, post):
    post(completed(purchase))
    post(refund(purchase, 200))  # 100 credits
    spend(owner, START + 300)
    post(disputed(purchase, "created", "needs_response"))
    assert (available(owner), after(purchase)[:2]) == (0, (200, 300))
    post(disputed(purchase, "closed", "won"))
    assert (available(owner), after(purchase)) == (100, (100, 0, ""))


def test_won_dispute_gives_back_what_disputes_took_and_refunds_keep_theirs(owner, purchase, post):
    post(completed(purchase))
    spend(owner, START + 400)
    post(refund(purchase, 500))  # 250 credits, of which 100 are there
    ledger.grant(team=owner.team, kind="user", amount=1000, reference="others")
    post(disputed(purchase, "created", "needs_response"))
    assert (available(owner), after(purchase)[:2]) == (750, (350, 150))
    post(disputed(purchase, "closed", "won"))
    assert (available(owner), after(purchase)[:2]) == (1000, (100, 150))


def test_dispute_in_a_state_that_is_not_known_is_noted_for_the_operator(owner, purchase, post):
    post(completed(purchase))
    post(disputed(purchase, "updated", "appeal_under_review"))
    assert available(owner) == START + 500
    assert "appeal_under_review" in after(purchase)[2]


def test_end_of_a_dispute_before_its_beginning_takes_nothing(owner, purchase, post):
    post(completed(purchase))
    post(disputed(purchase, "closed", "won"))
    post(disputed(purchase, "created", "needs_response"))
    assert available(owner) == START + 500


def test_inquiry_moves_no_credits_until_it_becomes_a_dispute(owner, purchase, post):
    post(completed(purchase))
    post(disputed(purchase, "created", "warning_needs_response"))
    assert available(owner) == START + 500
    post(disputed(purchase, "updated", "needs_response"))
    assert available(owner) == START


def test_dispute_before_the_payment_is_made_up_for(owner, purchase, post):
    post(disputed(purchase, "created", "needs_response"))
    post(completed(purchase))
    assert (available(owner), after(purchase)) == (START, (500, 0, ""))


def test_refund_while_the_payment_is_being_granted_is_not_lost(owner, purchase, post):
    at_once(lambda: post(completed(purchase)), lambda: post(refund(purchase, 1000)))
    assert (available(owner), after(purchase)) == (START, (500, 0, ""))


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time: they cannot meet")
@pytest.mark.parametrize("first", ["payment", "dispute"])
def test_dispute_while_the_payment_is_being_granted_is_not_lost(owner, purchase, first):
    """Neither sees the other before its commit, whichever of them commits first."""
    paid = completed(purchase)
    event = disputed(purchase, "created", "needs_response")

    def dispute():
        assert events.take(event) == "kept"

    if first == "dispute":
        with transaction.atomic():
            assert events.take(paid) == "granted"
            assert at_once(dispute) == [None]
            assert outcomes() == ["granted", "kept"]
    else:
        with transaction.atomic():
            dispute()
            assert at_once(lambda: events.take(paid)) == ["granted"]
    assert sorted(outcomes()) == ["dispute_open", "granted"]
    assert (available(owner), after(purchase)) == (START, (500, 0, ""))


def test_event_that_was_left_behind_is_made_up_for_by_the_next_round(owner, purchase, post):
    post(completed(purchase))
    post(disputed(purchase, "created", "needs_response", payment_intent="pi_unknown"))
    assert (outcomes(), available(owner)) == (["granted", "kept"], START + 500)
    purchase.events.model.objects.filter(outcome="kept").update(payment_intent=shapes.intent_of(purchase))
    assert sales.settle_open() == 0
    assert (outcomes(), available(owner)) == (["granted", "dispute_open"], START)


def test_credits_stay_away_until_every_dispute_is_won(owner, purchase, post):
    post(completed(purchase))
    for name in ("dp_1", "dp_2"):
        post(disputed(purchase, "created", "needs_response", id=name))
    post(disputed(purchase, "closed", "won", id="dp_1"))
    assert (available(owner), after(purchase)) == (START, (500, 0, ""))
    post(disputed(purchase, "closed", "won", id="dp_2"))
    assert (available(owner), after(purchase)) == (START + 500, (0, 0, ""))
    assert purchase.dispute == "won"
    assert reconciliation.findings() == []


def test_dispute_that_has_ended_stays_ended_whatever_comes_late(owner, purchase, post):
    post(completed(purchase))
    for name in ("dp_1", "dp_2"):
        post(disputed(purchase, "created", "needs_response", id=name))
        post(disputed(purchase, "closed", "won", id=name))
    post(disputed(purchase, "updated", "under_review", id="dp_1"))
    assert (available(owner), after(purchase)) == (START + 500, (0, 0, ""))
    assert purchase.dispute == "won"
    assert outcomes()[-1] == "repeated"
    post(disputed(purchase, "closed", "lost", id="dp_3"))
    post(disputed(purchase, "created", "needs_response", id="dp_4"))
    assert (available(owner), after(purchase), purchase.dispute) == (START, (500, 0, ""), "lost")


def test_what_was_noted_for_the_operator_is_never_taken_away(owner, purchase, post):
    post(completed(purchase, amount_total=1))
    post(completed(purchase))
    post(refund(purchase, 400, currency="usd"))
    post(shapes.event("refund.failed", shapes.refund(purchase)))
    spend(owner, START + 500)
    for amount in (400, 500):
        post(refund(purchase, amount))
    post(shapes.event("refund.failed", shapes.refund(purchase)))
    assert after(purchase)[2] == (
        "Stripe tells of 1 eur, and the price was 1000 eur. Nothing was granted for that. "
        "A refund in another currency was not taken into account. "
        "A refund failed after its credits were taken back; look at it in Stripe. "
        "250 of the 250 credits to take back were spent already."
    )


def test_another_checkout_of_a_purchase_that_was_granted_is_noted_as_that(owner, purchase, post):
    post(completed(purchase))
    post(completed(purchase, id="cs_test_other"))
    assert available(owner) == START + 500
    assert after(purchase)[2] == (
        "Stripe names another checkout, cs_test_other. Nothing was granted for that."
    )
