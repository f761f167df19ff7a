"""Grants that expire: what goes, what was spent first, and what comes back too late."""

import random
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts import ledger
from accounts.models import Entry, Purse

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def clock(monkeypatch):
    """Time as the test says."""

    class Clock:
        now = START

    monkeypatch.setattr(timezone, "now", lambda: Clock.now)
    return Clock


@pytest.fixture
def team(owner, clock):
    """A team with 1000 credits that have no end."""
    return owner.team


def grant(team, amount, *, days, reference=None):
    return ledger.grant(
        team=team,
        kind="api",
        amount=amount,
        reference=reference or str(uuid.uuid4()),
        expires_at=START + days * DAY,
    )


def move(operation, team, amount, job):
    getattr(ledger, operation)(
        team=team,
        kind="api",
        amount=amount,
        reference=str(uuid.uuid4()),
        source=ledger.Source(job_id=job),
    )


def spend(team, amount):
    job = uuid.uuid4()
    move("reserve", team, amount, job)
    move("charge", team, amount, job)


def purse(team):
    return Purse.objects.get(team=team, kind="api")


def left(team):
    return [each.amount for each in ledger.expiring(purse(team))]


def expired():
    lines = Entry.objects.filter(kind="expire").order_by("pk")
    return [-line.available_change for line in lines]


def test_what_is_left_goes_once(team, clock):
    grant(team, 100, days=1)
    assert ledger.expire_credits() == 0
    clock.now = START + DAY
    assert [ledger.expire_credits(), ledger.expire_credits()] == [100, 0]
    assert (purse(team).available, purse(team).next_expiry) == (1000, None)
    line = Entry.objects.get(kind="expire")
    assert line.reference == f"expire:{Entry.objects.get(expires_at__isnull=False).pk}"


def test_what_expires_soonest_is_spent_first(team, clock):
    grant(team, 100, days=2)
    grant(team, 50, days=1)
    spend(team, 70)
    assert left(team) == [80]
    clock.now = START + DAY
    assert ledger.expire_credits() == 0
    assert purse(team).next_expiry == START + 2 * DAY
    clock.now = START + 2 * DAY
    assert ledger.expire_credits() == 80
    assert purse(team).available == 1000


def test_what_was_spent_before_the_grant_is_not_of_it(team, clock):
    spend(team, 500)
    grant(team, 100, days=1)
    clock.now = START + DAY
    assert ledger.expire_credits() == 100


def test_a_grant_that_was_spent_takes_nothing_with_it(team, clock):
    grant(team, 100, days=1)
    spend(team, 300)
    clock.now = START + DAY
    assert ledger.expire_credits() == 0
    assert (purse(team).available, purse(team).next_expiry) == (800, None)


def test_reserved_credits_that_come_back_too_late_go_with_the_next_sweep(team, clock):
    grant(team, 100, days=1)
    job = uuid.uuid4()
    move("reserve", team, 160, job)  # 100 of the grant, 60 of the rest
    clock.now = START + DAY
    assert ledger.expire_credits() == 0
    assert purse(team).next_expiry == START + DAY
    move("give_back", team, 80, job)  # what was taken last comes back first: 60 of the rest, 20 of the grant
    assert ledger.expire_credits() == 20
    move("give_back", team, 80, job)
    assert ledger.expire_credits() == 80
    assert expired() == [20, 80]
    assert (purse(team).available, purse(team).next_expiry) == (1000, None)


def test_reserved_credits_that_are_charged_do_not_go(team, clock):
    grant(team, 100, days=1)
    job = uuid.uuid4()
    move("reserve", team, 100, job)
    clock.now = START + DAY
    ledger.expire_credits()
    move("charge", team, 100, job)
    assert ledger.expire_credits() == 0
    assert (purse(team).available, purse(team).next_expiry) == (1000, None)


def test_what_was_reserved_before_the_grant_comes_back_to_stay(team, clock):
    job = uuid.uuid4()
    move("reserve", team, 400, job)
    grant(team, 100, days=1)
    move("give_back", team, 400, job)
    clock.now = START + DAY
    assert ledger.expire_credits() == 100
    assert purse(team).available == 1000


def test_lines_after_a_grant_that_is_used_up_are_added_up_in_one_statement(team, django_assert_num_queries):
    grant(team, 100, days=5)
    spend(team, 100)
    early = uuid.uuid4()
    move("reserve", team, 200, early)
    for _job in range(10):
        spend(team, 30)
    with django_assert_num_queries(
        6
    ):  # the purse; one grant, the sum before and its lines; no other, and the sum
        assert left(team) == []
    grant(team, 50, days=3)
    move("give_back", team, 200, early)  # it was of the rest, and is again
    spend(team, 20)
    assert left(team) == [30]


def test_what_is_over_can_be_spent_until_it_is_swept(team, clock):
    grant(team, 100, days=1)
    clock.now = START + DAY
    spend(team, 30)
    assert ledger.expire_credits() == 70
    assert purse(team).available == 1000


def test_a_refund_takes_credits_without_an_end_first(team, clock):
    ledger.purchase(team=team, kind="api", amount=200, reference="paid")
    grant(team, 100, days=1)
    ledger.refund(team=team, kind="api", amount=200, reference="refund")
    assert left(team) == [100]
    ledger.adjust(team=team, kind="api", change_by=-1000, reference="a", note="Counted.")
    assert left(team) == []
    clock.now = START + DAY
    assert ledger.expire_credits() == 0
    assert purse(team).available == 100


def test_each_team_loses_only_its_own(team, stranger, clock):
    grant(team, 100, days=1)
    grant(stranger.team, 40, days=1)
    spend(stranger.team, 10)
    clock.now = START + DAY
    assert ledger.expire_credits() == 130
    assert (purse(team).available, purse(stranger.team).available) == (1000, 1000)


def test_a_repeated_grant_expires_once(team, clock):
    assert grant(team, 100, days=1, reference="gift")
    assert not grant(team, 100, days=1, reference="gift")
    clock.now = START + DAY
    assert ledger.expire_credits() == 100


def test_a_grant_cannot_expire_before_it_is_given(team):
    with pytest.raises(ValueError, match="in the future"):
        grant(team, 100, days=0)


def test_a_purse_without_grants_that_expire_is_not_read(team, clock, django_assert_num_queries):
    clock.now = START + 400 * DAY
    with django_assert_num_queries(1):
        ledger.expire_credits()


@pytest.mark.parametrize("seed", range(2))
def test_whatever_happens_what_expires_fits_into_what_is_there(team, clock, seed):
    """Random histories: never more than is there, never more than was granted, and nothing stays that is over."""
    dice = random.Random(seed)
    held, given = {}, 0
    for _step in range(60):
        amount, act = dice.randint(1, 150), dice.choice(["grant", "buy", "reserve", "end", "refund", "time"])
        if act == "grant":
            ends = clock.now + dice.randint(1, 9) * DAY
            ledger.grant(team=team, kind="api", amount=amount, reference=str(uuid.uuid4()), expires_at=ends)
            given += amount
        elif act == "buy":
            ledger.purchase(team=team, kind="api", amount=amount, reference=str(uuid.uuid4()))
        elif act == "reserve" and purse(team).available >= amount:
            job = uuid.uuid4()
            move("reserve", team, amount, job)
            held[job] = amount
        elif act == "end" and held:
            job = dice.choice(list(held))
            part = dice.randint(1, held[job])
            move("give_back", team, part, job)
            if held[job] > part:
                move("charge", team, held[job] - part, job)
            del held[job]
        elif act == "refund":
            ledger.refund(team=team, kind="api", amount=amount, reference=str(uuid.uuid4()))
        elif act == "time":
            clock.now += dice.randint(1, 3) * DAY
            ledger.expire_credits()
            assert all(each.expires_at > clock.now for each in ledger.expiring(purse(team)))
        assert sum(left(team)) <= purse(team).available
        assert sum(expired()) <= given
    for job, amount in held.items():
        move("give_back", team, amount, job)
    clock.now += 10 * DAY
    ledger.expire_credits()
    assert (left(team), purse(team).next_expiry, purse(team).reserved) == ([], None, 0)
