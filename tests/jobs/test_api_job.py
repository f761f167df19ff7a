"""GET /api/v1/jobs/{requestId}."""

import uuid

import pytest

from jobs import wire
from jobs.models import Job
from tests.jobs.making import make_job

pytestmark = pytest.mark.django_db

SEVEN = ["id", "model", "status", "output", "error", "executionTime", "timings"]


def test_a_new_job_has_the_seven_fields_of_processing(client, owner):
    job = make_job(owner)
    document = client.get(f"/api/v1/jobs/{job.pk}", headers=owner.headers).json()
    assert list(document)[:7] == SEVEN
    assert {name: document[name] for name in SEVEN} == {
        "id": str(job.pk),
        "model": "lipsync-image",
        "status": "processing",
        "output": None,
        "error": "",
        "executionTime": None,
        "timings": None,
    }
    assert document == wire.job_document(Job.objects.get(pk=job.pk))


def test_a_teammates_key_reads_it(client, owner, teammate):
    assert client.get(f"/api/v1/jobs/{make_job(owner).pk}", headers=teammate.headers).status_code == 200


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_strangers_key_gets_404_as_if_it_were_not_there(client, owner, stranger, slash):
    theirs = client.get(f"/api/v1/jobs/{make_job(owner).pk}{slash}", headers=stranger.headers)
    absent = client.get(f"/api/v1/jobs/{uuid.uuid4()}{slash}", headers=stranger.headers)
    assert theirs.status_code == absent.status_code == 404
    assert theirs.content == absent.content


@pytest.mark.parametrize("name", ["x", "1", "..%2f", "%00"])
def test_a_name_that_is_no_id_is_404(client, owner, name):
    response = client.get(f"/api/v1/jobs/{name}", headers=owner.headers)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_a_read_takes_two_queries(client, owner, django_assert_max_num_queries):
    job = make_job(owner)
    client.get(f"/api/v1/jobs/{job.pk}", headers=owner.headers)
    with django_assert_max_num_queries(2):
        client.get(f"/api/v1/jobs/{job.pk}", headers=owner.headers)
