"""Nudges: promised with the job, sent after its commit, sent again when nobody came."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from jobs import outbox, samples
from jobs.models import Connection, Outbox
from lipsyncweb.celery import app
from tests.jobs.making import SAMPLES, claim, make_job
from tests.jobs.remotely import connect

pytestmark = pytest.mark.django_db(transaction=True)


def waiting(queue_name: str = "render") -> list[str]:
    """Take every message of a queue and return the tasks that they name."""
    names = []
    with app.connection_for_read() as connection:
        queue = connection.SimpleQueue(queue_name)
        try:
            while True:
                message = queue.get(block=False)
                message.ack()
                names.append(message.headers["task"])
        except queue.Empty:
            return names
        finally:
            queue.close()


@pytest.fixture(autouse=True)
def _empty_queue():
    waiting()


def test_a_nudge_leaves_after_the_commit_and_not_before(owner):
    with transaction.atomic():
        make_job(owner, **SAMPLES)
        assert waiting() == []
    assert waiting() == ["jobs.tasks.run_next"]


def test_a_submit_that_is_rolled_back_sends_nothing(owner):
    with transaction.atomic():
        make_job(owner, **SAMPLES)
        transaction.set_rollback(True)
    assert waiting() == []
    assert not Outbox.objects.exists()


def test_what_nobody_claimed_is_sent_again_once_it_is_due(owner):
    for _job in range(outbox.RESEND_AT_MOST + 3):
        make_job(owner, **SAMPLES)
    waiting()
    assert outbox.resend_due() == 0
    Outbox.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert outbox.resend_due() == outbox.RESEND_AT_MOST
    assert len(waiting()) == outbox.RESEND_AT_MOST
    assert outbox.resend_due() == 3


def test_a_long_line_of_one_kind_leaves_the_others_nudged(owner, httpserver):
    connect(httpserver, name="dead")
    for _job in range(12):
        make_job(owner, **SAMPLES)
    Connection.objects.update(is_active=False)
    make_job(owner, **SAMPLES)
    waiting()
    Outbox.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    outbox.resend_due()
    assert waiting() == ["jobs.tasks.run_next"]


def test_a_claimed_job_needs_no_nudge(owner):
    job = make_job(owner, **SAMPLES)
    claim(job)
    assert outbox.resend_all() == 0


@pytest.mark.parametrize("broker", ["redis://127.0.0.1:{port}/0", "amqp://127.0.0.1:{port}//"])
def test_a_broker_that_is_down_costs_no_error(broker, unused_port, tmp_path):
    """In a process of its own, which reads the setting when it starts."""
    script = (
        "import django; django.setup(); from jobs import outbox; outbox.nudge_deliver(); print('went on')"
    )
    environment = {
        **os.environ,
        "DATA_DIR": str(tmp_path),
        "BROKER_URL": broker.format(port=unused_port),
        "DJANGO_SETTINGS_MODULE": "lipsyncweb.settings",
    }
    ran = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60
    )
    assert ran.stdout.strip() == "went on", ran.stderr
    assert "took no nudge" in ran.stderr


def test_opening_the_form_has_the_samples_made_that_are_missing(owner):
    waiting("light")
    owner.client.get("/generate/lipsync-video")
    assert waiting("light") == ["jobs.tasks.make_samples"]  # the clip; the speech lies here for all tests
    clip = samples.find("speech.wav").with_name("clip.mp4")
    clip.touch()
    owner.client.get("/generate/lipsync-video")
    assert waiting("light") == []
