"""Double clicks: many writers at once, with and without the guard."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import F, Sum
from django.utils import timezone

from accounts import ledger
from accounts.models import ApiKey, Entry, Purse
from tests.conftest import character

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS = 8


def race(work):
    """Run `work(n)` in WRITERS threads that start together; returns what each returned, None for a refusal."""
    barrier = threading.Barrier(WRITERS)
    results = [None] * WRITERS

    def run(number):
        try:
            barrier.wait()
            results[number] = work(number, barrier)
        except ledger.CannotPay:
            results[number] = None
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def reserve(team, amount, *, key=None, job=None):
    return ledger.reserve(
        team=team,
        kind="api",
        amount=amount,
        reference=str(uuid.uuid4()),
        source=ledger.Source(key=key, job_id=job or uuid.uuid4()),
    )


def limited(racer, **limits):
    ApiKey.objects.filter(pk=racer.key.pk).update(**limits)
    return ApiKey.objects.get(pk=racer.key.pk)


def balance(team):
    """What the purse has, which is what its lines say."""
    purse = Purse.objects.get(team=team, kind="api")
    sums = purse.entries.aggregate(available=Sum("available_change"), reserved=Sum("reserved_change"))
    assert (purse.available, purse.reserved) == (sums["available"], sums["reserved"])
    return purse.available, purse.reserved


def test_reading_first_overdraws_without_the_guard():
    """The race is real: what every writer may see before any of them writes."""
    team = character("racer@example.com").team
    spent = []

    def careless(number, barrier):
        purse = Purse.objects.get(team=team, kind="api")
        barrier.wait()
        if purse.available >= 600:
            spent.append(600)
            purse.available -= 600
            purse.save()
        return True

    race(careless)
    assert sum(spent) == WRITERS * 600  # of the 1000 that were there


@pytest.mark.skipif(
    connection.vendor == "sqlite", reason="SQLite has one writer at a time: nobody else can read in between"
)
def test_adding_up_first_overdraws_in_a_transaction_without_the_guard():
    """A transaction alone does not help, and neither does a ledger without a balance."""
    team = character("racer@example.com").team
    purse = Purse.objects.get(team=team, kind="api")

    def careless(number, barrier):
        with transaction.atomic():
            there = Entry.objects.filter(purse=purse).aggregate(sum=Sum("available_change"))["sum"]
            barrier.wait()
            if there >= 600:
                Entry.objects.create(
                    purse=purse,
                    kind="reserve",
                    available_change=-600,
                    reserved_change=600,
                    reference=str(number),
                )
        return True

    race(careless)
    assert Entry.objects.filter(purse=purse).aggregate(sum=Sum("available_change"))["sum"] < 0


def test_the_guarded_reservation_never_overdraws():
    team = character("racer@example.com").team

    def careful(number, barrier):
        return ledger.reserve(
            team=team, kind="api", amount=300, reference=f"race:{number}", source=ledger.Source()
        )

    assert race(careful).count(True) == 3
    purse = Purse.objects.get(team=team, kind="api")
    assert (purse.available, purse.reserved) == (100, 900)


def test_one_reference_is_written_once():
    team = character("racer@example.com").team

    def same(number, barrier):
        return ledger.grant(team=team, kind="api", amount=1, reference="race:one")

    assert sorted(race(same)) == [False] * (WRITERS - 1) + [True]
    assert Purse.objects.get(team=team, kind="api", available=F("reserved") + 1001)


def test_a_purchase_that_is_told_of_many_times_at_once_is_written_once():
    team = character("racer@example.com").team

    def same(number, barrier):
        return ledger.purchase(team=team, kind="api", amount=500, reference="paid:one")

    assert race(same).count(True) == 1
    assert balance(team) == (1500, 0)


def test_a_cap_that_is_read_first_is_passed_without_the_guard():
    """The race is real: each reads a month in which nothing is spent yet."""
    team = character("racer@example.com").team

    def careless(number, barrier):
        spent = Purse.objects.get(team=team, kind="api").month_spent
        barrier.wait()
        return spent + 100 <= 300 and reserve(team, 100)

    assert race(careless).count(True) == WRITERS
    assert Purse.objects.get(team=team, kind="api").month_spent > 300


def test_the_guarded_cap_is_never_passed():
    team = character("racer@example.com").team
    ledger.set_limits(team=team, kind="api", monthly_cap=300, alert_below=None)
    assert race(lambda number, barrier: reserve(team, 100)).count(True) == 3
    assert Purse.objects.get(team=team, kind="api").month_spent == 300
    assert balance(team) == (700, 300)


def test_a_keys_limit_that_is_read_first_is_passed_without_the_guard():
    racer = character("racer@example.com")

    def careless(number, barrier):
        lines = Entry.objects.filter(key=racer.key)
        spent = -(lines.aggregate(sum=Sum("available_change"))["sum"] or 0)
        barrier.wait()
        return spent + 100 <= 300 and reserve(racer.team, 100, key=racer.key)

    assert race(careless).count(True) == WRITERS


@pytest.mark.parametrize("limit", ["daily_credits", "total_credits"])
def test_the_guarded_limit_of_a_key_is_never_passed(limit):
    racer = character("racer@example.com")
    key = limited(racer, **{limit: 300})
    assert race(lambda number, barrier: reserve(racer.team, 100, key=key)).count(True) == 3
    key.refresh_from_db()
    assert (key.spent_on_day, key.spent_in_all) == (300, 300)
    assert balance(racer.team) == (700, 300)


def test_reserving_and_giving_back_by_one_key_do_not_wait_for_each_other():
    racer = character("racer@example.com")
    key = limited(racer, daily_credits=10_000)
    jobs = [uuid.uuid4() for _ in range(WRITERS)]
    for job in jobs:
        reserve(racer.team, 50, key=key, job=job)

    def work(number, barrier):
        if number % 2:
            return reserve(racer.team, 50, key=key)
        source = ledger.Source(key=key, job_id=jobs[number])
        return ledger.give_back(
            team=racer.team, kind="api", amount=50, reference=f"back:{number}", source=source
        )

    assert race(work) == [True] * WRITERS
    key.refresh_from_db()
    assert (key.spent_on_day, balance(racer.team)) == (400, (600, 400))


def test_refunds_and_reservations_share_what_there_is():
    team = character("racer@example.com").team

    def work(number, barrier):
        if number % 2:
            return reserve(team, 300)
        return ledger.refund(team=team, kind="api", amount=300, reference=f"refund:{number}")

    results = race(work)
    taken = sum(each.taken for each in results if isinstance(each, ledger.Refunded))
    assert balance(team) == (1000 - taken - 300 * results.count(True), 300 * results.count(True))
    assert Purse.objects.get(team=team, kind="api").available < 300  # nobody was refused for nothing


def test_one_refund_takes_once():
    team = character("racer@example.com").team

    def same(number, barrier):
        return ledger.refund(team=team, kind="api", amount=300, reference="refund:one")

    results = race(same)
    assert sorted(each.written for each in results) == [False] * (WRITERS - 1) + [True]
    assert {(each.taken, each.missing) for each in results} == {(300, 0)}
    assert balance(team) == (700, 0)


def test_expiry_takes_once_and_never_what_was_reserved_meanwhile():
    team = character("racer@example.com").team
    soon = timezone.now() + timedelta(hours=1)
    ledger.grant(team=team, kind="api", amount=600, reference="gift", expires_at=soon)
    past = timezone.now() - timedelta(hours=1)
    Entry.objects.filter(reference="gift").update(expires_at=past)
    Purse.objects.filter(team=team, kind="api").update(next_expiry=past)

    def work(number, barrier):
        return reserve(team, 200) if number % 2 else ledger.expire_credits()

    results = race(work)
    held = 200 * results.count(True)
    expired = sum(each for each in results if each and each is not True)
    assert balance(team) == (1600 - held - expired, held)
    assert held + expired >= 600
    assert expired <= 600
    assert ledger.expire_credits() == 0
