"""Finished videos by their signed address."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from jobs import lifecycle, media
from jobs.models import Job
from tests.jobs.making import claim, make_job, result

pytestmark = pytest.mark.django_db

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def job(owner) -> Job:
    job = make_job(owner)
    held = claim(job)
    name = default_storage.save(f"results/{job.pk}/1.mp4", ContentFile(CONTENT))
    lifecycle.succeed(held, result(job, file=name, sha256="ab" * 32))
    return Job.objects.get(pk=job.pk)


def address(job, token="token"):
    return f"/files/{job.pk}/{token}.mp4"


def body(response):
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_the_whole_file_with_a_sensible_name(client, job):
    response = client.get(address(job))
    assert (response.status_code, body(response)) == (200, CONTENT)
    assert response["Content-Type"] == "video/mp4"
    assert response["Accept-Ranges"] == "bytes"
    assert response["Content-Length"] == str(len(CONTENT))
    assert response["Content-Disposition"] == f'inline; filename="face-voice-{str(job.pk)[:8]}.mp4"'
    assert response["X-Content-Type-Options"] == "nosniff"
    download = client.get(address(job) + "?download=1")
    assert download["Content-Disposition"].startswith("attachment;")
    assert body(download) == CONTENT


def test_a_name_in_another_script_is_kept(client, job):
    job.form_state["label"] = "Привет! Как дела…-voice"
    job.save()
    name = quote(f"привет-как-дела-voice-{str(job.pk)[:8]}.mp4")
    response = client.get(address(job))
    assert response["Content-Disposition"] == f"inline; filename*=utf-8''{name}"
    assert body(response) == CONTENT


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-", 0, len(CONTENT)),
        ("bytes=0-1", 0, 2),
        ("bytes=100-199", 100, 200),
        ("bytes=10000-99999999", 10000, len(CONTENT)),
        ("bytes=-5", len(CONTENT) - 5, len(CONTENT)),
        ("bytes=-99999999", 0, len(CONTENT)),
    ],
)
def test_a_range_is_answered_with_206(client, job, asked, start, stop):
    response = client.get(address(job), headers={"Range": asked})
    assert (response.status_code, body(response)) == (206, CONTENT[start:stop])
    assert response["Content-Range"] == f"bytes {start}-{stop - 1}/{len(CONTENT)}"
    assert response["Content-Length"] == str(stop - start)


@pytest.mark.parametrize(
    "asked",
    [
        f"bytes={len(CONTENT)}-",
        "bytes=-0",
        "bytes=-",
        "bytes=5-1",
        "bytes=x-y",
        "bytes=" + ",".join(f"{n}-{n}" for n in range(1000)),
    ],
    ids=["beyond", "no suffix", "neither", "backwards", "words", "thousand"],
)
def test_a_range_that_cannot_be_had_is_416(client, job, asked):
    response = client.get(address(job), headers={"Range": asked})
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{len(CONTENT)}"


def test_if_range_with_another_tag_gets_the_whole_file(client, job):
    stale = client.get(address(job), headers={"Range": "bytes=0-1", "If-Range": '"stale"'})
    assert (stale.status_code, len(body(stale))) == (200, len(CONTENT))
    fresh = client.get(address(job), headers={"Range": "bytes=0-1", "If-Range": f'"{"ab" * 32}"'})
    assert (fresh.status_code, len(body(fresh))) == (206, 2)


def test_an_unchanged_file_is_304(client, job):
    response = client.get(address(job), headers={"If-None-Match": f'"{"ab" * 32}"'})
    assert (response.status_code, response.content) == (304, b"")


@pytest.mark.parametrize("token", ["Token", "toke", "token2", "..%2ftoken", "%D1%82"])
def test_an_altered_address_is_404(client, job, token):
    assert client.get(address(job, token)).status_code == 404


def test_an_expired_or_deleted_result_is_404(client, job):
    Job.objects.filter(pk=job.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get(address(job)).status_code == 404
    assert media.expire() == 1
    assert not default_storage.exists(job.output_file)
    Job.objects.filter(pk=job.pk).update(expires_at=timezone.now() + timedelta(days=1))
    assert client.get(address(job)).status_code == 404
    assert media.expire() == 0


def test_an_unfinished_job_has_no_file(client, owner):
    job = make_job(owner)
    assert client.get(address(job, "")).status_code == 404
    assert client.get(address(job)).status_code == 404
