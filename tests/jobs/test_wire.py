"""The job document: the same from polling and by webhook, fixed once the job has ended."""

import json

import pytest

from jobs import lifecycle, wire
from jobs.models import Job, WebhookDelivery
from jobs.webhooks import message
from tests.jobs.making import claim, make_job, result

pytestmark = pytest.mark.django_db


def document(job):
    return wire.job_document(Job.objects.get(pk=job.pk))


def test_completed(owner):
    job = make_job(owner, seed=7)
    held = claim(job)
    lifecycle.succeed(held, result(job))
    found = document(job)
    assert found["status"] == "completed"
    assert found["output"] == f"http://localhost:8000/files/{job.pk}/token.mp4"
    assert found["error"] == ""
    assert type(found["executionTime"]) is int
    assert found["timings"] == {"warp": 12}
    assert (found["credits"], found["seed"], found["progress"]) == (10, 7, 100)
    assert found == document(job)


def test_failed(owner):
    job = make_job(owner)
    lifecycle.fail(job.pk, code="no_face", sentence="There is no face in the picture.")
    found = document(job)
    assert (found["status"], found["error"], found["code"]) == (
        "failed",
        "There is no face in the picture.",
        "no_face",
    )
    assert found["output"] is found["executionTime"] is found["timings"] is None
    assert found["credits"] == 0


def test_canceled_is_failed_with_the_error_canceled(owner):
    job = make_job(owner)
    lifecycle.cancel(job.pk)
    assert (document(job)["status"], document(job)["error"]) == ("failed", "Canceled")


def test_the_seed_that_is_used_is_recorded_from_the_start(owner):
    assert document(make_job(owner, seed=0))["seed"] == 0
    assert document(make_job(owner, seed=-1))["seed"] >= 0
    assert document(make_job(owner))["seed"] >= 0


def test_webhook_and_poll_are_one_document_with_reference_and_metadata(client, owner):
    metadata = {"customer": 17, "π": [1.5, None, "ё"]}
    job = make_job(owner, webhook="http://localhost:9/hook")
    Job.objects.filter(pk=job.pk).update(reference="order №42", metadata=metadata)
    lifecycle.succeed(claim(job), result(job))
    polled = client.get(f"/api/v1/jobs/{job.pk}", headers=owner.headers).json()
    assert (polled["reference"], polled["metadata"]) == ("order №42", metadata)
    assert json.loads(message.body(WebhookDelivery.objects.get(job=job))) == polled
