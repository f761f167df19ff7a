"""Caps of a team by month, and limits of a key by day and in all."""

import uuid
from datetime import UTC, datetime

import pytest
from django.utils import timezone

from accounts import ledger
from accounts.ledger.limits import QUIET
from accounts.models import ApiKey, Entry, Purse

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch):
    """Time as the test says."""

    class Clock:
        now = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)

    monkeypatch.setattr(timezone, "now", lambda: Clock.now)
    return Clock


def reserve(character, amount, *, job=None, key=None, reference=None):
    return ledger.reserve(
        team=character.team,
        kind="api",
        amount=amount,
        reference=reference or str(uuid.uuid4()),
        source=ledger.Source(job_id=job, key=key),
    )


def give_back(character, amount, *, job, key=None):
    ledger.give_back(
        team=character.team,
        kind="api",
        amount=amount,
        reference=str(uuid.uuid4()),
        source=ledger.Source(job_id=job, key=key),
    )


def purse(character):
    return Purse.objects.get(team=character.team, kind="api")


def cap(character, amount):
    ledger.set_limits(team=character.team, kind="api", monthly_cap=amount, alert_below=None)


def limited(character, **limits):
    """The character's key with these limits."""
    ApiKey.objects.filter(pk=character.key.pk).update(**limits)
    key = ApiKey.objects.get(pk=character.key.pk)
    ledger.count_for_key(key)
    return key


def counted(key):
    key = ApiKey.objects.get(pk=key.pk)
    return key.spent_on_day, key.spent_in_all


def test_more_than_the_cap_is_refused_with_a_sentence(owner):
    cap(owner, 50)
    reserve(owner, 30)
    with pytest.raises(ledger.SpendingCapReached) as caught:
        reserve(owner, 21)
    assert caught.value.code == "spending_cap_reached"
    assert "has spent 30 of the 50" in str(caught.value)
    assert "raise the monthly cap" in str(caught.value)
    assert (purse(owner).available, purse(owner).reserved, purse(owner).month_spent) == (970, 30, 30)
    reserve(owner, 20)


def test_a_cap_of_nothing_spends_nothing_and_no_cap_everything(owner):
    cap(owner, 0)
    with pytest.raises(ledger.SpendingCapReached):
        reserve(owner, 1)
    cap(owner, None)
    reserve(owner, 1000)


def test_what_was_spent_before_the_cap_was_set_counts(owner):
    reserve(owner, 30)
    cap(owner, 40)
    with pytest.raises(ledger.SpendingCapReached):
        reserve(owner, 11)


def test_too_few_credits_are_told_before_the_cap(owner):
    cap(owner, 50)
    with pytest.raises(ledger.NotEnoughCredits):
        reserve(owner, 1001)


def test_a_repeat_beyond_the_cap_is_a_quiet_no_op(owner):
    cap(owner, 50)
    assert reserve(owner, 30, reference="a")
    assert not reserve(owner, 30, reference="a")
    assert purse(owner).month_spent == 30


def test_the_other_purse_and_another_team_have_their_own_cap(owner, stranger):
    cap(owner, 0)
    reserve(stranger, 10)
    ledger.reserve(team=owner.team, kind="user", amount=10, reference="u", source=ledger.Source())
    assert purse(stranger).month_spent == ledger.balances(owner.team).user.month_spent == 10
    assert purse(owner).month_spent == 0


def test_a_new_month_by_utc_begins_at_nothing(owner, clock):
    cap(owner, 50)
    reserve(owner, 50)
    clock.now = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)
    reserve(owner, 50)
    assert (str(purse(owner).month), purse(owner).month_spent) == ("2026-12-01", 50)


def test_a_clock_that_is_behind_does_not_take_the_month_back(owner, clock):
    cap(owner, 50)
    clock.now = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)
    reserve(owner, 30)
    clock.now = datetime(2026, 11, 30, 23, 55, tzinfo=UTC)
    with pytest.raises(ledger.SpendingCapReached):
        reserve(owner, 21)
    assert str(purse(owner).month) == "2026-12-01"


def test_what_comes_back_this_month_can_be_spent_again(owner):
    cap(owner, 50)
    job = uuid.uuid4()
    reserve(owner, 50, job=job)
    give_back(owner, 20, job=job)
    assert purse(owner).month_spent == 30
    reserve(owner, 20)


def test_what_was_reserved_last_month_lowers_nothing_of_this_one(owner, clock):
    old, new = uuid.uuid4(), uuid.uuid4()
    reserve(owner, 40, job=old)
    clock.now = datetime(2026, 12, 1, 0, 1, tzinfo=UTC)
    reserve(owner, 10, job=new)
    give_back(owner, 40, job=old)
    assert purse(owner).month_spent == 10
    give_back(owner, 10, job=new)
    assert purse(owner).month_spent == 0


def test_a_job_between_two_months_gives_back_what_it_reserved_last_first(owner, clock):
    job = uuid.uuid4()
    reserve(owner, 10, job=job)  # the minimum, in November
    clock.now = datetime(2026, 12, 1, 0, 1, tzinfo=UTC)
    reserve(owner, 50, job=job)  # the exact price, in December
    give_back(owner, 20, job=job)
    assert purse(owner).month_spent == 30
    give_back(owner, 40, job=job)
    assert purse(owner).month_spent == 0


def test_a_charge_is_not_counted_again(owner):
    job = uuid.uuid4()
    reserve(owner, 40, job=job)
    source = ledger.Source(job_id=job)
    ledger.charge(team=owner.team, kind="api", amount=40, reference="a", source=source)
    assert purse(owner).month_spent == 40


def test_a_key_may_spend_so_much_a_day(owner, clock):
    key = limited(owner, daily_credits=50)
    reserve(owner, 50, key=key)
    with pytest.raises(ledger.KeyLimitReached) as caught:
        reserve(owner, 1, key=key)
    assert caught.value.code == "key_limit_reached"
    assert "used 50 of the 50 that it may use a day" in str(caught.value)
    assert purse(owner).available == 950
    clock.now = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)
    reserve(owner, 50, key=key)
    assert counted(key) == (50, 100)


def test_a_key_may_spend_so_much_in_all(owner, clock):
    key = limited(owner, total_credits=60)
    reserve(owner, 50, key=key)
    clock.now = datetime(2027, 1, 1, 0, 0, tzinfo=UTC)
    with pytest.raises(ledger.KeyLimitReached, match="50 of the 60 that it may use in all"):
        reserve(owner, 11, key=key)
    reserve(owner, 10, key=key)
    assert counted(key) == (10, 60)


def test_a_refused_reservation_is_not_counted_on_the_key(owner):
    key = limited(owner, daily_credits=5000)
    with pytest.raises(ledger.NotEnoughCredits):
        reserve(owner, 1001, key=key)
    assert counted(key) == (0, 0)
    reserve(owner, 10, key=key, reference="a")
    assert not reserve(owner, 10, key=key, reference="a")
    assert counted(key) == (10, 10)


def test_what_comes_back_the_same_day_can_be_used_again_by_the_key(owner, clock):
    key = limited(owner, daily_credits=50, total_credits=100)
    old, new = uuid.uuid4(), uuid.uuid4()
    reserve(owner, 40, job=old, key=key)
    clock.now = datetime(2026, 12, 1, 0, 1, tzinfo=UTC)
    reserve(owner, 50, job=new, key=key)
    give_back(owner, 40, job=old, key=key)
    assert counted(key) == (50, 50)
    give_back(owner, 30, job=new, key=key)
    assert counted(key) == (20, 20)


def test_a_key_that_gets_its_first_limit_has_its_past_counted(owner, clock):
    before, today = uuid.uuid4(), uuid.uuid4()
    reserve(owner, 100, job=before, key=owner.key)
    clock.now = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
    reserve(owner, 30, job=before, key=owner.key)
    reserve(owner, 20, job=today, key=owner.key)
    give_back(owner, 40, job=before, key=owner.key)  # 30 of today, 10 of the day before
    assert counted(owner.key) == (0, 0)
    key = limited(owner, daily_credits=25)
    assert counted(key) == (20, 110)
    with pytest.raises(ledger.KeyLimitReached):
        reserve(owner, 6, key=key)


def test_a_key_without_limits_costs_no_query(owner, django_assert_num_queries):
    source = ledger.Source(key=owner.key)
    with django_assert_num_queries(2):
        ledger.reserve_new(team=owner.team, kind="api", amount=5, reference="a", source=source)


def test_a_limited_key_costs_one_query(owner, django_assert_num_queries):
    source = ledger.Source(key=limited(owner, daily_credits=50))
    with django_assert_num_queries(3):
        ledger.reserve_new(team=owner.team, kind="api", amount=5, reference="a", source=source)


@pytest.mark.parametrize("limit", [-1, 1.0, True, "5", ledger.MOST + 1])
def test_a_limit_is_a_whole_number(owner, limit):
    with pytest.raises(ValueError, match="whole number"):
        cap(owner, limit)


def alert_below(character, amount):
    ledger.set_limits(team=character.team, kind="api", monthly_cap=None, alert_below=amount)


def test_a_purse_is_low_below_its_alert_and_told_of_once(owner, stranger):
    alert_below(owner, 1000)
    assert not ledger.low_purses().exists()
    reserve(owner, 1)
    reserve(stranger, 1)  # has no alert
    (low,) = ledger.low_purses()
    assert (low.team, low.kind) == (owner.team, "api")
    assert [ledger.note_alerted(low), ledger.note_alerted(low)] == [True, False]
    assert not ledger.low_purses().exists()


def test_an_alert_comes_again_after_there_was_enough(owner):
    alert_below(owner, 1000)
    reserve(owner, 1)
    ledger.note_alerted(purse(owner))
    assert ledger.rearm_alerts() == 0
    ledger.grant(team=owner.team, kind="api", amount=1, reference="a")
    assert [ledger.rearm_alerts(), ledger.rearm_alerts()] == [1, 0]
    reserve(owner, 1)
    assert not ledger.low_purses().exists()  # so soon
    quiet_is_over(owner)
    assert ledger.low_purses().count() == 1


def quiet_is_over(character):
    """Six hours pass for the mail that went out."""
    Purse.objects.filter(team=character.team).update(alert_mailed_at=timezone.now() - QUIET)


def test_only_a_changed_alert_is_a_new_one(owner):
    alert_below(owner, 2000)
    ledger.note_alerted(purse(owner))
    quiet_is_over(owner)
    ledger.set_limits(team=owner.team, kind="api", monthly_cap=7, alert_below=2000)
    assert not ledger.low_purses().exists()
    alert_below(owner, 1500)
    assert ledger.low_purses().count() == 1
    alert_below(owner, None)
    assert not ledger.low_purses().exists()


def test_a_team_that_is_closed_is_not_told(owner):
    alert_below(owner, 2000)
    owner.team.disabled_at = timezone.now()
    owner.team.save(update_fields=["disabled_at"])
    assert not ledger.low_purses().exists()


def test_the_month_is_what_the_lines_of_this_month_say(owner):
    job = uuid.uuid4()
    reserve(owner, 40, job=job)
    give_back(owner, 15, job=job)
    assert purse(owner).month_spent == -sum(
        Entry.objects.filter(kind__in=["reserve", "give_back"]).values_list("available_change", flat=True)
    )
