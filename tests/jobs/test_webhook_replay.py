"""Sending again, tests, the default address, and what is forgotten."""

import json
import threading
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import F
from django.utils import timezone
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook

from accounts import audit
from accounts.teams import webhook_secret
from jobs import cursors, wire
from jobs.models import DeliveryAttempt, Job, Receiver, State, WebhookDelivery
from jobs.problems import Invalid
from jobs.webhooks import deliver, deliveries, queue
from tests.jobs.making import make_job
from tests.jobs.receiving import ended, last_attempt, make_due, waits

pytestmark = pytest.mark.django_db
NOWHERE = "http://localhost:9/hook"


def failing(owner, httpserver, *, state="exhausted", ago=timedelta()) -> WebhookDelivery:
    """A delivery that was tried once in vain, given up or waiting for its next try."""
    delivery = ended(owner, httpserver.url_for("/hook"))
    tried_at = timezone.now() - ago
    later = timezone.now() + timedelta(hours=1)
    WebhookDelivery.objects.filter(pk=delivery.pk).update(
        state=state, attempts=1, tried_at=tried_at, due_at=later
    )
    DeliveryAttempt.objects.create(delivery=delivery, number=1, at=tried_at, duration_ms=1, status=500)
    return delivery


@pytest.mark.parametrize("state", ["exhausted", "due", "delivered"])
def test_replay_sends_the_same_message_with_a_new_schedule(owner, httpserver: HTTPServer, state):
    httpserver.expect_ordered_request("/hook").respond_with_data("no", status=500)
    httpserver.expect_ordered_request("/hook").respond_with_data("yes")
    delivery = failing(owner, httpserver, state=state)
    assert queue.replay(delivery.pk, team=owner.team, actor=owner.membership)
    assert deliver.deliver_due() == 1
    assert waits(delivery) == pytest.approx(5, abs=1)
    make_due(delivery)
    deliver.deliver_due()
    delivery.refresh_from_db()
    assert delivery.state == "delivered"
    assert [each.number for each in delivery.log.all()] == [1, 2, 3]
    (first, _), (second, _) = httpserver.log
    assert first.get_data() == second.get_data()
    assert json.loads(second.get_data()) == wire.job_document(Job.objects.get(pk=delivery.job_id))
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == delivery.message_id


def test_what_is_being_sent_is_left_alone(owner):
    ended(owner, NOWHERE)
    taken = deliver.claim_next()
    assert not queue.replay(taken.pk, team=owner.team, actor=owner.membership)
    long_ago = timezone.now() - timedelta(days=1)
    assert (
        queue.replay_failed(team=owner.team, actor=owner.membership, since=long_ago, who=audit.UNRECORDED)
        == 0
    )


def test_what_is_too_old_is_not_sent_again(owner, httpserver, settings):
    delivery = failing(owner, httpserver)
    old = timezone.now() - timedelta(days=settings.WEBHOOK_LOG_DAYS, minutes=1)
    WebhookDelivery.objects.update(created_at=old)
    assert not queue.replay(delivery.pk, team=owner.team, actor=owner.membership)


@pytest.mark.parametrize(
    ("attempts", "again"), [(queue.MOST_ATTEMPTS - 1, True), (queue.MOST_ATTEMPTS, False)]
)
@pytest.mark.parametrize("unpaid", [True, False])
def test_what_was_tried_very_often_is_not_sent_again(owner, httpserver, attempts, again, unpaid):
    delivery = failing(owner, httpserver)
    now = timezone.now()
    WebhookDelivery.objects.update(attempts=attempts, unpaid_at=now - timedelta(hours=1) if unpaid else None)
    assert queue.replay(delivery.pk, team=owner.team, actor=owner.key) == again


def test_all_that_failed_since_a_time_is_sent_again(owner, stranger, httpserver: HTTPServer):
    httpserver.expect_request("/hook").respond_with_data("yes")
    given_up = failing(owner, httpserver, ago=timedelta(minutes=30))
    waiting = failing(owner, httpserver, state="due", ago=timedelta(minutes=50))
    earlier = failing(owner, httpserver, ago=timedelta(minutes=70))
    arrived = failing(owner, httpserver, state="delivered")
    theirs = failing(stranger, httpserver)
    since = timezone.now() - timedelta(hours=1)
    assert queue.replay_failed(team=owner.team, actor=owner.key, since=since, who=audit.UNRECORDED) == 2
    assert deliver.deliver_due() == 2
    for delivery, state in (
        (given_up, "delivered"),
        (waiting, "delivered"),
        (earlier, "exhausted"),
        (arrived, "delivered"),
        (theirs, "exhausted"),
    ):
        delivery.refresh_from_db()
        assert delivery.state == state
    assert arrived.attempts == 1
    assert queue.replay_failed(team=owner.team, actor=owner.key, since=since, who=audit.UNRECORDED) == 0


def test_strangers_send_nothing_again(owner, stranger, httpserver):
    delivery = failing(owner, httpserver)
    for actor in (stranger.membership, stranger.key, None):
        with pytest.raises(PermissionDenied):
            queue.replay(delivery.pk, team=owner.team, actor=actor)
        with pytest.raises(PermissionDenied):
            queue.replay_failed(team=owner.team, actor=actor, since=timezone.now(), who=audit.UNRECORDED)
    assert not queue.replay(delivery.pk, team=stranger.team, actor=stranger.membership)


def test_a_test_is_a_signed_job_that_never_was(owner, httpserver: HTTPServer):
    httpserver.expect_request("/hook").respond_with_data("yes")
    sent = queue.send_test(
        team=owner.team, actor=owner.key, url=httpserver.url_for("/hook"), who=audit.UNRECORDED
    )
    deliver.deliver_due()
    request, _response = httpserver.log[0]
    document = Webhook(webhook_secret(owner.team)).verify(
        request.get_data(as_text=True), dict(request.headers)
    )
    real = wire.job_document(Job(pk=sent.pk))
    assert list(document) == list(real)
    assert (document["status"], document["code"], document["error"]) == ("completed", "test", "")
    assert document["output"].endswith(".mp4")
    assert not Job.objects.filter(pk=document["id"]).exists()
    sent.refresh_from_db()
    assert sent.state == "delivered"


def test_a_test_is_tried_once_and_is_no_mark_against_the_receiver(owner, httpserver: HTTPServer):
    httpserver.expect_request("/hook").respond_with_data("no", status=500)
    sent = queue.send_test(
        team=owner.team, actor=owner.membership, url=httpserver.url_for("/hook"), who=audit.UNRECORDED
    )
    deliver.deliver_due()
    sent.refresh_from_db()
    assert (sent.state, last_attempt(sent).next_at) == ("exhausted", None)
    assert Receiver.objects.get().failures == 0


def test_tests_are_bounded(owner):
    for _ in range(queue.TESTS_A_MINUTE):
        queue.send_test(team=owner.team, actor=owner.key, url=NOWHERE, who=audit.UNRECORDED)
    with pytest.raises(queue.TooManyTests):
        queue.send_test(team=owner.team, actor=owner.key, url=NOWHERE, who=audit.UNRECORDED)


def ended_test(owner, url=NOWHERE) -> WebhookDelivery:
    """The webhook of a test key's job that has just ended."""
    job = make_job(owner, webhook=url)
    Job.objects.filter(pk=job.pk).update(is_test=True, state=State.COMPLETED)
    job.refresh_from_db()
    queue.announce(job)
    return WebhookDelivery.objects.get(job=job)


def age(**by: float) -> None:
    """Let this time pass for the places of all webhooks."""
    WebhookDelivery.objects.update(unpaid_at=F("unpaid_at") - timedelta(**by))


def test_webhooks_of_test_jobs_take_the_places_of_tests_and_wait_for_one(owner, stranger):
    for _ in range(queue.TESTS_A_MINUTE):
        assert waits(ended_test(owner)) <= 0
    with pytest.raises(queue.TooManyTests):
        queue.send_test(team=owner.team, actor=owner.key, url=NOWHERE, who=audit.UNRECORDED)
    later = [ended_test(owner) for _ in range(queue.TESTS_A_MINUTE + 1)]
    assert waits(later[0]) == pytest.approx(60, abs=5)
    assert waits(later[-1]) == pytest.approx(120, abs=5)
    assert waits(ended_test(stranger)) <= 0
    assert waits(ended(owner, NOWHERE)) <= 0  # it is paid for


def test_webhooks_of_test_jobs_are_no_mark_against_the_receiver(owner, httpserver: HTTPServer):
    httpserver.expect_request("/hook").respond_with_data("no", status=500)
    delivery = ended_test(owner, httpserver.url_for("/hook"))
    deliver.deliver_due()
    assert waits(delivery) == pytest.approx(5, abs=1)
    assert (Receiver.objects.get().failures, Receiver.objects.get().failing_since) == (0, None)


def test_a_test_that_is_sent_again_is_one_more(owner):
    sent = [
        queue.send_test(team=owner.team, actor=owner.key, url=NOWHERE, who=audit.UNRECORDED)
        for _ in range(queue.TESTS_A_MINUTE)
    ]
    who = {"team": owner.team, "actor": owner.key}
    with pytest.raises(queue.TooManyTests):
        queue.replay(sent[0].pk, **who)
    age(seconds=61)
    assert all(queue.replay(each.pk, **who) for each in sent)
    for again in (
        lambda: queue.replay(sent[0].pk, **who),
        lambda: queue.send_test(url=NOWHERE, **who, who=audit.UNRECORDED),
    ):
        with pytest.raises(queue.TooManyTests):
            again()


def test_one_test_is_not_sent_again_within_its_minute(owner):
    """Its place counts once, however often it were sent."""
    sent = queue.send_test(team=owner.team, actor=owner.key, url=NOWHERE, who=audit.UNRECORDED)
    with pytest.raises(queue.TooManyTests):
        queue.replay(sent.pk, team=owner.team, actor=owner.key)
    age(seconds=61)
    assert queue.replay(sent.pk, team=owner.team, actor=owner.key)


def test_of_failed_webhooks_of_test_jobs_as_many_are_sent_again_as_there_are_places(owner, httpserver):
    failing(owner, httpserver)
    for _ in range(queue.TESTS_A_MINUTE + 2):
        ended_test(owner)
    now = timezone.now()
    WebhookDelivery.objects.update(state="exhausted", attempts=1, tried_at=now)
    age(minutes=5)
    again = {"team": owner.team, "actor": owner.key, "since": now - timedelta(minutes=1)}
    assert queue.replay_failed(**again, who=audit.UNRECORDED) == 1 + queue.TESTS_A_MINUTE
    WebhookDelivery.objects.filter(unpaid_at=None).update(state="delivered")
    WebhookDelivery.objects.exclude(unpaid_at=None).update(state="exhausted")
    assert queue.replay_failed(**again, who=audit.UNRECORDED) == 0
    age(minutes=5)
    assert queue.replay_failed(**again, who=audit.UNRECORDED) == queue.TESTS_A_MINUTE


@pytest.mark.django_db(transaction=True)
def test_tests_that_are_sent_at_once_are_bounded_too(owner):
    threads = 2 * queue.TESTS_A_MINUTE // 5
    barrier, refused = threading.Barrier(threads), []

    def work() -> None:
        try:
            barrier.wait(10)
            for _ in range(5):
                try:
                    queue.send_test(team=owner.team, actor=owner.key, url=NOWHERE, who=audit.UNRECORDED)
                except queue.TooManyTests:
                    refused.append(1)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert WebhookDelivery.objects.count() == queue.TESTS_A_MINUTE
    assert len(refused) == queue.TESTS_A_MINUTE


@pytest.mark.parametrize("url", ["", "https://10.0.0.1/", "ftp://example.com/", "https://example.com:22/"])
def test_a_test_goes_nowhere_that_a_webhook_would_not(owner, url):
    with pytest.raises(Invalid):
        queue.send_test(team=owner.team, actor=owner.key, url=url, who=audit.UNRECORDED)
    assert not WebhookDelivery.objects.exists()


def set_default(owner, url=NOWHERE, *, browser_jobs=False):
    queue.set_default(
        team=owner.team, actor=owner.membership, url=url, browser_jobs=browser_jobs, who=audit.UNRECORDED
    )


@pytest.mark.parametrize(
    ("by", "browser_jobs", "named", "expected"),
    [
        ("key", False, "", NOWHERE),
        ("key", True, "", NOWHERE),
        ("person", False, "", ""),
        ("person", True, "", NOWHERE),
        ("key", False, "http://localhost:10/own", "http://localhost:10/own"),
    ],
)
def test_default_address_is_used_when_a_submit_names_none(owner, by, browser_jobs, named, expected):
    set_default(owner, browser_jobs=browser_jobs)
    assert make_job(owner, by=by, webhook=named).webhook == expected


def test_default_address_is_the_teams_own_and_can_be_taken_back(owner, stranger):
    set_default(owner)
    assert make_job(stranger).webhook == ""
    set_default(owner, "")
    assert make_job(owner).webhook == ""


def test_default_address_is_judged_and_for_those_who_manage(owner, teammate):
    with pytest.raises(Invalid):
        set_default(owner, "https://192.168.1.1/")
    with pytest.raises(PermissionDenied):
        set_default(teammate)
    assert queue.settings_of(owner.team).url == ""


def test_the_log_is_kept_for_a_month_and_the_deliveries_of_jobs_with_the_jobs(owner, settings):
    test = queue.send_test(team=owner.team, actor=owner.key, url=NOWHERE, who=audit.UNRECORDED)
    done, due = ended(owner, NOWHERE), ended(owner, NOWHERE)
    for delivery in (test, done, due):
        DeliveryAttempt.objects.create(delivery=delivery, number=1)
    WebhookDelivery.objects.exclude(pk=due.pk).update(state="exhausted")
    queue.expire()
    assert DeliveryAttempt.objects.count() == 3
    old = timezone.now() - timedelta(days=settings.WEBHOOK_LOG_DAYS, minutes=1)
    WebhookDelivery.objects.update(created_at=old)
    DeliveryAttempt.objects.update(at=old)
    queue.expire()
    assert set(WebhookDelivery.objects.values_list("pk", flat=True)) == {done.pk, due.pk}
    assert [attempt.delivery_id for attempt in DeliveryAttempt.objects.all()] == [due.pk]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_hold_every_delivery_once_newest_first(owner, stranger, limit):
    made = [ended(owner, NOWHERE) for _ in range(5)]
    WebhookDelivery.objects.filter(pk__in=[made[1].pk, made[2].pk]).update(created_at=made[1].created_at)
    ended(stranger, NOWHERE)
    seen, after = [], None
    while True:
        page = deliveries.page(owner.team, after=after, limit=limit)
        seen += [each.pk for each in page.deliveries]
        if not page.after:
            break
        after = cursors.decode(page.after)
    assert sorted(seen) == sorted(each.pk for each in made)
    moments = [WebhookDelivery.objects.get(pk=pk).created_at for pk in seen]
    assert moments == sorted(moments, reverse=True)


def test_status_in_a_query_is_the_status_of_the_row(owner):
    """The two spellings of one rule agree, whatever the row has been through."""
    held = timezone.now() + timedelta(minutes=1)
    delivery = ended(owner, NOWHERE)
    for state in ("due", "delivered", "exhausted"):
        for attempts, before in ((0, 0), (1, 0), (2, 0), (2, 2), (3, 2)):
            for until in (None, held, timezone.now() - timedelta(minutes=1)):
                WebhookDelivery.objects.create(
                    team=owner.team,
                    receiver=delivery.receiver,
                    job=delivery.job,
                    state=state,
                    attempts=attempts,
                    attempts_before=before,
                    held_until=until,
                )
    by_row = {each.pk: each.status for each in WebhookDelivery.objects.all()}
    found = {}
    for status in ("waiting", "retrying", "delivered", "failed"):
        for each in deliveries.page(owner.team, status=status, limit=100).deliveries:
            found.setdefault(each.pk, status)
    assert found == by_row
