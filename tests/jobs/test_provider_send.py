"""Sending a job to another server: one send an attempt, and what each answer leads to (F17)."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone
from werkzeug import Response

from accounts import ledger
from accounts.teams import new_webhook_secret
from jobs import execute, lifecycle, remote, samples
from jobs.models import Connection, Job, JobEvent, Outbox
from jobs.problems import Invalid
from tests.jobs.making import SAMPLES, claim, make_job
from tests.jobs.remotely import Upstream, answer, attend, connect, remote_job, signed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def upstream(httpserver):
    return Upstream(httpserver)


def fresh(job):
    return Job.objects.select_related("connection").get(pk=job.pk)


def make_due(job):
    """Its wait, and its connection's, are over."""
    past = timezone.now() - timedelta(seconds=1)
    Job.objects.filter(pk=job.pk).update(not_before=past)
    Connection.objects.filter(send_after__isnull=False).update(send_after=past)
    Job.objects.filter(pk=job.pk, sent_at__isnull=False).update(sent_at=past - timedelta(minutes=2))


def seconds_until(moment) -> float:
    return (moment - timezone.now()).total_seconds()


def test_a_job_is_sent_once_and_waits(owner, upstream, httpserver):
    connection = connect(httpserver)
    job = remote_job(owner, seed=7, resolution="720p")
    assert remote.send_due() == 1
    sent = fresh(job)
    assert (sent.state, sent.connection, sent.external_id) == ("waiting", connection, upstream.only_id)
    assert upstream.sent == [
        {
            "webhook": f"http://localhost:8000/webhooks/provider/{sent.callback_token}",
            "formState": {**job.values, "seed": 7},
        }
    ]
    assert upstream.keys == [f"job-{job.pk}"]
    assert 4 < seconds_until(sent.next_poll_at) <= 10
    assert remote.send_due() == 0
    assert not Outbox.objects.exists()


def test_the_engine_here_does_not_take_it(owner, upstream, httpserver):
    connect(httpserver)
    remote_job(owner)
    assert lifecycle.claim_next() is None


def test_without_a_callback_address_nobody_is_called(owner, upstream, httpserver):
    connect(httpserver, callback_base="")
    remote_job(owner)
    remote.send_due()
    assert "webhook" not in upstream.sent[0]


def test_an_upload_travels_as_a_signed_address(owner, upstream, httpserver, client):
    from tests.jobs.test_media import job_with, png, send

    connect(httpserver, callback_base="http://localhost:8000")
    job_with(owner, send(owner, png(), kind="image"))
    remote.send_due()
    address = upstream.sent[0]["formState"]["image"]
    fetched = client.get(address.removeprefix("http://localhost:8000"))
    assert b"".join(fetched.streaming_content) == png()
    assert fetched["Content-Disposition"].startswith("attachment")
    fetched.close()
    assert client.get(address.removeprefix("http://localhost:8000")[:-1] + "x").status_code == 404


@pytest.mark.parametrize("status", [400, 404, 405, 413, 415, 422])
def test_a_refusal_fails_the_job_with_their_sentence(owner, upstream, httpserver, status):
    connect(httpserver)
    upstream.on_submit = lambda request: answer({"error": "Invalid audio format"}, status)
    job = remote_job(owner)
    remote.send_due()
    ended = fresh(job)
    assert (ended.state, ended.error_code, ended.error) == (
        "failed",
        "provider_refused",
        "farm: Invalid audio format",
    )
    assert ledger.balances(owner.team).api.available == 1000


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_fails_the_job_and_shows_no_key(owner, upstream, httpserver, status):
    connect(httpserver)
    upstream.on_submit = lambda request: answer({"error": "bad key sk_theirs_secret"}, status)
    job = remote_job(owner)
    remote.send_due()
    assert fresh(job).error_code == "provider_key_refused"
    assert "secret" not in fresh(job).error


def test_200_with_an_error_fails_the_job(owner, upstream, httpserver):
    connect(httpserver)
    upstream.on_submit = lambda request: answer({"error": "Out of order"})
    job = remote_job(owner)
    remote.send_due()
    assert (fresh(job).state, fresh(job).error) == ("failed", "farm: Out of order")


@pytest.mark.parametrize("status", [402, 429])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_402_and_429_wait_as_they_ask(owner, upstream, httpserver, status, form):
    connect(httpserver)
    at = (timezone.now() + timedelta(seconds=121)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    header = "120" if form == "seconds" else at
    upstream.on_submit = lambda request: answer({"error": "Later"}, status, **{"Retry-After": header})
    jobs = [remote_job(owner), remote_job(owner)]
    remote.send_due()
    assert len(upstream.sent) == 1
    assert {fresh(job).state for job in jobs} == {"queued"}
    assert 115 < seconds_until(fresh(jobs[0]).not_before) < 150
    assert fresh(jobs[0]).connection.send_failures == 0
    assert remote.send_due() == 0
    upstream.on_submit = lambda request: None
    make_due(jobs[0])
    assert remote.send_due() == 2
    assert {fresh(job).state for job in jobs} == {"waiting"}


def test_a_repeated_send_of_an_upload_is_the_same_to_the_byte(owner, upstream, httpserver):
    from tests.jobs.test_media import job_with, png, send

    connect(httpserver)
    upstream.on_submit = lambda request: Response("cut", content_type="application/json")
    job = job_with(owner, send(owner, png(), kind="image"))
    remote.send_due()
    time.sleep(1.1)  # a signature with the time in it would differ by now
    make_due(job)
    remote.send_due()
    assert upstream.sent[0] == upstream.sent[1]


def test_waiting_for_credits_there_does_not_stop_the_questions(owner, upstream, httpserver):
    connect(httpserver)
    running = remote_job(owner)
    remote.send_due()
    upstream.complete()
    upstream.on_submit = lambda request: answer({"error": "Pay"}, 402, **{"Retry-After": "3600"})
    waiting = remote_job(owner)
    remote.send_due()
    Job.objects.filter(pk=running.pk).update(next_poll_at=timezone.now())
    assert attend(running).state == "completed"
    assert fresh(waiting).state == "queued"
    assert seconds_until(Connection.objects.get().send_after) > 3500


def test_a_full_connection_wastes_no_turn(owner, upstream, httpserver):
    connect(httpserver, concurrency=1)
    remote_job(owner)
    remote.send_due()
    past = timezone.now() - timedelta(seconds=1)
    Connection.objects.update(send_failures=2, send_after=past)
    remote_job(owner)
    remote.send_due()
    assert Connection.objects.get().send_after == past


def test_inputs_are_fetched_once_and_not_by_the_sender(owner, upstream, httpserver):
    speech = samples.speech_path().read_bytes()
    httpserver.expect_oneshot_request("/voice.wav").respond_with_data(speech)
    connect(httpserver)
    job = remote_job(owner, audio=httpserver.url_for("/voice.wav"))
    remote.send_due()
    assert upstream.sent == []
    assert execute.fetch_next()
    upstream.on_submit = lambda request: answer({"error": "Oops"}, 500)
    remote.send_due()
    upstream.on_submit = lambda request: None
    make_due(job)
    remote.send_due()
    assert (fresh(job).state, fresh(job).billed_seconds) == ("waiting", 6)
    assert upstream.sent[0]["formState"]["audio"] == httpserver.url_for("/voice.wav")


def test_a_job_that_the_server_stumbles_over_lets_the_others_pass(owner, upstream, httpserver):
    connect(httpserver)
    bad, good = remote_job(owner, prompt="poison"), remote_job(owner)
    upstream.on_submit = lambda request: (
        answer({"error": "Oops"}, 500) if request.get_json()["formState"].get("prompt") else None
    )
    remote.send_due()
    Connection.objects.update(send_after=timezone.now() - timedelta(seconds=1))
    Job.objects.update(not_before=None)
    remote.send_due()
    assert (fresh(bad).state, fresh(good).state) == ("queued", "waiting")


def test_our_key_that_they_repeat_is_not_shown(owner, upstream, httpserver):
    connect(httpserver)
    upstream.on_submit = lambda request: answer({"error": f"Bad: {request.headers['Authorization']}"}, 422)
    job = remote_job(owner)
    remote.send_due()
    assert fresh(job).error == "farm: Bad: Bearer sk_…"


def test_what_they_say_is_made_fit_to_keep(owner, upstream, httpserver):
    connect(httpserver)
    upstream.on_submit = lambda request: Response('{"error": "a\\ud800b\\u0000c"}', status=422)
    job = remote_job(owner)
    remote.send_due()
    assert (fresh(job).state, fresh(job).error) == ("failed", "farm: a?bc")


AMBIGUOUS = {
    "500": lambda: answer({"error": "Oops"}, 500),
    "503 as HTML": lambda: Response("<h1>Down</h1>", status=503, content_type="text/html"),
    "truncated": lambda: Response('{"id": "abc', content_type="application/json"),
    "HTML": lambda: Response("<h1>Welcome</h1>", content_type="text/html"),
    "an id that is a path": lambda: answer({"id": "../../keys"}),
}


@pytest.mark.parametrize("kind", AMBIGUOUS)
def test_trouble_is_retried_with_the_same_key_and_backs_off(owner, upstream, httpserver, kind):
    connect(httpserver)
    upstream.on_submit = lambda request: AMBIGUOUS[kind]()
    job = remote_job(owner)
    waits = []
    for _try in range(4):
        make_due(job)
        remote.send_due()
        waits.append(seconds_until(fresh(job).not_before))
    assert fresh(job).state == "queued"
    assert waits == sorted(waits)
    assert 4 < waits[0] < 8
    assert waits[3] > 35
    assert len(set(upstream.keys)) == 1
    upstream.on_submit = lambda request: None
    make_due(job)
    remote.send_due()
    assert fresh(job).state == "waiting"
    assert fresh(job).connection.send_failures == 0


def test_a_dead_server_is_asked_by_one_job_however_many_wait(owner, upstream, httpserver):
    connect(httpserver)
    upstream.on_submit = lambda request: answer({"error": "Oops"}, 500)
    jobs = [remote_job(owner) for _ in range(5)]
    for _round in range(10):
        remote.send_due()
    assert len(upstream.sent) == 1
    Connection.objects.update(send_after=timezone.now() - timedelta(seconds=1))
    for _round in range(10):
        remote.send_due()
    assert len(upstream.sent) == 2
    assert {fresh(job).state for job in jobs} == {"queued"}


def test_nobody_there_is_not_counted_as_sent(owner, upstream, httpserver, unused_port):
    connect(httpserver)
    Connection.objects.update(base_url=f"http://localhost:{unused_port}", idempotent=False)
    job = remote_job(owner)
    for _try in range(3):
        make_due(job)
        remote.send_due()
    assert (fresh(job).state, fresh(job).sends) == ("queued", 0)


class TestAServerWithoutIdempotencyKeys:
    @pytest.fixture
    def job(self, owner, upstream, httpserver):
        connect(httpserver, idempotent=False)
        upstream.on_submit = lambda request: Response("<h1>?</h1>", content_type="text/html")
        job = remote_job(owner)
        remote.send_due()
        return job

    def test_is_not_sent_again_within_a_minute(self, job, upstream):
        assert seconds_until(fresh(job).not_before) > 55
        assert remote.send_due() == 0

    def test_is_sent_once_more_and_no_third_time(self, job, upstream, owner):
        for _try in range(3):
            make_due(job)
            remote.send_due()
        assert len(upstream.sent) == 2
        assert (fresh(job).state, fresh(job).error_code) == ("failed", "provider_unclear")
        assert ledger.balances(owner.team).api.available == 1000

    def test_is_not_sent_again_when_its_webhook_has_come(self, job, upstream, client):
        upstream.accept("theirs-1")
        document = upstream.complete()
        address = f"/webhooks/provider/{fresh(job).callback_token}"
        assert client.post(address, document, content_type="application/json").status_code == 202
        make_due(job)
        remote.send_due()
        assert len(upstream.sent) == 1
        assert (fresh(job).state, fresh(job).external_id) == ("waiting", "theirs-1")


def test_a_timeout_after_acceptance_is_sent_again_under_the_same_key(owner, upstream, httpserver, settings):
    settings.PROVIDER_TIMEOUT_SECONDS = 0.5
    connect(httpserver)

    def slow(request):
        time.sleep(1.5)

    upstream.on_submit = slow
    job = remote_job(owner)
    remote.send_due()
    assert (fresh(job).state, fresh(job).sends) == ("queued", 1)
    settings.PROVIDER_TIMEOUT_SECONDS = 30
    upstream.on_submit = lambda request: upstream.accept("the-same")
    make_due(job)
    remote.send_due()
    assert fresh(job).external_id == "the-same"
    assert len(set(upstream.keys)) == 1


def test_a_signed_webhook_finishes_a_job_whose_submit_was_not_heard(owner, upstream, httpserver, client):
    """It waited in line to be sent again; its result makes that needless."""
    secret = new_webhook_secret()
    connect(httpserver, secrets=[secret])
    upstream.on_submit = lambda request: Response('{"id": "cut', content_type="application/json")
    job = remote_job(owner)
    remote.send_due()
    upstream.accept("theirs-1")
    body, headers = signed(secret, upstream.complete())
    address = f"/webhooks/provider/{fresh(job).callback_token}"
    assert client.post(address, body, content_type="application/json", headers=headers).status_code == 200
    assert fresh(job).state == "waiting"
    attend(job)
    assert (fresh(job).state, fresh(job).external_id, len(upstream.sent)) == ("completed", "theirs-1", 1)
    assert [event.verb for event in JobEvent.objects.filter(job=job)][-2:] == ["adopt", "succeed"]


def test_no_more_jobs_than_the_connection_takes_at_once(owner, upstream, httpserver):
    connect(httpserver, concurrency=2)
    jobs = [remote_job(owner) for _ in range(3)]
    remote.send_due()
    assert [fresh(job).state for job in jobs] == ["waiting", "waiting", "queued"]
    lifecycle.cancel(jobs[0].pk)
    remote.send_due()
    assert fresh(jobs[2]).state == "waiting"


def test_a_worker_that_died_after_the_send_sends_under_the_same_key(owner, upstream, httpserver):
    connect(httpserver)
    job = remote_job(owner)
    held = lifecycle.claim_for(Connection.objects.get())
    assert lifecycle.note_send(held)
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    lifecycle.requeue_expired()
    remote.send_due()
    assert (fresh(job).state, fresh(job).attempt) == ("waiting", 2)
    assert upstream.keys == [f"job-{job.pk}"]


class TestTheChoice:
    def test_is_the_most_preferred_that_takes_it(self, owner, httpserver):
        connect(httpserver, name="big", preference=10, only_resolutions=["720p"])
        connect(httpserver, name="small", preference=20)
        assert remote_job(owner, resolution="720p").connection.name == "big"
        assert remote_job(owner).connection.name == "small"

    def test_is_the_engine_here_when_it_is_preferred(self, owner, httpserver, settings):
        connect(httpserver, preference=120)
        job = make_job(owner, **SAMPLES)
        assert job.connection is None
        assert claim(job)

    def test_never_is_another_teams(self, owner, stranger, httpserver):
        connect(httpserver, team=stranger.team)
        assert make_job(owner).connection is None
        assert make_job(stranger).connection.team == stranger.team

    def test_by_the_apis_field(self, owner, stranger, httpserver, client):
        connect(httpserver, name="theirs", team=stranger.team)
        connect(httpserver, name="farm")
        from tests.jobs.test_api_submit import STATE, submit

        for provider, found in [("embedded", None), ("farm", "farm")]:
            job = Job.objects.get(pk=submit(client, owner.headers, STATE, provider=provider).json()["id"])
            assert (job.connection.name if job.connection else None) == found
        for provider in ("theirs", "nobody"):
            refused = submit(client, owner.headers, STATE, provider=provider)
            assert (refused.status_code, refused.json()["fields"][0]["field"]) == (422, "provider")

    def test_is_refused_when_nobody_makes_such_jobs(self, owner, settings):
        settings.EMBEDDED_ENGINE = False
        with pytest.raises(Invalid):
            make_job(owner)


def test_every_step_leaves_an_event(owner, upstream, httpserver):
    connect(httpserver)
    upstream.on_submit = lambda request: answer({"error": "Oops"}, 500)
    job = remote_job(owner)
    remote.send_due()
    upstream.on_submit = lambda request: None
    make_due(job)
    remote.send_due()
    verbs = [event.verb for event in JobEvent.objects.filter(job=job)]
    assert verbs == ["submit", "claim", "postpone", "claim", "hand_off"]
