"""Idempotency-Key on a submit: F7 and F8; and submits that race for the last credits, F9."""

import contextlib
import json
import sqlite3
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import ledger
from jobs import idempotency, reconciliation
from jobs.models import IdempotencyKey, Job
from tests.jobs.test_api_submit import STATE, URL

pytestmark = pytest.mark.django_db(transaction=True)


def submit(character, key, client=None, url=URL, **changes):
    body = json.dumps({"formState": {**STATE, **changes}})
    headers = {**character.headers, **({} if key is None else {"Idempotency-Key": key})}
    return (client or Client()).post(url, body, content_type="application/json", headers=headers)


def fifty_at_once(press):
    """What press(number) answers in each of fifty threads that start together."""
    barrier = threading.Barrier(50)
    answers = []

    def run(number):
        barrier.wait()
        try:
            answers.append(press(number))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 50
    return answers


def reservations(character):
    return ledger.entries(character.team).filter(kind="reserve").count()


def test_f7_fifty_submits_with_one_key_are_one_job_and_one_reservation(owner):
    answers = fifty_at_once(lambda _number: submit(owner, "order-1"))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Job.objects.count() == IdempotencyKey.objects.count() == 1
    assert ledger.balances(owner.team).api.reserved == 10
    assert reservations(owner) == 1
    assert reconciliation.findings() == []


@pytest.mark.parametrize("named", [True, False])
def test_f9_fifty_submits_race_for_credit_for_ten(owner, named):
    ledger.adjust(team=owner.team, kind="api", change_by=-900, reference="test", note="For ten are left.")
    # Each line of the ledger is written with the balance, which the database refuses below zero.
    answers = fifty_at_once(lambda number: submit(owner, f"order-{number}" if named else None))
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [402] * 40
    balances = ledger.balances(owner.team)
    assert (balances.api.available, balances.api.reserved, balances.user.available) == (0, 100, 1000)
    assert Job.objects.count() == reservations(owner) == 10
    assert IdempotencyKey.objects.count() == (10 if named else 0)  # a refusal keeps no name
    assert reconciliation.findings() == []


def test_f8_of_fifty_bodies_with_one_key_one_is_taken(owner):
    answers = fifty_at_once(lambda number: submit(owner, "order-1", seed=number))
    assert sorted(answer.status_code for answer in answers) == [200] + [422] * 49
    assert Job.objects.count() == IdempotencyKey.objects.count() == reservations(owner) == 1
    assert reconciliation.findings() == []


def test_f8_the_same_key_with_another_body_is_422_and_makes_no_job(owner):
    assert submit(owner, "order-1").status_code == 200
    refused = submit(owner, "order-1", seed=5)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert Job.objects.count() == reservations(owner) == 1
    assert ledger.balances(owner.team).api.reserved == 10


def test_a_refusal_is_not_stored(owner):
    assert submit(owner, "order-1", seed="x").status_code == 422
    assert submit(owner, "order-1").status_code == 200


def test_a_key_is_the_teams_own(owner, teammate, stranger):
    mine = submit(owner, "order-1").json()["id"]
    assert submit(teammate, "order-1").json()["id"] == mine
    assert submit(stranger, "order-1").json()["id"] != mine


def test_a_slash_makes_no_difference(owner):
    assert submit(owner, "order-1").json() == submit(owner, "order-1", url=URL + "/").json()


def test_a_key_is_kept_for_a_day(owner):
    first = submit(owner, "order-1").json()["id"]
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=23))
    assert submit(owner, "order-1").json()["id"] == first
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert submit(owner, "order-1").json()["id"] != first
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert idempotency.expire() == 1


def test_a_repeat_is_answered_whatever_has_changed_here(owner, settings):
    first = submit(owner, "order-1").json()["id"]
    settings.EMBEDDED_ENGINE = False
    assert submit(owner, "order-1").json()["id"] == first
    assert submit(owner, "order-2").status_code == 422


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "é"])
def test_a_key_that_is_none_is_refused(owner, key):
    answer = submit(owner, key)
    assert (answer.status_code, answer.json()["fields"][0]["field"]) == (422, "Idempotency-Key")
    assert submit(owner, "x" * 255).status_code == 200


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL lets the second wait for the first")
@pytest.mark.parametrize(
    ("key", "status", "code"), [("order-1", 409, "idempotency_in_flight"), (None, 503, "busy")]
)
def test_a_database_that_stays_locked_is_told_with_retry_after(client, owner, key, status, code):
    submit(owner, "first", client)  # notes the key's use
    headers = {**owner.headers, **({"Idempotency-Key": key} if key else {})}
    path = connection.settings_dict["NAME"]
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout=50")
        other.execute("BEGIN IMMEDIATE")
        try:
            answer = client.post(
                URL, json.dumps({"formState": STATE}), content_type="application/json", headers=headers
            )
        finally:
            other.execute("ROLLBACK")
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA busy_timeout=20000")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert int(answer["Retry-After"]) >= 1
    assert Job.objects.count() == 1
    assert submit(owner, "order-1", client).status_code == 200
