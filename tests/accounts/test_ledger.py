"""The ledger's operations: what they change, and that a repeat changes nothing."""

import pytest
from django.db import IntegrityError, transaction

from accounts import ledger
from accounts.models import Entry, Purse

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
    with pytest.raises(RuntimeError, match="0 reserved"):
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
