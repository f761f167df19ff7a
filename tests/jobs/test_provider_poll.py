"""The polling fallback: every waiting job is asked for until it has ended, at a bounded cost."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import ledger
from jobs import lifecycle, reconciliation, remote
from jobs.models import Connection, Job
from tests.jobs.remotely import Upstream, answer, connect, processing, remote_job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def upstream(httpserver):
    return Upstream(httpserver)


@pytest.fixture
def job(owner, upstream, httpserver):
    connect(httpserver)
    job = remote_job(owner)
    remote.send_due()
    return Job.objects.get(pk=job.pk)


def fresh(job):
    return Job.objects.get(pk=job.pk)


def make_due(job):
    past = timezone.now() - timedelta(seconds=1)
    Job.objects.filter(pk=job.pk).update(next_poll_at=past)
    Connection.objects.filter(retry_at__isnull=False).update(retry_at=past)


def attend(job):
    make_due(job)
    remote.attend(job.pk)
    remote.collect_due()
    return fresh(job)


def wait_of(job) -> float:
    return (fresh(job).next_poll_at - timezone.now()).total_seconds()


def test_f3_a_job_whose_webhook_never_comes_is_finished_once(job, upstream, owner):
    assert attend(job).state == "waiting"
    upstream.complete()
    assert attend(job).state == "completed"
    attend(job)
    assert len(upstream.questions) == 2
    assert ledger.balances(owner.team).api.available == 1000 - 12
    assert reconciliation.findings() == []


def test_a_job_that_is_not_due_is_not_asked_for(job, upstream):
    remote.attend(job.pk)
    assert upstream.questions == []
    assert remote.poll_due() == 0


def test_progress_there_is_shown_here(job, upstream):
    upstream.documents[job.external_id] = {**processing(job.external_id), "progress": 40}
    shown = attend(job)
    assert (shown.progress, shown.version > job.version) == (40, True)
    upstream.documents[job.external_id]["progress"] = 10
    assert attend(job).progress == 40
    for nonsense in (1e9, "90", -5, True, None):
        upstream.documents[job.external_id]["progress"] = nonsense
        assert attend(job).progress == 40


def test_questions_are_5_to_10_s_apart_at_first_and_rarer_with_age(job):
    waits = []
    for age in (0, 60, 600, 3600, 20_000):
        Job.objects.update(accepted_at=timezone.now() - timedelta(seconds=age))
        attend(job)
        waits.append(wait_of(job))
    assert 4 < waits[0] <= 10
    assert 5 < waits[1] <= 12
    assert 59 < waits[2] <= 120
    assert 299 < waits[3] <= 600
    assert 299 < waits[4] <= 600


def test_trouble_there_is_no_end_here_and_backs_off(job, upstream):
    for reply, least in (
        (answer({"error": "Oops"}, 500), 5),
        (answer({"error": "Oops"}, 500), 10),
        (answer({"error": "Oops"}, 500), 20),
        (answer({"error": "Slow down"}, 429, **{"Retry-After": "90"}), 90),
        (answer([1]), 40),
        (answer({"id": "x", "status": "what"}), 80),
    ):
        upstream.on_ask = lambda request, reply=reply: reply
        assert attend(job).state == "waiting"
        assert wait_of(job) > least - 1
    upstream.on_ask = lambda request: None
    upstream.complete()
    assert attend(job).state == "completed"


def test_a_dead_server_is_not_asked_before_its_time(job, upstream):
    upstream.on_ask = lambda request: answer({"error": "Oops"}, 500)
    attend(job)
    Job.objects.update(next_poll_at=timezone.now() - timedelta(seconds=1))
    assert not remote.attend(job.pk)
    assert len(upstream.questions) == 1
    assert remote.poll_due() == 0


def test_a_job_that_they_lost_fails_and_gives_back(job, upstream, owner):
    upstream.documents.clear()
    assert attend(job).state == "waiting"
    Job.objects.update(accepted_at=timezone.now() - timedelta(minutes=5))
    assert attend(job).error_code == "provider_lost_job"
    assert ledger.balances(owner.team).api.available == 1000


def test_an_answer_about_another_job_has_no_effect(job, upstream):
    upstream.on_ask = lambda request: answer({**processing("another"), "status": "failed", "error": "x"})
    assert attend(job).state == "waiting"


def test_a_job_past_its_deadline_fails_and_gives_back(job, owner):
    Job.objects.update(deadline=timezone.now() - timedelta(seconds=1))
    assert lifecycle.fail_overdue() == 1
    assert fresh(job).error_code == "deadline"
    assert ledger.balances(owner.team).api.available == 1000


class TestResults:
    @pytest.mark.parametrize(
        "change",
        [
            {"content": b"<h1>Not found</h1>"},
            {"content": b"ffconcat version 1.0\nfile /etc/passwd\n"},
            {"output": None},
            {"output": 5},
        ],
        ids=["HTML", "playlist", "none", "a number"],
    )
    def test_what_is_no_video_fails_and_gives_back(self, job, upstream, owner, change):
        upstream.complete(**change)
        assert attend(job).error_code == "provider_bad_result"
        assert ledger.balances(owner.team).api.available == 1000
        assert not (remote.settings.MEDIA_ROOT / "results").exists()

    def test_an_address_that_is_not_allowed_is_not_fetched(self, job, upstream):
        upstream.complete(output="http://169.254.169.254/latest")
        Job.objects.update(remote_ended_at=None)
        attend(job)
        Job.objects.update(remote_ended_at=timezone.now() - timedelta(hours=1))
        assert attend(job).error_code == "provider_result_lost"

    def test_one_that_cannot_be_fetched_now_is_tried_again(self, job, upstream, unused_port):
        document = upstream.complete()
        good = document["output"]
        document["output"] = f"http://localhost:{unused_port}/result.mp4"
        assert attend(job).state == "waiting"
        Job.objects.update(remote_document={**document, "output": good})
        assert attend(job).state == "completed"

    def test_nonsense_in_their_numbers_is_left_out(self, job, upstream):
        upstream.complete(executionTime="long", timings={"a": -1, "b": 2, "c": "x"}, seed=1e99)
        ended = attend(job)
        assert (ended.state, ended.timings, ended.seed) == ("completed", {"b": 2}, job.seed)
        assert ended.execution_ms is not None


class TestManyWaitingJobs:
    @pytest.fixture
    def crowd(self, owner, upstream, httpserver):
        """10,000 jobs that wait for one server and are all due."""
        connection = connect(httpserver, polls_a_second=5)
        past = timezone.now() - timedelta(seconds=1)
        common = {
            "team": owner.team,
            "connection": connection,
            "model": "lipsync-image",
            "form_state": {},
            "state": "waiting",
            "purse": "api",
            "deadline": timezone.now() + timedelta(hours=6),
            "next_poll_at": past,
        }
        Job.objects.bulk_create(Job(**common, external_id=str(number)) for number in range(10_000))
        upstream.on_ask = lambda request: answer(processing(request.path.rsplit("/", 1)[1]))
        return connection

    def test_cost_a_bounded_number_of_questions_a_round(self, crowd, upstream):
        assert remote.poll_due() == 5 * remote.TICK
        assert remote.poll_due() == 0
        assert len(set(upstream.questions)) == len(upstream.questions) == 25

    def test_two_timers_are_one_round(self, crowd, upstream):
        assert sorted([remote.poll_due(), remote.poll_due()]) == [0, 25]
        Connection.objects.update(polled_at=timezone.now() - timedelta(seconds=remote.TICK))
        assert remote.poll_due() == 25
        assert len(set(upstream.questions)) == 50

    def test_cost_one_question_a_round_when_the_server_fails(self, crowd, upstream):
        upstream.on_ask = lambda request: answer({"error": "Oops"}, 500)
        remote.poll_due()
        assert len(upstream.questions) == 1
        remote.poll_due()
        past = timezone.now() - timedelta(seconds=10)
        Connection.objects.update(retry_at=past, polled_at=past)
        remote.poll_due()
        assert len(upstream.questions) == 2


def test_a_slow_result_of_one_server_delays_no_other(owner, stranger, upstream, httpserver):
    """While one connection's result is being fetched, its other jobs wait and another connection's do not."""
    first, second = connect(httpserver, name="slow"), connect(httpserver, name="other", preference=90)
    jobs = [remote_job(owner), remote_job(owner)]
    remote.send_due()
    Connection.objects.filter(pk=first.pk).update(is_active=False)
    theirs = remote_job(stranger)
    remote.send_due()
    end = {"status": "failed", "error": "x"}
    Job.objects.update(remote_document=end, next_poll_at=timezone.now())
    with remote._collecting.held(first.pk):
        assert remote.collect_due() == 1
    assert fresh(theirs).state == "failed"
    assert {fresh(job).state for job in jobs} == {"waiting"}
    assert fresh(theirs).connection_id == second.pk
