"""Webhooks out, to a real receiver on loopback."""

import json
import re
import socket
import threading

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook

from accounts import audit
from accounts.teams import webhook_secret
from jobs import wire
from jobs.models import DeliveryAttempt, Job, Receiver, WebhookDelivery
from jobs.webhooks import answers, deliver, queue
from jobs.webhooks.answers import Attempted
from tests.conftest import character
from tests.jobs.receiving import ended, last_attempt, make_due, waits
from tests.lipsyncweb.sinks import Sink, fixed

FAILED = Attempted(code="bad_status", error="The receiver answered 500.", duration_ms=3, status=500)


@pytest.mark.django_db
@pytest.mark.parametrize("completed", [True, False])
def test_sends_the_polled_document_signed(owner, client, httpserver: HTTPServer, completed):
    httpserver.expect_request("/hook", method="POST").respond_with_data("thanks")
    delivery = ended(owner, httpserver.url_for("/hook"), completed=completed)
    assert deliver.deliver_due() == 1
    request, _response = httpserver.log[0]
    body = request.get_data(as_text=True)
    polled = client.get(f"/api/v1/jobs/{delivery.job_id}", headers=owner.headers).json()
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(body) == polled == wire.job_document(Job.objects.get(pk=delivery.job_id))
    assert Webhook(webhook_secret(owner.team)).verify(body, dict(request.headers)) == polled
    assert request.headers["webhook-id"] == delivery.message_id
    delivery.refresh_from_db()
    assert (delivery.state, delivery.status, delivery.held_until) == ("delivered", "delivered", None)
    attempt = delivery.log.get()
    assert (attempt.number, attempt.status, attempt.answer, attempt.code) == (1, 200, "thanks", "")
    assert attempt.duration_ms is not None
    assert attempt.next_at is None
    assert deliver.deliver_due() == 0


@pytest.mark.django_db
def test_a_failure_is_retried_by_the_schedule(owner, httpserver: HTTPServer):
    httpserver.expect_request("/hook").respond_with_data("no", status=500)
    delivery = ended(owner, httpserver.url_for("/hook"))
    for wait in deliver.RETRY_AFTER:
        make_due(delivery)
        assert deliver.deliver_due() == 1
        assert waits(delivery) == pytest.approx(wait.total_seconds(), rel=0.11, abs=1)
        assert (delivery.state, delivery.status) == ("due", "retrying")
        assert last_attempt(delivery).next_at == delivery.due_at
    make_due(delivery)
    deliver.deliver_due()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.status, delivery.attempts) == ("exhausted", "failed", 10)
    assert last_attempt(delivery).next_at is None
    make_due(delivery)
    assert deliver.deliver_due() == 0
    assert {request.headers["webhook-id"] for request, _ in httpserver.log} == {delivery.message_id}
    bodies = {request.get_data() for request, _ in httpserver.log}
    assert (len(httpserver.log), len(bodies)) == (10, 1)


@pytest.mark.django_db
def test_an_attempt_whose_worker_was_lost_is_on_record_and_made_up_for(owner, httpserver: HTTPServer):
    httpserver.expect_request("/hook").respond_with_data("thanks")
    delivery = ended(owner, httpserver.url_for("/hook"))
    deliver.claim_next()
    lost = delivery.log.get()
    assert (lost.number, lost.duration_ms, lost.status) == (1, None, None)
    assert deliver.deliver_due() == 0
    WebhookDelivery.objects.update(due_at=timezone.now(), held_until=timezone.now())
    assert deliver.deliver_due() == 1
    assert [each.number for each in delivery.log.all()] == [1, 2]
    assert last_attempt(delivery).succeeded


@pytest.mark.django_db
def test_a_worker_that_comes_back_late_decides_nothing(owner, httpserver: HTTPServer):
    httpserver.expect_request("/hook").respond_with_data("thanks")
    ended(owner, httpserver.url_for("/hook"))
    late = deliver.claim_next()
    WebhookDelivery.objects.update(due_at=timezone.now(), held_until=timezone.now())
    deliver.deliver_due()
    deliver.conclude(late, FAILED)
    late.refresh_from_db()
    assert late.state == "delivered"
    assert [(each.number, each.status) for each in late.log.all()] == [(1, 500), (2, 200)]


@pytest.mark.django_db
def test_a_late_failure_does_not_put_off_a_replay(owner):
    ended(owner, "http://localhost:9/hook")
    late = deliver.claim_next()
    WebhookDelivery.objects.update(held_until=timezone.now())
    assert queue.replay(late.pk, team=owner.team, actor=owner.membership)
    deliver.conclude(late, FAILED)
    assert waits(late) <= 0


@pytest.mark.django_db
def test_a_deleted_delivery_is_no_trouble_for_its_worker(owner):
    delivery = ended(owner, "http://localhost:9/hook")
    taken = deliver.claim_next()
    delivery.delete()
    deliver.conclude(taken, FAILED)
    assert not DeliveryAttempt.objects.exists()


@pytest.mark.django_db
def test_an_unreadable_secret_is_a_failure_that_says_so(owner, settings):
    delivery = ended(owner, "http://localhost:9/hook")
    settings.ENCRYPTION_KEYS = ["another"]
    deliver.deliver_due()
    assert last_attempt(delivery).code == "secret_unreadable"
    assert "ENCRYPTION_KEYS" in last_attempt(delivery).error


@pytest.mark.django_db
def test_an_answer_with_any_bytes_is_kept_readable(owner, httpserver: HTTPServer):
    httpserver.expect_request("/hook").respond_with_data(b"\x00\xff" * 5000)
    delivery = ended(owner, httpserver.url_for("/hook"))
    deliver.deliver_due()
    assert delivery.log.get().answer == "\ufffd" * answers.ANSWER_KEPT


@pytest.mark.django_db
def test_a_delivery_that_breaks_our_own_code_stops_no_other(owner, httpserver: HTTPServer):
    httpserver.expect_request("/hook").respond_with_data("thanks")
    poison, sound = (ended(owner, httpserver.url_for("/hook")) for _ in range(2))
    WebhookDelivery.objects.filter(pk=poison.pk).update(job=None)  # there is nothing to write
    assert deliver.deliver_due() == 2
    sound.refresh_from_db()
    assert sound.state == "delivered"
    assert last_attempt(poison).code == "internal_error"
    assert waits(poison) == pytest.approx(5, abs=1)


@pytest.mark.django_db
def test_a_delivery_that_cannot_be_claimed_is_put_off_and_stops_no_other(owner, httpserver: HTTPServer):
    httpserver.expect_request("/hook").respond_with_data("thanks")
    poison, sound = (ended(owner, httpserver.url_for("/hook")) for _ in range(2))
    DeliveryAttempt.objects.create(delivery=poison, number=1)  # that its claim would write once more
    assert deliver.deliver_due() == 1
    sound.refresh_from_db()
    assert sound.state == "delivered"
    assert waits(poison) == pytest.approx(deliver.PUT_OFF.total_seconds(), abs=5)
    assert poison.attempts == 0


@pytest.mark.django_db
def test_a_delivery_of_very_many_attempts_is_like_any_other(owner, httpserver: HTTPServer):
    httpserver.expect_request("/hook").respond_with_data("thanks")
    delivery = ended(owner, httpserver.url_for("/hook"))
    WebhookDelivery.objects.update(attempts=2**15, attempts_before=2**15)
    assert deliver.deliver_due() == 1
    delivery.refresh_from_db()
    assert (delivery.state, last_attempt(delivery).number) == ("delivered", 2**15 + 1)


@pytest.mark.django_db
def test_a_run_that_is_stopped_leaves_the_rest_in_the_line(owner, httpserver: HTTPServer):
    httpserver.expect_request("/hook").respond_with_data("thanks")
    for _ in range(3):
        ended(owner, httpserver.url_for("/hook"))
    assert deliver.deliver_due(at_most=1) == 1
    assert deliver.deliver_due(stop=lambda: True) == 0
    assert WebhookDelivery.objects.filter(state="due").count() == 2


@pytest.mark.django_db
def test_dead_receivers_delay_no_other(owner, stranger):
    """A team with a backlog for two receivers that answer only when all others have been served."""
    served, under_way, most, in_time = [], [], [], []
    all_served = threading.Event()

    def failure(connected: socket.socket) -> None:
        under_way.append(connected)
        most.append(len(under_way))
        in_time.append(all_served.wait(5))
        under_way.remove(connected)
        fixed(b"late", status="500 Internal Server Error")(connected)

    def success(connected: socket.socket) -> None:
        fixed()(connected)
        served.append(connected)
        if len(served) == 2:
            all_served.set()

    with Sink(failure) as dead, Sink(failure) as dying, Sink(success) as sound:
        for sink in (dead, dying):
            for _ in range(4):
                ended(owner, f"http://localhost:{sink.port}/hook")
        Receiver.objects.update(failures=1, failing_since=timezone.now())
        for person in (owner, stranger):
            ended(person, f"http://localhost:{sound.port}/hook")
        Receiver.objects.filter(host=f"localhost:{sound.port}").update(sound=True)
        assert deliver.deliver_due() == 10
    assert set(in_time) == {True}  # nobody waited in vain
    assert max(most) == deliver.FAILING_TEAM_AT_ONCE  # those that fail waited for each other


@pytest.mark.django_db
def test_the_receiver_that_was_served_longest_ago_is_next(owner):
    for _ in range(3):
        ended(owner, "http://localhost:1/hook")
    last = ended(owner, "http://localhost:2/hook")
    assert deliver.claim_next().url == "http://localhost:1/hook"
    assert deliver.claim_next().pk == last.pk


@pytest.mark.django_db
def test_a_receiver_and_a_team_have_a_bounded_number_at_once(owner, stranger):
    for port in (1, 1, 1, 1, 2, 3, 4, 5, 6):
        ended(owner, f"http://localhost:{port}/hook")
    theirs = ended(stranger, "http://localhost:1/hook")
    Receiver.objects.update(sound=True)
    taken = []
    while claimed := deliver.claim_next():
        taken.append(claimed)
    assert theirs in taken
    own = [each.url for each in taken if each.team_id == owner.team.pk]
    assert len(own) == deliver.TEAM_AT_ONCE
    assert own.count("http://localhost:1/hook") <= deliver.RECEIVER_AT_ONCE


@pytest.mark.django_db
def test_receivers_that_fail_share_a_part_of_the_places(owner, stranger):
    for person in (owner, stranger):
        for port in range(1, 5):
            ended(person, f"http://localhost:{port}/hook")
    Receiver.objects.update(failures=2, failing_since=timezone.now())
    taken = []
    while claimed := deliver.claim_next():
        taken.append(claimed.team_id)
    assert sorted(taken) == sorted([owner.team.pk, stranger.team.pk] * deliver.FAILING_TEAM_AT_ONCE)


@pytest.mark.django_db
def test_hosts_that_have_taken_nothing_yet_leave_places_to_those_that_have(owner):
    """Many fresh hosts of many teams, as somebody names them who has names for nothing."""
    known = ended(owner, "http://localhost:9/hook")
    Receiver.objects.update(sound=True)
    teams = deliver.FAILING_AT_ONCE // deliver.FAILING_TEAM_AT_ONCE + 1
    for person in [character(f"{number}@example.com") for number in range(teams)]:
        for port in range(1, 5):
            ended(person, f"http://localhost:{port}/hook")
    WebhookDelivery.objects.filter(pk=known.pk).update(due_at=timezone.now() + deliver.HOUR)
    taken = []
    while claimed := deliver.claim_next():
        taken.append(claimed.team_id)
    assert len(taken) == deliver.FAILING_AT_ONCE
    assert max(taken.count(team) for team in taken) == deliver.FAILING_TEAM_AT_ONCE
    make_due(known)
    assert deliver.claim_next().pk == known.pk


@pytest.mark.django_db
def test_teams_take_turns_however_many_hosts_one_of_them_has(owner, stranger):
    for port in range(1, 4):
        ended(owner, f"http://localhost:{port}/hook")
    theirs = ended(stranger, "http://localhost:1/hook")
    assert deliver.claim_next().team_id == owner.team.pk
    assert deliver.claim_next().pk == theirs.pk
    assert deliver.claim_next().team_id == owner.team.pk


@pytest.mark.django_db
def test_a_receiver_is_sound_while_it_takes_what_it_is_sent_and_a_test_counts(owner, httpserver: HTTPServer):
    for status in (500, 200, 500, 200):
        httpserver.expect_ordered_request("/hook").respond_with_data("", status=status)
    found = []
    for sent in (ended, ended, _test, _test):
        delivery = sent(owner, httpserver.url_for("/hook"))
        WebhookDelivery.objects.exclude(pk=delivery.pk).delete()
        deliver.deliver_due()
        found.append(tuple(Receiver.objects.values_list("sound", "failures").get()))
    assert found == [(False, 1), (True, 0), (False, 0), (True, 0)]


def _test(actor, url: str) -> WebhookDelivery:
    return queue.send_test(team=actor.team, actor=actor.key, url=url, who=audit.UNRECORDED)


@pytest.mark.django_db
def test_health_of_a_receiver_is_the_row_of_its_failures(owner, httpserver: HTTPServer):
    httpserver.expect_ordered_request("/hook").respond_with_data("no", status=500)
    httpserver.expect_ordered_request("/hook").respond_with_data("no", status=502)
    httpserver.expect_ordered_request("/hook").respond_with_data("yes")
    delivery = ended(owner, httpserver.url_for("/hook"))
    deliver.deliver_due()
    since = Receiver.objects.get().failing_since
    make_due(delivery)
    deliver.deliver_due()
    found = Receiver.objects.get()
    assert (found.failures, found.failing_since) == (2, since)
    assert "502" in found.last_problem
    make_due(delivery)
    deliver.deliver_due()
    found = Receiver.objects.get()
    assert (found.failures, found.failing_since, found.last_problem) == (0, None, "")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("guarded", [True, False])
def test_one_delivery_has_one_request_under_way_over_all_workers(owner, guarded):
    """Eight workers see one delivery at once; without the guarded UPDATE each of them would send it."""
    ended(owner, "http://localhost:9/hook")
    barrier, taken = threading.Barrier(8), []

    def work() -> None:
        try:
            row = deliver._next_in_line()
            barrier.wait(10)
            if not guarded or deliver._claim(row):
                taken.append(row)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(taken) == (1 if guarded else 8)


@pytest.mark.django_db(transaction=True)
def test_several_workers_send_each_once_and_never_one_twice_at_a_time(owner, stranger):
    """Four deliverers at once, as nudges for a burst of jobs start them, and a receiver that watches."""
    lock, under_way, two_at_once = threading.Lock(), [], threading.Event()

    def watch(connected: socket.socket) -> None:
        with lock:
            under_way.append(connected)
            if len(under_way) > 1:
                two_at_once.set()
        two_at_once.wait(10)  # the first is held until another comes
        with lock:
            under_way.remove(connected)
        fixed()(connected)

    with Sink(watch) as sink:
        for person in (owner, stranger):
            for _ in range(12):
                ended(person, f"http://localhost:{sink.port}/hook")

        def work() -> None:
            try:
                deliver.deliver_due()
            finally:
                connection.close()

        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        ids = [re.search(rb"webhook-id: (\S+)", head)[1] for head in sink.seen]
    assert sink.visits == 24
    assert len(set(ids)) == 24
    assert DeliveryAttempt.objects.filter(status=200, number=1).count() == 24
    assert two_at_once.is_set()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("failures", [0, 1])
def test_workers_that_count_at_once_exceed_no_limit(owner, monkeypatch, failures):
    """Each worker has counted, and seen room, before any of them claims."""
    at_once = deliver.FAILING_RECEIVER_AT_ONCE if failures else deliver.RECEIVER_AT_ONCE
    for _ in range(8):
        ended(owner, "http://localhost:9/hook")
    Receiver.objects.update(failures=failures, sound=not failures)
    rows, taken = list(WebhookDelivery.objects.all()), []
    barrier = threading.Barrier(len(rows))

    def work(row: WebhookDelivery) -> None:
        try:
            assert deliver._next_in_line() is not None
            barrier.wait(10)
            if deliver._claim(row):
                taken.append(row)
        finally:
            connection.close()

    workers = [threading.Thread(target=work, args=[row]) for row in rows]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(taken) == at_once
    assert WebhookDelivery.objects.filter(held_until__gt=timezone.now()).count() == at_once


@pytest.mark.django_db
def test_a_claim_reads_one_receivers_first_and_not_the_backlog(owner):
    """By the plans of its queries, with a backlog that its statistics know of."""
    first = ended(owner, "http://localhost:9/hook")
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(team=owner.team, receiver=first.receiver, url=first.url, document="{}")
        for _ in range(2000)
    )
    analyse()
    with CaptureQueriesContext(connection) as queries:
        assert deliver.claim_next() is not None
    plans = [plan(each["sql"]) for each in queries if reads_deliveries(each["sql"])]
    assert len(plans) >= 4  # what is under way, the receiver, its oldest, and under the lock again
    whole = (
        "SCAN jobs_webhookdelivery" if connection.vendor == "sqlite" else "Seq Scan on jobs_webhookdelivery"
    )
    assert [each for each in plans if whole in each] == []
    assert any("delivery_held" in each for each in plans)
    assert sum("delivery_due_of" in each for each in plans) == 2
    (oldest,) = (each for each in plans if "delivery_due_of" in each and "jobs_receiver" not in each)
    assert "TEMP B-TREE" not in oldest
    assert "Sort" not in oldest


def analyse() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def reads_deliveries(sql: str) -> bool:
    return sql.startswith("SELECT") and "jobs_webhookdelivery" in sql


def plan(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {'QUERY PLAN ' if connection.vendor == 'sqlite' else ''}{sql}")
        return "\n".join(str(row[-1]) for row in cursor.fetchall())
