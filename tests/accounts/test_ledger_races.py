"""Double clicks: many writers at once, with and without the guard."""

import threading

import pytest
from django.db import connection
from django.db.models import F

from accounts import ledger
from accounts.models import Purse
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
        except ledger.NotEnoughCredits:
            results[number] = None
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


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
