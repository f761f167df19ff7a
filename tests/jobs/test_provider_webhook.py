"""POST /webhooks/provider/<token>: F1 to F6."""

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection as database
from django.test import Client
from django.utils import timezone

from accounts import ledger
from accounts.teams import new_webhook_secret
from jobs import lifecycle, reconciliation, remote
from jobs.models import Connection, InboundWebhook, Job, JobEvent
from tests.jobs.remotely import Upstream, attend, connect, processing, remote_job, signed

pytestmark = pytest.mark.django_db(transaction=True)

SECRET, OLD_SECRET = new_webhook_secret(), new_webhook_secret()


@pytest.fixture
def upstream(httpserver):
    return Upstream(httpserver)


@pytest.fixture
def job(owner, upstream, httpserver) -> Job:
    """A job that a signing server has accepted."""
    connect(httpserver, secrets=[SECRET, OLD_SECRET])
    return sent(remote_job(owner))


def sent(job):
    remote.send_due()
    return Job.objects.get(pk=job.pk)


def call(job, document, *, secret=SECRET, client=None, slash="", **how):
    body, headers = signed(secret, document, **how)
    url = f"/webhooks/provider/{job.callback_token}{slash}"
    return (client or Client()).post(url, body, content_type="application/json", headers=headers)


def fresh(job):
    return Job.objects.get(pk=job.pk)


def charges(job):
    return JobEvent.objects.filter(job=job, verb="succeed").count(), 1000 - available(job)


def available(job):
    return ledger.balances(job.team).api.available


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_signed_call_ends_the_job_without_a_question(job, upstream, slash):
    assert call(job, upstream.complete(), slash=slash).status_code == 200
    attend(job)
    ended = fresh(job)
    assert (ended.state, ended.execution_ms, ended.timings) == ("completed", 4321, {"render": 4000})
    assert (ended.width, ended.height, ended.charged) == (64, 48, 12)
    assert upstream.questions == []
    assert reconciliation.findings() == []


def test_the_result_is_kept_here(job, upstream, client, httpserver):
    call(job, upstream.complete())
    attend(job)
    httpserver.clear()
    url = fresh(job).output_url.removeprefix("http://localhost:8000")
    content = b"".join(client.get(url).streaming_content)
    assert content[4:8] == b"ftyp"
    assert len(content) == fresh(job).output_bytes


def test_a_failure_there_fails_here_and_gives_back(job, upstream):
    call(job, upstream.fail("Invalid audio format"))
    attend(job)
    assert (fresh(job).state, fresh(job).error) == ("failed", "farm: Invalid audio format")
    assert available(job) == 1000


def test_f1_the_same_call_twice_at_once_is_one_transition_and_one_charge(job, upstream):
    document = upstream.complete()
    barrier = threading.Barrier(4)
    statuses = []

    def deliver():
        barrier.wait()
        statuses.append(call(job, document).status_code)
        attend(job)
        database.close()

    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 4
    assert InboundWebhook.objects.count() == 1
    assert charges(job) == (1, 12)
    assert len(list((remote.settings.MEDIA_ROOT / "results" / str(job.pk)).glob("*.mp4"))) == 1


def test_f2_a_call_before_the_submits_answer_is_kept_and_matched(owner, upstream, httpserver):
    connect(httpserver, secrets=[SECRET])
    job = remote_job(owner)

    def answer_late(request):
        """The webhook leaves before the answer to the submit does."""
        response = upstream.accept("early")
        assert call(fresh(job), upstream.complete()).status_code == 200
        assert fresh(job).state == "running"
        return response

    upstream.on_submit = answer_late
    remote.send_due()
    attend(job)
    assert (fresh(job).state, upstream.questions) == ("completed", [])


def test_f4_the_first_terminal_word_stays(job, upstream):
    completed = upstream.complete()
    call(job, completed, message_id="a")
    call(job, upstream.fail(), message_id="b")
    call(job, processing(upstream.only_id), message_id="c")
    attend(job)
    assert fresh(job).state == "completed"
    call(job, upstream.fail(), message_id="d")
    attend(job)
    assert fresh(job).state == "completed"
    assert charges(job) == (1, 12)


def test_f5_an_unknown_address_reveals_nothing(job, upstream, client):
    document = upstream.complete()
    for token in ["nothing", str(job.pk), job.external_id, job.callback_token + "x", "%00"]:
        answer = client.post(f"/webhooks/provider/{token}", document, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert fresh(job).remote_document is None


def test_f5_a_call_about_another_job_has_no_effect(job, upstream):
    other = {**upstream.complete(), "id": "another-job"}
    assert call(job, other).status_code == 200
    attend(job)
    assert (fresh(job).state, fresh(job).remote_document) == ("waiting", None)


class TestF6Signatures:
    @pytest.mark.parametrize(
        "how",
        [
            {"secret": new_webhook_secret()},
            {"at": datetime.now(UTC) - timedelta(seconds=330)},
            {"at": datetime.now(UTC) + timedelta(minutes=30)},
        ],
        ids=["wrong secret", "old", "future"],
    )
    def test_one_that_does_not_fit_is_401_without_effect(self, job, upstream, how):
        answer = call(job, upstream.complete(), **how)
        assert (answer.status_code, answer.json()["code"]) == (401, "bad_signature")
        assert fresh(job).remote_document is None
        assert not InboundWebhook.objects.exists()

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"webhook-signature": "v1,AAAA"},
            {"webhook-signature": "\u00e9"},
            {"webhook-timestamp": "soon"},
            {"webhook-timestamp": "9" * 400},
            {"webhook-signature": "v1,*** v2,x ,"},
            {"webhook-id": ""},
        ],
    )
    def test_garbage_is_401_and_never_a_500(self, job, upstream, headers, client):
        body, good = signed(SECRET, upstream.complete())
        sent_headers = {**good, **headers} if headers else {}
        url = f"/webhooks/provider/{job.callback_token}"
        answer = client.post(url, body, content_type="application/json", headers=sent_headers)
        assert answer.status_code == 401

    def test_a_changed_body_is_401(self, job, upstream, client):
        body, headers = signed(SECRET, upstream.complete())
        url = f"/webhooks/provider/{job.callback_token}"
        answer = client.post(url, body + " ", content_type="application/json", headers=headers)
        assert answer.status_code == 401

    def test_the_secret_that_is_rotated_out_is_accepted_while_it_is_kept(self, job, upstream):
        assert call(job, upstream.complete(), secret=OLD_SECRET).status_code == 200
        connection = Connection.objects.get()
        connection.set_secrets([SECRET])
        connection.save()
        assert call(job, upstream.complete(), secret=OLD_SECRET, message_id="later").status_code == 401


class TestF6WithoutASecret:
    @pytest.fixture
    def job(self, owner, upstream, httpserver):
        connect(httpserver)
        return sent(remote_job(owner))

    def nudge(self, job, document):
        url = f"/webhooks/provider/{job.callback_token}"
        return Client().post(url, json.dumps(document), content_type="application/json")

    def test_a_call_is_a_reason_to_ask_and_nothing_more(self, job, upstream):
        forged = {**processing(upstream.only_id), "status": "failed", "error": "forged"}
        assert self.nudge(job, forged).status_code == 202
        attend(job)
        assert upstream.questions == [job.external_id]
        assert fresh(job).state == "waiting"

    def test_a_true_one_ends_the_job_at_once(self, job, upstream):
        assert self.nudge(job, upstream.complete()).status_code == 202
        attend(job)
        assert fresh(job).state == "completed"

    def test_many_calls_are_one_question_in_five_seconds(self, job, upstream):
        for number in range(20):
            assert self.nudge(job, {"n": number}).status_code == 202
            attend(job)
        assert len(upstream.questions) == 1
        soon = (fresh(job).next_poll_at - fresh(job).asked_at).total_seconds()
        assert soon == pytest.approx(5, abs=0.1)  # the last of them is not forgotten
        Job.objects.update(asked_at=timezone.now() - timedelta(seconds=6))
        self.nudge(job, {})
        attend(job)
        assert len(upstream.questions) == 2


@pytest.mark.parametrize(
    ("body", "is_json"),
    [
        ("", False),
        ("[]", True),
        ("{", False),
        ("null", True),
        ('{"id": 5}', True),
        ("\x00", False),
        ("[" * 50_000, False),
    ],
)
def test_a_signed_body_that_is_no_job_has_no_effect(job, body, is_json, client):
    from standardwebhooks import Webhook

    at = datetime.now(UTC)
    headers = {
        "webhook-id": "m",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("m", at, body),
    }
    url = f"/webhooks/provider/{job.callback_token}"
    answer = client.post(url, body, content_type="application/json", headers=headers)
    assert answer.status_code == (200 if is_json else 401)  # the library refuses what is not JSON
    assert fresh(job).remote_document is None


def test_a_body_beyond_64_kb_is_413(job, client):
    url = f"/webhooks/provider/{job.callback_token}"
    assert client.post(url, "x" * 65_537, content_type="application/json").status_code == 413


def test_a_length_that_is_no_number_is_400(job, client):
    url = f"/webhooks/provider/{job.callback_token}"
    answer = client.post(url, "{}", content_type="application/json", CONTENT_LENGTH="x")
    assert answer.status_code == 400


def test_secrets_that_cannot_be_read_are_503_so_that_it_calls_again(job, upstream, settings):
    settings.ENCRYPTION_KEYS = ["another key than the one that wrote them"]
    assert call(job, upstream.complete()).status_code == 503
    settings.ENCRYPTION_KEYS = []
    assert call(job, upstream.complete()).status_code == 200


@pytest.mark.parametrize("poison", ["a\0b", "\ud800", float("nan"), float("inf")])
def test_text_and_numbers_that_no_database_keeps_do_no_harm(job, upstream, poison):
    document = {**upstream.fail("x"), "error": poison, "timings": {"a": poison}}
    assert call(job, document).status_code == 200
    attend(job)
    assert fresh(job).state in ("failed", "waiting")
    attend(job)


def test_calls_are_kept_while_somebody_may_read_them(job, upstream):
    for number in range(60):
        call(job, processing(upstream.only_id), message_id=f"m{number}")
    assert InboundWebhook.objects.count() == 50
    lifecycle.cancel(job.pk)
    InboundWebhook.objects.all().delete()
    assert call(job, upstream.complete(), message_id="late").status_code == 200
    assert not InboundWebhook.objects.exists()


def test_a_repeat_is_believed_when_whoever_kept_the_first_died(job, upstream):
    document = upstream.complete()
    call(job, document)
    Job.objects.filter(pk=job.pk).update(remote_document=None)
    call(job, document)
    assert attend(job).state == "completed"


def test_other_methods_are_405(job, client):
    answer = client.get(f"/webhooks/provider/{job.callback_token}")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_a_call_needs_no_csrf_token_and_no_session(job, upstream):
    strict = Client(enforce_csrf_checks=True)
    assert call(job, upstream.complete(), client=strict).status_code == 200


def test_a_call_after_a_cancel_changes_nothing(job, upstream):
    lifecycle.cancel(job.pk)
    assert call(job, upstream.complete()).status_code == 200
    attend(job)
    assert fresh(job).state == "canceled"
    assert available(job) == 1000
