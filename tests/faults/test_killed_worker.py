"""F10, F11 and F21: a worker, or its render process alone, is killed or stopped in mid-render."""

import pytest
import requests

from tests.live import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


# The first attempt fetches the speech, the second is the render that is interrupted, the third completes.
def check_one_of_everything(site, client, job_id, *, attempts):
    """The site's only job completed, once: one charge, one file, nothing left over, and the credits add up."""
    document = client.wait(job_id)
    assert document["status"] == "completed", document
    assert site.sql("SELECT attempt FROM jobs_job") == [(attempts,)]
    assert site.sql("SELECT count(*) FROM accounts_entry WHERE kind = 'charge'") == [(1,)]
    results = site.data_dir / "media/results" / job_id
    assert [path.name for path in results.iterdir()] == [f"{attempts}.mp4"]
    until(lambda: not list((site.data_dir / "work").iterdir()), seconds=5)
    assert requests.get(document["output"], timeout=30).content[4:8] == b"ftyp"
    assert "Every balance" in site.manage("reconcile")


def in_mid_render(client, job_id, percent):
    return until(lambda: client.job(job_id)["progress"] >= percent, seconds=60, every=0.05)


@pytest.mark.parametrize("percent", [10, 50])
def test_a_killed_worker_is_followed_by_an_attempt_that_completes(site, long_speech, percent):
    client = site.client()
    job_id = client.submit(audio=long_speech, resolution="720p")
    in_mid_render(client, job_id, percent)
    site.kill("celery", "worker", "render")
    assert client.job(job_id)["status"] == "processing"
    check_one_of_everything(site, client, job_id, attempts=3)


def test_a_killed_render_process_is_followed_by_an_attempt_that_completes(site, long_speech):
    client = site.client()
    job_id = client.submit(audio=long_speech, resolution="720p")
    in_mid_render(client, job_id, 20)
    site.kill("jobs.engine.child")
    check_one_of_everything(site, client, job_id, attempts=3)


def test_a_stopped_site_hands_its_job_over_to_the_next_start(site, long_speech):
    """The attempt that was given back does not count as lost."""
    client = site.client()
    job_id = client.submit(audio=long_speech, resolution="720p")
    in_mid_render(client, job_id, 20)
    site.stop()
    assert site.sql("SELECT state, lost_attempts FROM jobs_job") == [("queued", 0)]
    with site:
        check_one_of_everything(site, client, job_id, attempts=3)
