"""F10 and F11: a worker, or its render process alone, is killed in mid-render."""

import sqlite3
import wave

import pytest
import requests

from tests.live import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def long_speech(site, tmp_path):
    """The sample speech several times over, so that a render lasts long enough to be interrupted."""
    answer = requests.get(f"{site.url}/samples/speech.wav", timeout=30)
    once = tmp_path / "once.wav"
    once.write_bytes(answer.content)
    path = tmp_path / "long.wav"
    with wave.open(str(once)) as source, wave.open(str(path), "wb") as target:
        target.setparams(source.getparams())
        frames = source.readframes(source.getnframes())
        for _ in range(8):
            target.writeframes(frames)
    return path


def rows(site, query, *values):
    with sqlite3.connect(f"file:{site.folder}/data/db.sqlite3?mode=ro", uri=True) as database:
        return database.execute(query, values).fetchall()


def check_one_of_everything(site, client, job_id, *, attempts):
    """The job completed, once: one charge, one file, nothing left over, and the credits add up."""
    document = client.wait(job_id)
    assert document["status"] == "completed", document
    job = job_id.replace("-", "")
    assert rows(site, "SELECT attempt FROM jobs_job WHERE id = ?", job) == [(attempts,)]
    assert rows(site, "SELECT count(*) FROM accounts_entry WHERE kind='charge' AND job_id = ?", job) == [(1,)]
    assert [path.name for path in (site.folder / "data/media/results" / job_id).iterdir()] == [
        f"{attempts}.mp4"
    ]
    until(lambda: not list((site.folder / "data/work").iterdir()), seconds=5)
    assert requests.get(document["output"], timeout=30).content[4:8] == b"ftyp"
    assert "Every balance" in site.manage("reconcile")


def in_mid_render(client, job_id, percent):
    return until(lambda: client.job(job_id)["progress"] >= percent, seconds=60, every=0.05)


@pytest.mark.parametrize("percent", [10, 50])
def test_a_killed_worker_is_followed_by_an_attempt_that_completes(site, httpserver, long_speech, percent):
    httpserver.expect_request("/long.wav").respond_with_data(long_speech.read_bytes())
    client = site.client()
    job_id = client.submit(audio=httpserver.url_for("/long.wav"), resolution="720p")
    in_mid_render(client, job_id, percent)
    site.kill("celery", "worker", "render")
    assert client.job(job_id)["status"] == "processing"
    check_one_of_everything(site, client, job_id, attempts=2)


def test_a_killed_render_process_is_followed_by_an_attempt_that_completes(site, httpserver, long_speech):
    httpserver.expect_request("/long.wav").respond_with_data(long_speech.read_bytes())
    client = site.client()
    job_id = client.submit(audio=httpserver.url_for("/long.wav"), resolution="720p")
    in_mid_render(client, job_id, 20)
    site.kill("jobs.engine.child")
    check_one_of_everything(site, client, job_id, attempts=2)


def test_a_stopped_site_hands_its_job_over_to_the_next_start(site, httpserver, long_speech):
    """F21: SIGTERM in mid-render. The attempt that was given back does not count as lost."""
    httpserver.expect_request("/long.wav").respond_with_data(long_speech.read_bytes())
    client = site.client()
    job_id = client.submit(audio=httpserver.url_for("/long.wav"), resolution="720p")
    in_mid_render(client, job_id, 20)
    site.__exit__()
    job = job_id.replace("-", "")
    assert rows(site, "SELECT state, lost_attempts FROM jobs_job WHERE id = ?", job) == [("queued", 0)]
    with site:
        check_one_of_everything(site, client, job_id, attempts=2)
