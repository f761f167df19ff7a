"""Webhooks out, to a real receiver on loopback."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook

from accounts.teams import webhook_secret
from jobs import lifecycle, wire
from jobs.models import Job, WebhookDelivery
from jobs.webhooks import deliver
from tests.jobs.making import claim, make_job, result

pytestmark = pytest.mark.django_db


def ended(owner, url, *, completed=True) -> WebhookDelivery:
    job = make_job(owner, webhook=url)
    held = claim(job)
    if completed:
        lifecycle.succeed(held, result(job))
    else:
        lifecycle.fail(job.pk, code="no_face", sentence="There is no face in the picture.")
    return WebhookDelivery.objects.get(job=job)


def make_due(delivery):
    WebhookDelivery.objects.filter(pk=delivery.pk).update(due_at=timezone.now() - timedelta(seconds=1))


def waits(delivery) -> float:
    """Seconds until the next try."""
    delivery.refresh_from_db()
    return (delivery.due_at - timezone.now()).total_seconds()


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
    assert delivery.state == "delivered"
    assert [(each.number, each.status, each.answer) for each in delivery.log.all()] == [(1, 200, "thanks")]
    assert deliver.deliver_due() == 0


def test_a_failure_is_retried_by_the_schedule(owner, httpserver: HTTPServer):
    httpserver.expect_request("/hook").respond_with_data("no", status=500)
    delivery = ended(owner, httpserver.url_for("/hook"))
    for wait in deliver.RETRY_AFTER:
        make_due(delivery)
        assert deliver.deliver_due() == 1
        assert waits(delivery) == pytest.approx(wait.total_seconds(), rel=0.11, abs=1)
        assert delivery.state == "due"
    make_due(delivery)
    deliver.deliver_due()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("exhausted", 10)
    make_due(delivery)
    assert deliver.deliver_due() == 0
    assert {request.headers["webhook-id"] for request, _ in httpserver.log} == {delivery.message_id}


def test_a_team_whose_receivers_never_answer_delays_no_other(owner, stranger, httpserver: HTTPServer):
    httpserver.expect_request("/hook").respond_with_data("thanks")
    for port in (1, 2, 3):
        ended(owner, f"http://localhost:{port}/hook")
    slow = next(deliver._claim_due(1))
    theirs = ended(stranger, httpserver.url_for("/hook"))
    assert deliver.deliver_due() == 1
    theirs.refresh_from_db()
    assert theirs.state == "delivered"
    assert slow.job.team == owner.team


@pytest.mark.parametrize("status", [404, 429, 503])
def test_retry_after_is_honoured_when_it_is_longer(owner, httpserver: HTTPServer, status):
    httpserver.expect_request("/hook").respond_with_data("", status=status, headers={"Retry-After": "600"})
    delivery = ended(owner, httpserver.url_for("/hook"))
    deliver.deliver_due()
    assert waits(delivery) == pytest.approx(600, abs=2)


def test_gone_ends_it(owner, httpserver: HTTPServer):
    httpserver.expect_request("/hook").respond_with_data("", status=410)
    delivery = ended(owner, httpserver.url_for("/hook"))
    deliver.deliver_due()
    delivery.refresh_from_db()
    assert delivery.state == "exhausted"


def test_a_redirect_is_a_failure_that_names_its_target(owner, httpserver: HTTPServer):
    target = httpserver.url_for("/elsewhere")
    httpserver.expect_request("/hook").respond_with_data("", status=302, headers={"Location": target})
    delivery = ended(owner, httpserver.url_for("/hook"))
    deliver.deliver_due()
    delivery.refresh_from_db()
    attempt = delivery.log.get()
    assert (delivery.state, attempt.status) == ("due", 302)
    assert target in attempt.error
    assert len(httpserver.log) == 1


def test_nobody_there_is_a_failure_with_a_sentence(owner, unused_port):
    delivery = ended(owner, f"http://localhost:{unused_port}/hook")
    deliver.deliver_due()
    attempt = delivery.log.get()
    assert (attempt.status, bool(attempt.error)) == (None, True)


def test_an_answer_with_any_bytes_is_kept_readable(owner, httpserver: HTTPServer):
    httpserver.expect_request("/hook").respond_with_data(b"\x00\xff" * 5000)
    delivery = ended(owner, httpserver.url_for("/hook"))
    deliver.deliver_due()
    assert len(delivery.log.get().answer) == deliver.ANSWER_KEPT


def test_a_delivery_in_hand_is_not_tried_by_another_worker(owner, httpserver: HTTPServer):
    seen = []

    def handler(request):
        from werkzeug import Response

        seen.append(request)
        return Response("ok")

    httpserver.expect_request("/hook").respond_with_handler(handler)
    ended(owner, httpserver.url_for("/hook"))
    first = next(deliver._claim_due(20))
    assert deliver.deliver_due() == 0
    deliver._conclude(first, deliver._post(first))
    assert len(seen) == 1
