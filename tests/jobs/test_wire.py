"""The job document: the same from polling and by webhook, fixed once the job has ended."""

import pytest

from jobs import lifecycle, wire
from jobs.models import Job
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
