"""Webhooks over the API: the list, one with its attempts, sending again, and tests."""

import re
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_httpserver import HTTPServer

from accounts import audit
from jobs.api.webhook_schema import COMPONENTS
from jobs.models import DeliveryAttempt, WebhookDelivery
from jobs.webhooks import answers, deliver, deliveries, queue
from tests.jobs.receiving import ended

pytestmark = pytest.mark.django_db
BASE = "/api/v1/webhooks"
HOOK = "http://localhost:9/hook"


def get(client, actor, path="/deliveries", **query):
    return client.get(BASE + path, query, headers=actor.headers)


def post(client, actor, path, body=b""):
    return client.post(BASE + path, body, content_type="application/json", headers=actor.headers)


def failed(actor, httpserver: HTTPServer) -> WebhookDelivery:
    """One that was answered 410."""
    httpserver.expect_ordered_request("/hook").respond_with_data("<gone>", status=410)
    delivery = ended(actor, httpserver.url_for("/hook"))
    deliver.deliver_due()
    delivery.refresh_from_db()
    return delivery


def test_documents_are_what_the_schema_says(owner, client, httpserver):
    delivery = failed(owner, httpserver)
    [listed] = get(client, owner).json()["deliveries"]
    assert list(listed) == COMPONENTS["Delivery"]["required"]
    assert listed == {
        "id": str(delivery.pk),
        "webhookId": delivery.message_id,
        "jobId": str(delivery.job_id),
        "url": delivery.url,
        "status": "failed",
        "attempts": 1,
        "lastAttemptAt": delivery.tried_at.isoformat(),
        "nextAttemptAt": None,
        "createdAt": delivery.created_at.isoformat(),
    }
    document = get(client, owner, f"/deliveries/{delivery.pk}").json()
    assert list(document) == COMPONENTS["DeliveryLog"]["required"]
    [attempt] = document.pop("log")
    assert document == listed
    assert list(attempt) == COMPONENTS["DeliveryAttempt"]["required"]
    assert (attempt["number"], attempt["status"], attempt["code"]) == (1, 410, "gone")
    assert (attempt["answer"], attempt["nextAttemptAt"]) == ("<gone>", None)
    assert attempt["code"] in answers.CODES


def test_attempt_under_way_has_no_duration_yet(owner, client):
    delivery = ended(owner, HOOK)
    assert get(client, owner, f"/deliveries/{delivery.pk}").json()["log"] == []
    deliver.claim_next()
    [attempt] = get(client, owner, f"/deliveries/{delivery.pk}").json()["log"]
    assert (attempt["durationMs"], attempt["status"]) == (None, None)


def test_of_very_many_attempts_the_newest_are_shown_the_oldest_of_them_first(owner, client):
    delivery, other = ended(owner, HOOK), ended(owner, HOOK)
    numbers = range(1, deliveries.LOG_SHOWN + 4)
    for each in (delivery, other):
        DeliveryAttempt.objects.bulk_create(
            DeliveryAttempt(delivery=each, number=number, duration_ms=1, status=500 + number)
            for number in numbers
        )
    WebhookDelivery.objects.update(attempts=numbers[-1])
    newest = list(numbers[3:])
    document = get(client, owner, f"/deliveries/{delivery.pk}").json()
    assert (document["attempts"], [each["number"] for each in document["log"]]) == (numbers[-1], newest)
    for page in (f"/webhooks/deliveries/{delivery.pk}", f"/jobs/{delivery.job_id}"):
        text = owner.client.get(page).content.decode()
        assert re.findall(r"Answered (\d+)", text) == [str(500 + number) for number in newest], page


def test_list_is_filtered_and_paged(owner, client, httpserver):
    gone = failed(owner, httpserver)
    waiting = [ended(owner, HOOK) for _ in range(3)]
    assert [each["id"] for each in get(client, owner, status="failed").json()["deliveries"]] == [str(gone.pk)]
    first = get(client, owner, limit=3).json()
    second = get(client, owner, limit=3, cursor=first["nextCursor"]).json()
    ids = [each["id"] for each in first["deliveries"] + second["deliveries"]]
    assert ids == [str(each.pk) for each in [*reversed(waiting), gone]]
    assert second["nextCursor"] is None


@pytest.mark.parametrize(
    "query", [{"status": "due"}, {"limit": "0"}, {"limit": "101"}, {"cursor": "x"}, {"page": "2"}]
)
def test_query_that_does_not_fit_is_refused(owner, client, query):
    answer = get(client, owner, **query)
    assert answer.status_code == 422
    assert [field["field"] for field in answer.json()["fields"]] == list(query)


def test_nothing_of_another_team_is_reachable(owner, stranger, client, httpserver):
    delivery = failed(owner, httpserver)
    assert get(client, stranger).json()["deliveries"] == []
    assert get(client, stranger, f"/deliveries/{delivery.pk}").status_code == 404
    assert post(client, stranger, f"/deliveries/{delivery.pk}/replay").status_code == 404
    since = (timezone.now() - timedelta(hours=1)).isoformat()
    assert post(client, stranger, "/replay", {"since": since}).json() == {"replayed": 0}
    for path in (f"/deliveries/{uuid.uuid4()}", "/deliveries/x"):
        assert get(client, owner, path).status_code == 404
    delivery.refresh_from_db()
    assert delivery.state == "exhausted"


@pytest.mark.parametrize("path", ["/deliveries", f"/deliveries/{uuid.UUID(int=1)}"])
def test_no_key_no_answer(client, path):
    assert client.get(BASE + path).status_code == 401


def test_one_is_sent_again(owner, client, httpserver):
    delivery = failed(owner, httpserver)
    httpserver.expect_ordered_request("/hook").respond_with_data("yes")
    answer = post(client, owner, f"/deliveries/{delivery.pk}/replay")
    assert (answer.status_code, answer.json()["status"]) == (202, "waiting")
    deliver.deliver_due()
    document = get(client, owner, f"/deliveries/{delivery.pk}").json()
    assert (document["status"], document["attempts"]) == ("delivered", 2)
    assert [each["status"] for each in document["log"]] == [410, 200]


def test_one_that_cannot_be_sent_again_says_why(owner, client, settings):
    delivery = ended(owner, HOOK)
    deliver.claim_next()
    answer = post(client, owner, f"/deliveries/{delivery.pk}/replay")
    assert (answer.status_code, answer.json()["code"]) == (409, "being_sent")
    old = timezone.now() - timedelta(days=settings.WEBHOOK_LOG_DAYS, minutes=1)
    WebhookDelivery.objects.update(created_at=old, held_until=None)
    answer = post(client, owner, f"/deliveries/{delivery.pk}/replay")
    assert (answer.status_code, answer.json()["code"]) == (409, "too_old")
    WebhookDelivery.objects.update(created_at=timezone.now(), attempts=queue.MOST_ATTEMPTS)
    answer = post(client, owner, f"/deliveries/{delivery.pk}/replay")
    assert (answer.status_code, answer.json()["code"]) == (409, "sent_too_often")


@pytest.mark.parametrize("ago", [timedelta(hours=1), timedelta(hours=-1)])
def test_all_failed_since_a_time_are_sent_again(owner, client, httpserver, ago):
    delivery = failed(owner, httpserver)
    answer = post(client, owner, "/replay", {"since": (timezone.now() - ago).isoformat()})
    assert answer.status_code == 202
    assert answer.json() == {"replayed": 1 if ago > timedelta() else 0}
    delivery.refresh_from_db()
    assert (delivery.state == "due") == (ago > timedelta())


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "required"),
        ({"since": None}, "required"),
        ({"since": ""}, "required"),
        ({"since": 5}, "wrong_type"),
        ({"since": "yesterday"}, "invalid"),
        ({"since": "2026-11-22T06:00:00"}, "invalid"),
        ({"since": "0001-01-01T00:00:00+23:59"}, "invalid"),
        ({"since": "2026-11-22T06:00:00Z", "until": "now"}, "unknown_field"),
    ],
)
def test_a_time_that_is_none_is_refused(owner, client, body, code):
    answer = post(client, owner, "/replay", body)
    assert answer.status_code == 422
    assert answer.json()["fields"][0]["code"] == code


def test_test_goes_to_the_named_or_the_default_address(owner, client):
    answer = post(client, owner, "/test", {})
    assert answer.status_code == 422
    queue.set_default(
        team=owner.team, actor=owner.membership, url=HOOK, browser_jobs=False, who=audit.UNRECORDED
    )
    for body, url in (
        ({}, HOOK),
        ({"url": None}, HOOK),
        ({"url": "http://localhost:9/other"}, "http://localhost:9/other"),
    ):
        answer = post(client, owner, "/test", body)
        assert answer.status_code == 202
        document = answer.json()
        assert (document["url"], document["jobId"], document["status"]) == (url, None, "waiting")


def test_tests_are_bounded_and_say_when_to_come_back(owner, client):
    for _ in range(queue.TESTS_A_MINUTE):
        assert post(client, owner, "/test", {"url": HOOK}).status_code == 202
    answer = post(client, owner, "/test", {"url": HOOK})
    assert (answer.status_code, answer["Retry-After"]) == (429, "60")
    sent = WebhookDelivery.objects.first()
    answer = post(client, owner, f"/deliveries/{sent.pk}/replay")
    assert (answer.status_code, answer["Retry-After"]) == (429, "60")


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:22/", "https://10.0.0.1/", "ftp://example.com/", 5, "x" * 9000]
)
def test_test_goes_nowhere_that_a_webhook_would_not(owner, client, settings, url):
    settings.OUTBOUND_ALLOW_LOOPBACK = False
    answer = post(client, owner, "/test", {"url": url})
    assert answer.status_code == 422
    assert answer.json()["fields"][0]["field"] == "url"
    assert not WebhookDelivery.objects.exists()


def test_reading_takes_few_queries(owner, client, django_assert_max_num_queries):
    for _ in range(3):
        delivery = ended(owner, HOOK)
        deliver.claim_next()
    get(client, owner)
    with django_assert_max_num_queries(2):
        get(client, owner)
    with django_assert_max_num_queries(3):
        get(client, owner, f"/deliveries/{delivery.pk}")
