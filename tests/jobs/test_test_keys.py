"""Test keys: free, quick, never near the engine, and as awkward as a prompt asks."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import audit, keys, ledger
from accounts.models import ApiKey, Entry
from jobs import catalog, execute, form_state, lifecycle, media, reconciliation, trials
from jobs import submit as service
from jobs.models import Connection, Job, JobEvent, Outbox, State, WebhookDelivery
from jobs.webhooks import deliver, queue
from tests.jobs.making import VALUES
from tests.jobs.remotely import video
from tests.jobs.test_outbox import waiting

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/v1/lipsync-image"


@pytest.fixture
def test_key(owner, settings) -> dict[str, str]:
    """The headers of a test key, on a site that has its sample."""
    (settings.DATA_DIR / "samples" / "clip.mp4").write_bytes(video())
    media._sample_facts.cache_clear()
    _key, secret = keys.issue(
        team=owner.team, created_by=owner.user, name="trial", is_test=True, actor=None, who=audit.UNRECORDED
    )
    return {"Authorization": f"Bearer {secret}"}


def submit(headers, *, prompt="", status=200, **more):
    body = {"formState": {**VALUES, "prompt": prompt}, **more}
    answer = Client().post(URL, body, "application/json", headers=headers)
    assert answer.status_code == status, answer.content
    return answer.json()


def read(headers, job_id):
    return Client().get(f"/api/v1/jobs/{job_id}", headers=headers).json()


def download(headers, job_id):
    answer = Client().get(read(headers, job_id)["output"])
    body = b"".join(answer.streaming_content) if answer.streaming else None
    answer.close()
    return answer.status_code, body


def money(team):
    purse = ledger.balances(team).api
    return purse.available, purse.reserved, Entry.objects.filter(purse=purse).count()


def test_a_test_gives_the_sample_and_costs_nothing(owner, test_key):
    before = money(owner.team)
    job_id = submit(test_key)["id"]
    waiting = read(test_key, job_id)
    assert (waiting["status"], waiting["test"], waiting["credits"], waiting["queuePosition"]) == (
        "processing",
        True,
        0,
        1,
    )
    assert execute.give_sample()
    assert not execute.give_sample()
    ended = read(test_key, job_id)
    assert (ended["status"], ended["test"], ended["credits"], ended["queuePosition"]) == (
        "completed",
        True,
        0,
        None,
    )
    assert download(test_key, job_id) == (200, video())
    assert money(owner.team) == before
    assert reconciliation.findings() == []


def test_no_engine_fetcher_or_server_ever_takes_one(owner, test_key):
    elsewhere = Connection.objects.create(
        team=owner.team, name="elsewhere", base_url="https://video.example.com", preference=1
    )
    job_id = submit(test_key, provider="elsewhere")["id"]
    assert lifecycle.claim_next() is None
    assert lifecycle.claim_to_fetch() is None
    assert lifecycle.claim_for(elsewhere) is None
    assert read(test_key, job_id)["status"] == "processing"


def test_a_live_key_makes_no_tests(owner, test_key):
    job_id = submit(owner.headers, prompt="test:fail")["id"]
    assert not Job.objects.get(pk=job_id).is_test
    assert not execute.give_sample()
    refused = submit(owner.headers, test=True, status=422)
    assert refused["fields"][0]["code"] == "unknown_field"


def test_fail(owner, test_key):
    before = money(owner.team)
    job_id = submit(test_key, prompt="smile test:fail")["id"]
    assert execute.give_sample()
    ended = read(test_key, job_id)
    assert (ended["status"], ended["code"], ended["output"]) == ("failed", "test_failure", None)
    assert money(owner.team) == before
    assert reconciliation.findings() == []


def test_cancel(owner, test_key):
    job_id = submit(test_key, prompt="test:slow")["id"]
    Client().post(f"/api/v1/jobs/{job_id}/cancel", content_type="application/json", headers=test_key)
    assert read(test_key, job_id)["code"] == "canceled"
    assert reconciliation.findings() == []


def test_slow_waits_in_line(owner, test_key):
    job_id = submit(test_key, prompt="test:slow")["id"]
    quick = submit(test_key)["id"]
    assert execute.give_sample()
    assert not execute.give_sample()
    assert (read(test_key, quick)["status"], read(test_key, job_id)["status"]) == ("completed", "processing")
    promised = Outbox.objects.get(job=job_id).due_at - timezone.now()
    assert timedelta(seconds=15) < promised <= trials.SLOW_FOR
    Job.objects.filter(pk=job_id).update(not_before=timezone.now())
    assert execute.give_sample()
    assert read(test_key, job_id)["status"] == "completed"


def test_a_word_that_is_none_is_refused(owner, test_key):
    [field] = submit(test_key, prompt="test:fial", status=422)["fields"]
    assert (field["field"], field["code"]) == ("formState.prompt", "not_a_choice")
    assert "test:fail" in field["message"]


def test_parameters_are_checked_as_ever(owner, test_key):
    assert submit(test_key, provider="nobody", status=422)["fields"][0]["field"] == "provider"


def test_an_idempotency_key_of_a_test_is_not_that_of_a_live_job(owner, test_key):
    once = {"Idempotency-Key": "order-1"}
    test = submit({**test_key, **once})["id"]
    assert submit({**test_key, **once})["id"] == test
    live = submit({**owner.headers, **once})["id"]
    assert live != test
    assert not Job.objects.get(pk=live).is_test


def test_the_default_webhook_is_told_of_no_test(owner, test_key):
    url = "http://localhost:9/production"
    queue.set_default(
        team=owner.team, actor=owner.membership, url=url, browser_jobs=True, who=audit.UNRECORDED
    )
    assert Job.objects.get(pk=submit(test_key)["id"]).webhook == ""
    assert Job.objects.get(pk=submit(test_key, webhook=url)["id"]).webhook == url
    key = ApiKey.objects.get(is_test=True)
    assert queue.default_url(owner.team, key) == ""  # as read without the API


def test_webhook_twice(owner, test_key, httpserver):
    httpserver.expect_request("/hook").respond_with_data("")
    job_id = submit(test_key, prompt="test:webhook-twice", webhook=httpserver.url_for("/hook"))["id"]
    assert execute.give_sample()
    assert deliver.deliver_due() == 2
    first, second = (request for request, _answer in httpserver.log)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.data == second.data
    assert first.json == read(test_key, job_id)
    assert WebhookDelivery.objects.get(job=job_id).state == "delivered"


def test_webhook_first(owner, test_key, httpserver):
    """The worker runs beside the submit here, as it does on a site."""
    arrived = []
    httpserver.expect_request("/hook").respond_with_handler(
        lambda request: arrived.append(time.monotonic()) or _ok()
    )
    done = threading.Event()

    def work():
        try:
            while not done.wait(0.02):
                execute.give_sample()
                deliver.deliver_due()
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        submit(test_key, prompt="test:webhook-first", webhook=httpserver.url_for("/hook"))
        answered = time.monotonic()
    finally:
        done.set()
        worker.join()
    assert arrived
    assert arrived[0] < answered


def _ok():
    from werkzeug import Response

    return Response("")


def held_back(key, **more) -> Job:
    """A test that is accepted, whose answer is not given yet."""
    values = {**VALUES, "prompt": "test:webhook-first"}
    state = form_state.build(catalog.get("lipsync-image"), values)
    return service.submit(team=key.team, actor=key, form_state=state, **more)


def test_an_answer_is_held_until_the_webhook_was_sent_or_so_long(owner, test_key, httpserver):
    httpserver.expect_request("/hook").respond_with_data("")
    key = ApiKey.objects.get(is_test=True)
    job = held_back(key, webhook=httpserver.url_for("/hook"))
    assert not trials.hold_answer(job, at_most=0.1)
    assert execute.give_sample()
    assert deliver.deliver_due() == 1
    assert trials.hold_answer(job, at_most=60.0)
    assert not trials.hold_answer(held_back(key))  # it has no webhook


def test_two_answers_are_held_and_no_third(owner, test_key):
    """Whatever is held is let go by its webhook alone, so that the third returns while two are held or not at all."""
    job = held_back(ApiKey.objects.get(is_test=True), webhook="http://localhost:9/hook")
    found = []

    def hold():
        try:
            found.append(trials.hold_answer(job, at_most=60.0))
        finally:
            connection.close()

    threads = [threading.Thread(target=hold) for _number in range(3)]
    for thread in threads:
        thread.start()
    while len(found) < 1:
        threads[0].join(0.01)
    assert found == [False]
    assert execute.give_sample()
    deliver.deliver_due()
    for thread in threads:
        thread.join()
    assert sorted(found) == [False, True, True]


def test_the_worker_that_gives_samples_is_nudged(owner, test_key):
    waiting("light")
    submit(test_key)
    assert waiting("light") == ["jobs.tasks.give_samples"]


def test_a_lost_worker_is_made_good(owner, test_key):
    job_id = submit(test_key)["id"]
    assert lifecycle.claim_to_sample()
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert lifecycle.requeue_expired() == 1
    assert execute.give_sample()
    assert [event.verb for event in JobEvent.objects.filter(job=job_id)] == [
        "submit",
        "claim",
        "requeue",
        "claim",
        "succeed",
    ]


def test_expiry_of_one_test_leaves_the_sample_of_the_others(owner, test_key):
    first, second = submit(test_key)["id"], submit(test_key)["id"]
    while execute.give_sample():
        pass
    Job.objects.filter(pk=first).update(expires_at=timezone.now() - timedelta(seconds=1))
    media.expire()
    assert download(test_key, first) == (404, None)
    assert download(test_key, second) == (200, video())


def test_history_marks_it(owner, test_key):
    live, test = submit(owner.headers)["id"], submit(test_key)["id"]
    for job_id, marked in ((live, False), (test, True)):
        page = owner.client.get(f"/jobs/{job_id}").content.decode()
        assert ('badge--plain">Test<' in page) is marked
    page = owner.client.get(reverse("history")).content.decode()
    assert page.count('badge--plain">Test<') == page.count("free: a test") == 1


def test_sample_line_holds_up_no_other(owner, test_key):
    submit(test_key)
    live = submit(owner.headers)["id"]
    assert lifecycle.claim_to_fetch().job_id.hex == live.replace("-", "")
    assert Job.objects.get(is_test=True).state == State.QUEUED


def test_each_kind_of_key_sees_its_own_jobs(owner, test_key):
    live, test = submit(owner.headers)["id"], submit(test_key)["id"]
    for headers, seen, other in ((owner.headers, live, test), (test_key, test, live)):
        assert read(headers, seen)["id"] == seen
        assert read(headers, other)["code"] == "not_found"
        page = Client().get("/api/v1/jobs", headers=headers).json()
        assert [job["id"] for job in page["jobs"]] == [seen]
    url = f"/api/v1/jobs/{live}/cancel"
    assert Client().post(url, content_type="application/json", headers=test_key).status_code == 404


@pytest.mark.parametrize("path", ["webhooks/deliveries", "balance", "usage"])
def test_a_test_key_learns_nothing_of_live_jobs_and_their_credits(owner, test_key, path):
    assert Client().get(f"/api/v1/{path}", headers=owner.headers).status_code == 200
    refused = Client().get(f"/api/v1/{path}", headers=test_key)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_a_test_key_knows_itself(owner, test_key):
    assert Client().get("/api/v1/key", headers=test_key).json()["test"] is True
