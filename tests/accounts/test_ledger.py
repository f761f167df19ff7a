"""The ledger's operations: what they change, and that a repeat changes nothing."""

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Exists

from accounts import ledger
from accounts.models import ApiKey, Entry, Purse

pytestmark = pytest.mark.django_db

SOURCE = ledger.Source()


def state(team, kind="api"):
    purse = Purse.objects.get(team=team, kind=kind)
    return purse.available, purse.reserved


def test_the_starting_grant_fills_both_purses(owner):
    assert state(owner.team, "api") == state(owner.team, "user") == (1000, 0)
    assert {entry.kind for entry in ledger.entries(owner.team)} == {"grant"}


def test_reserve_charge_and_give_back_move_credits(owner):
    move = {"team": owner.team, "kind": "api", "source": SOURCE}
    ledger.reserve(**move, amount=30, reference="a")
    assert state(owner.team) == (970, 30)
    ledger.charge(**move, amount=10, reference="a")
    assert state(owner.team) == (970, 20)
    ledger.give_back(**move, amount=20, reference="a")
    assert state(owner.team) == (990, 0)
    assert state(owner.team, "user") == (1000, 0)


@pytest.mark.parametrize("operation", ["reserve", "charge", "give_back"])
def test_a_repeat_is_a_quiet_no_op(owner, operation):
    move = {"team": owner.team, "kind": "api", "source": SOURCE}
    ledger.reserve(**move, amount=30, reference="held")
    assert getattr(ledger, operation)(**move, amount=30, reference="again")
    after = state(owner.team)
    assert not getattr(ledger, operation)(**move, amount=30, reference="again")
    assert state(owner.team) == after


def test_a_repeated_grant_is_a_quiet_no_op(owner):
    assert ledger.grant(team=owner.team, kind="user", amount=5, reference="gift")
    assert not ledger.grant(team=owner.team, kind="user", amount=5, reference="gift")
    assert state(owner.team, "user") == (1005, 0)


def test_more_than_there_is_is_refused_with_a_sentence(owner):
    with pytest.raises(ledger.NotEnoughCredits) as caught:
        ledger.reserve(team=owner.team, kind="api", amount=1001, reference="a", source=SOURCE)
    assert "1001 credits" in str(caught.value)
    assert "1000 available in its API credits" in str(caught.value)
    assert state(owner.team) == (1000, 0)
    assert Entry.objects.filter(kind="reserve").count() == 0


@pytest.mark.parametrize("operation", ["charge", "give_back"])
def test_what_was_not_reserved_cannot_be_spent_or_returned(owner, operation):
    with pytest.raises(RuntimeError, match=" 0 reserved"):
        getattr(ledger, operation)(team=owner.team, kind="api", amount=1, reference="a", source=SOURCE)
    assert state(owner.team) == (1000, 0)


@pytest.mark.parametrize("amount", [0, -1, 1.0, True, "5", None])
def test_an_amount_is_a_positive_whole_number(owner, amount):
    with pytest.raises(ValueError, match="whole number"):
        ledger.grant(team=owner.team, kind="api", amount=amount, reference="a")


def test_the_database_itself_refuses_a_negative_balance(owner):
    with pytest.raises(IntegrityError), transaction.atomic():
        Purse.objects.filter(team=owner.team).update(available=-1)


def test_another_teams_purse_is_untouched(owner, stranger):
    ledger.reserve(team=owner.team, kind="api", amount=30, reference="a", source=SOURCE)
    assert state(stranger.team) == (1000, 0)


def test_a_reference_is_one_in_the_whole_ledger(owner, stranger):
    ledger.grant(team=owner.team, kind="api", amount=5, reference="gift")
    with pytest.raises(IntegrityError), transaction.atomic():
        ledger.grant(team=stranger.team, kind="api", amount=5, reference="gift")
    assert state(stranger.team) == (1000, 0)


def test_a_purchase_is_written_once(owner):
    bought = {"team": owner.team, "kind": "user", "amount": 500, "reference": "paid:1"}
    assert [ledger.purchase(**bought), ledger.purchase(**bought)] == [True, False]
    assert state(owner.team, "user") == (1500, 0)
    assert state(owner.team, "api") == (1000, 0)


def test_a_refund_takes_back_what_is_there(owner):
    ledger.purchase(team=owner.team, kind="api", amount=500, reference="paid:1")
    refund = {"team": owner.team, "kind": "api", "amount": 200, "reference": "refund:1"}
    assert ledger.refund(**refund) == ledger.Refunded(taken=200, missing=0, written=True)
    assert ledger.refund(**refund) == ledger.Refunded(taken=200, missing=0, written=False)
    assert state(owner.team) == (1300, 0)


def test_a_refund_after_use_leaves_what_is_spent_and_what_is_reserved(owner):
    ledger.reserve(team=owner.team, kind="api", amount=700, reference="a", source=SOURCE)
    ledger.charge(team=owner.team, kind="api", amount=300, reference="a", source=SOURCE)
    refund = {"team": owner.team, "kind": "api", "amount": 500, "reference": "refund:1"}
    assert ledger.refund(**refund) == ledger.Refunded(taken=300, missing=200, written=True)
    assert state(owner.team) == (0, 400)


def test_a_refund_that_found_nothing_takes_nothing_later(owner):
    ledger.reserve(team=owner.team, kind="api", amount=1000, reference="a", source=SOURCE)
    refund = {"team": owner.team, "kind": "api", "amount": 500, "reference": "refund:1"}
    assert ledger.refund(**refund) == ledger.Refunded(taken=0, missing=500, written=True)
    ledger.grant(team=owner.team, kind="api", amount=500, reference="gift")
    assert ledger.refund(**refund) == ledger.Refunded(taken=0, missing=500, written=False)
    assert state(owner.team) == (500, 1000)


@pytest.mark.parametrize(("by", "left"), [(25, 1025), (-1000, 0)])
def test_a_correction_goes_either_way(owner, by, left):
    correct = {"team": owner.team, "kind": "api", "change_by": by, "reference": "a", "note": "Counted."}
    assert [ledger.adjust(**correct), ledger.adjust(**correct)] == [True, False]
    assert state(owner.team) == (left, 0)


def test_a_correction_below_zero_is_refused(owner):
    with pytest.raises(ledger.BelowZero, match="1000 api credits are available"):
        ledger.adjust(team=owner.team, kind="api", change_by=-1001, reference="a", note="Counted.")
    assert state(owner.team) == (1000, 0)


@pytest.mark.parametrize(("by", "note"), [(0, "why"), (1.5, "why"), (True, "why"), (5, " ")])
def test_a_correction_is_a_whole_number_with_a_reason(owner, by, note):
    with pytest.raises(ValueError, match="correction"):
        ledger.adjust(team=owner.team, kind="api", change_by=by, reference="a", note=note)


def test_a_line_names_what_its_job_makes(owner):
    source = ledger.Source(key=owner.key, model="lipsync-video")
    ledger.reserve(team=owner.team, kind="api", amount=30, reference="a", source=source)
    line = ledger.entries(owner.team).first()
    assert (line.kind, line.model, line.key, line.person) == ("reserve", "lipsync-video", owner.key, None)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("grant", (0, 0)),
        ("grant", (5, 5)),
        ("reserve", (-5, 4)),
        ("reserve", (5, -5)),
        ("charge", (-5, 0)),
        ("charge", (0, 5)),
        ("give_back", (5, 0)),
        ("adjust", (0, 0)),
        ("refund", (5, 0)),
        ("expire", (0, 0)),
    ],
)
def test_the_database_itself_refuses_a_line_that_is_no_pair(owner, kind, change):
    purse = Purse.objects.get(team=owner.team, kind="api")
    with pytest.raises(IntegrityError), transaction.atomic():
        Entry.objects.create(
            purse=purse, kind=kind, available_change=change[0], reserved_change=change[1], reference="x"
        )


def test_an_amount_is_bounded(owner):
    with pytest.raises(ValueError, match="at most"):
        ledger.grant(team=owner.team, kind="api", amount=ledger.MOST + 1, reference="a")


def test_a_condition_that_fails_reserves_nothing(owner):
    nobody = Exists(ApiKey.objects.filter(pk=0))
    reserve = {"team": owner.team, "kind": "api", "amount": 5, "source": SOURCE}
    with pytest.raises(ledger.Overtaken), transaction.atomic():
        ledger.reserve_new(**reserve, reference="a", only_if=nobody)
    assert state(owner.team) == (1000, 0)
    ledger.reserve_new(**reserve, reference="a", only_if=Exists(ApiKey.objects.filter(pk=owner.key.pk)))
    assert state(owner.team) == (995, 5)
