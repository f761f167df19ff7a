"""The state machine: what each verb does, and that it does it once."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from accounts import ledger
from accounts.ledger import NotEnoughCredits
from jobs import lifecycle, reconciliation
from jobs.models import Job, JobEvent, Outbox, WebhookDelivery
from tests.jobs.making import SAMPLES, claim, make_job, result

pytestmark = pytest.mark.django_db


def credits_of(character):
    purse = ledger.balances(character.team).api
    return purse.available, purse.reserved


def verbs(job):
    return [event.verb for event in JobEvent.objects.filter(job=job)]


def fresh(job):
    return Job.objects.get(pk=job.pk)


def test_claim_takes_the_oldest_and_keeps_the_promise(owner):
    first, second = make_job(owner, **SAMPLES), make_job(owner, **SAMPLES)
    assert claim(first).attempt == 1
    assert claim(second).attempt == 1
    assert lifecycle.claim_next() is lifecycle.claim_to_fetch() is None
    assert not Outbox.objects.exists()


def test_succeed_charges_once_and_fixes_the_document(owner):
    job = make_job(owner)
    held = claim(job)
    assert lifecycle.price(held, seconds=6, amount=12)
    assert credits_of(owner) == (988, 12)
    assert lifecycle.succeed(held, result(job))
    assert not lifecycle.succeed(held, result(job, file="other.mp4"))
    assert credits_of(owner) == (988, 0)
    ended = fresh(job)
    assert (ended.state, ended.charged, ended.output_file) == ("completed", 12, f"results/{job.pk}/1.mp4")
    assert ended.execution_ms is not None
    assert verbs(job) == ["submit", "claim", "price", "succeed"]
    assert reconciliation.findings() == []


@pytest.mark.parametrize("end", ["fail", "cancel"])
def test_fail_and_cancel_give_everything_back_once(owner, end):
    job = make_job(owner)
    held = claim(job)
    lifecycle.price(held, seconds=100, amount=200)
    finish = {
        "fail": lambda: lifecycle.fail(job.pk, code="no_face", sentence="No face."),
        "cancel": lambda: lifecycle.cancel(job.pk),
    }[end]
    assert finish()
    assert not finish()
    assert credits_of(owner) == (1000, 0)
    assert not lifecycle.succeed(held, result(job))
    assert fresh(job).state == {"fail": "failed", "cancel": "canceled"}[end]
    assert reconciliation.findings() == []


def test_a_price_beyond_the_balance_changes_nothing(owner):
    job = make_job(owner)
    held = claim(job)
    with pytest.raises(NotEnoughCredits) as caught:
        lifecycle.price(held, seconds=600, amount=1200)
    assert "1190 credits" in caught.value.sentence
    assert credits_of(owner) == (990, 10)
    assert fresh(job).billed_seconds is None


def test_a_second_attempt_is_not_priced_twice(owner):
    job = make_job(owner)
    held = claim(job)
    lifecycle.price(held, seconds=6, amount=12)
    lifecycle.release(held, reason="stopped")
    again = claim(job)
    assert lifecycle.price(again, seconds=6, amount=12)
    assert credits_of(owner) == (988, 12)


def test_a_lease_that_is_over_puts_the_job_back_in_line(owner):
    job = make_job(owner)
    late = claim(job)
    assert lifecycle.requeue_expired() == 0
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert lifecycle.requeue_expired() == 1
    assert fresh(job).state == "queued"
    assert Outbox.objects.filter(job=job).exists()
    newer = claim(job)
    assert newer.attempt == 2
    assert not lifecycle.heartbeat(late)
    assert not lifecycle.price(late, seconds=5, amount=10)
    assert not lifecycle.succeed(late, result(job))
    assert lifecycle.succeed(newer, result(job))


def test_the_third_lost_attempt_fails_and_gives_back(owner):
    job = make_job(owner)
    for _attempt in range(3):
        claim(job)
        Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        assert lifecycle.requeue_expired() == 1
    assert (fresh(job).state, fresh(job).error_code) == ("failed", "render_lost")
    assert credits_of(owner) == (1000, 0)
    assert verbs(job) == ["submit", "claim", "requeue", "claim", "requeue", "claim", "fail"]


def test_a_released_job_is_not_counted_as_lost(owner):
    job = make_job(owner)
    for _stop in range(5):
        assert lifecycle.release(claim(job), reason="The worker was stopped.")
    assert (fresh(job).state, fresh(job).lost_attempts, fresh(job).attempt) == ("queued", 0, 5)


def test_a_job_past_its_deadline_fails_and_gives_back(owner):
    job = make_job(owner)
    Job.objects.filter(pk=job.pk).update(deadline=timezone.now() - timedelta(seconds=1))
    assert lifecycle.fail_overdue() == 1
    assert (fresh(job).state, fresh(job).error_code) == ("failed", "deadline")
    assert credits_of(owner) == (1000, 0)
    assert not Outbox.objects.exists()


def test_progress_is_seen_and_renews_the_lease(owner):
    job = make_job(owner)
    held = claim(job)
    Job.objects.update(lease_until=timezone.now())
    before = fresh(job)
    assert lifecycle.heartbeat(held, stage="warp", percent=40)
    after = fresh(job)
    assert (after.stage, after.progress) == ("warp", 40)
    assert after.version == before.version + 1
    assert after.lease_until > before.lease_until
    assert lifecycle.heartbeat(held, stage="warp", percent=40)
    assert fresh(job).version == after.version


def test_events_name_the_state_that_was_left(owner):
    queued, running = make_job(owner), make_job(owner)
    claim(queued)
    lifecycle.cancel(running.pk)
    lifecycle.cancel(queued.pk)
    olds = [JobEvent.objects.get(job=job, verb="cancel").old for job in (queued, running)]
    assert olds == ["running", "queued"]


@pytest.mark.parametrize("end", ["succeed", "fail", "cancel"])
def test_every_end_announces_itself_once(owner, end):
    job = make_job(owner, webhook="http://localhost:9/hook")
    held = claim(job)
    for _twice in range(2):
        if end == "succeed":
            lifecycle.succeed(held, result(job))
        elif end == "fail":
            lifecycle.fail(job.pk, code="no_face", sentence="No face.")
        else:
            lifecycle.cancel(job.pk)
    assert [delivery.url for delivery in WebhookDelivery.objects.all()] == ["http://localhost:9/hook"]


def test_reconciliation_finds_what_does_not_add_up(owner):
    job = make_job(owner)
    lifecycle.succeed(claim(job), result(job))
    assert reconciliation.findings() == []
    purse = ledger.balances(owner.team).api
    type(purse).objects.filter(pk=purse.pk).update(available=F("available") + 1)
    Job.objects.filter(pk=job.pk).update(charged=F("charged") + 1)
    found = reconciliation.findings()
    assert len(found) == 2
    assert f"Purse {purse.pk}" in found[0]
    assert f"Job {job.pk}" in found[1]


def test_a_job_whose_rows_do_not_fit_keeps_no_other_from_the_sweep(owner, stranger):
    broken, sound = make_job(owner), make_job(stranger)
    purse = ledger.balances(owner.team).api
    type(purse).objects.filter(pk=purse.pk).update(reserved=0)
    Job.objects.update(deadline=timezone.now() - timedelta(seconds=1))
    assert lifecycle.fail_overdue() == 1
    assert (fresh(broken).state, fresh(sound).state) == ("queued", "failed")


def test_a_clock_that_was_set_back_costs_no_result(owner):
    job = make_job(owner)
    held = claim(job)
    Job.objects.update(started_at=timezone.now() + timedelta(minutes=10))
    assert lifecycle.succeed(held, result(job))
    assert fresh(job).execution_ms == 0


@pytest.mark.django_db(transaction=True)
def test_f22_cancel_races_completion(owner):
    """One terminal state, one webhook; charged only if it completed."""
    outcomes = []
    for _round in range(8):
        job = make_job(owner, webhook="http://localhost:9/hook")
        held = claim(job)
        barrier = threading.Barrier(2)
        won = {}

        def race(name, act, barrier=barrier, won=won):
            barrier.wait()
            won[name] = act()
            connection.close()

        threads = [
            threading.Thread(
                target=race,
                args=("completed", lambda held=held, job=job: lifecycle.succeed(held, result(job))),
            ),
            threading.Thread(target=race, args=("canceled", lambda job=job: lifecycle.cancel(job.pk))),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(won.values()) == [False, True]
        assert won[fresh(job).state]
        outcomes.append(fresh(job).state)
        assert [verb for verb in verbs(job) if verb in ("succeed", "cancel")] == [
            {"completed": "succeed", "canceled": "cancel"}[outcomes[-1]]
        ]
    assert credits_of(owner) == (1000 - 10 * outcomes.count("completed"), 0)
    assert WebhookDelivery.objects.count() == 8
    assert reconciliation.findings() == []
