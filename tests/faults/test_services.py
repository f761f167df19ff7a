"""The same site on PostgreSQL with Redis or RabbitMQ: settings alone, and the same promises."""

import pytest

from tests.faults.conftest import empty
from tests.faults.test_killed_worker import check_one_of_everything, in_mid_render

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]


def test_a_killed_worker_is_followed_by_an_attempt_that_completes(grown_site, long_speech):
    client = grown_site.client()
    job_id = client.submit(audio=long_speech, resolution="720p")
    in_mid_render(client, job_id, 10)
    grown_site.kill("celery", "worker", "render")
    check_one_of_everything(grown_site, client, job_id, attempts=3)


def test_a_flushed_broker_loses_no_job(grown_site, long_speech, broker):
    """F14: two jobs wait behind a long one when every message is lost."""
    client = grown_site.client()
    jobs = [client.submit(audio=long_speech, resolution="720p"), client.submit(), client.submit()]
    in_mid_render(client, jobs[0], 10)
    empty(broker)
    assert [client.wait(job)["status"] for job in jobs] == ["completed"] * 3
    assert grown_site.sql("SELECT count(*) FROM accounts_entry WHERE kind = 'charge'") == [(3,)]
    assert "Every balance" in grown_site.manage("reconcile")
