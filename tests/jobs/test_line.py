"""The line: fair between teams, within each team's number, and quick however long it is."""

import threading
from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ApiKey, Team
from jobs import lifecycle, line, queries
from jobs.lifecycle.moving import move
from jobs.models import Connection, Job, State
from jobs.verbs import CLAIM
from tests.conftest import character
from tests.jobs.making import SAMPLES, make_job, result

pytestmark = pytest.mark.django_db


def stand(team: Team, count: int, *, turn: int = 0, **values) -> list[Job]:
    """So many jobs of a team in line, a turn apart, as that many submits would have left them."""
    now = timezone.now()
    jobs = [
        Job(
            team=team,
            model="lipsync-image",
            form_state={},
            purse="api",
            ready=True,
            deadline=now + timedelta(hours=1),
            turn=turn + number,
            created_at=now + timedelta(microseconds=number),
            **values,
        )
        for number in range(count)
    ]
    return Job.objects.bulk_create(jobs, batch_size=500)


def claimed_team() -> Team:
    held = lifecycle.claim_next()
    assert held is not None
    return Job.objects.select_related("team").get(pk=held.job_id).team


def finish(held) -> None:
    Job.objects.filter(pk=held.job_id).update(state=State.COMPLETED)


def test_a_thousand_jobs_delay_another_teams_first_by_one(owner, stranger):
    stand(owner.team, 1000)
    begun = lifecycle.claim_next()
    late = make_job(stranger, **SAMPLES)
    finish(begun)
    held = lifecycle.claim_next()
    assert held.job_id == late.pk
    finish(held)
    assert claimed_team() == owner.team


def test_a_late_team_does_not_overtake_for_longer_than_it_was_late(owner, stranger):
    """With one worker the two go turn about, however many of the first have been made before."""
    stand(owner.team, 20)
    for _made in range(8):
        finish(lifecycle.claim_next())
    begun = lifecycle.claim_next()
    for _number in range(5):
        make_job(stranger, **SAMPLES)
    finish(begun)
    order = []
    while held := lifecycle.claim_next():
        order.append(Job.objects.get(pk=held.job_id).team_id == stranger.team.pk)
        finish(held)
    assert order[:10].count(True) == 5
    assert not any(first and second for first, second in pairwise(order))


def test_files_fetched_far_ahead_put_a_new_team_behind_none_of_them(owner, stranger):
    """More lie fetched before the fetcher's job than a claim looks at."""
    fetched = 2 * line.LOOKED_AT + 50
    jobs = stand(owner.team, fetched + 50)
    of_owner = Job.objects.filter(team=owner.team)
    of_owner.filter(turn__gte=fetched).update(ready=False)
    for _made in range(3):
        finish(lifecycle.claim_next())
    begun = lifecycle.claim_next()
    assert begun.job_id == jobs[3].pk
    assert lifecycle.claim_to_fetch().job_id == jobs[fetched].pk
    late = make_job(stranger, **SAMPLES)
    assert (Job.objects.get(pk=late.pk).turn, line.queue_position(Job.objects.get(pk=late.pk))) == (3, 1)
    finish(begun)
    assert lifecycle.claim_next().job_id == late.pk


def fetched() -> Job:
    """The next job to be fetched, whose files are here at once."""
    held = lifecycle.claim_to_fetch()
    assert lifecycle.ready(held, fetched={})
    return Job.objects.get(pk=held.job_id)


def test_fetching_serves_every_line_whatever_its_turns(owner, stranger):
    """An engine's line that has run for long, and a connection's that has just begun."""
    elsewhere = Connection.objects.create(name="elsewhere", base_url="https://video.example.com")
    stand(owner.team, 20, turn=50)
    stand(stranger.team, 20, line=elsewhere.pk, connection=elsewhere)
    Job.objects.update(ready=False)
    order = [fetched() for _number in range(20)]
    assert Counter(job.line for job in order) == {line.ENGINE: 10, elsewhere.pk: 10}
    assert all(one.line != other.line for one, other in pairwise(order))
    turns = {each: [job.turn for job in order if job.line == each] for each in (line.ENGINE, elsewhere.pk)}
    assert turns == {line.ENGINE: list(range(50, 60)), elsewhere.pk: list(range(10))}


def test_fetching_passes_over_a_line_whose_teams_have_enough(owner, stranger):
    elsewhere = Connection.objects.create(name="elsewhere", base_url="https://video.example.com")
    stand(owner.team, 3)
    stand(stranger.team, 1, line=elsewhere.pk, connection=elsewhere)
    Job.objects.update(ready=False)
    held = [lifecycle.claim_to_fetch() for _try in range(3)]
    assert held.count(None) == 1
    assert held[2] is None


def test_the_team_with_the_fewest_in_hand_is_next(owner, stranger):
    stand(owner.team, 50)
    stand(stranger.team, 50, turn=30)  # it has had its turns: long jobs, of which one is under way
    taken = [claimed_team() for _worker in range(6)]
    assert Counter(taken) == {owner.team: 3, stranger.team: 3}


def test_what_is_over_a_teams_number_waits_and_is_not_refused(owner, stranger, settings):
    settings.TEAM_CONCURRENCY = 2
    stand(owner.team, 5)
    held = [lifecycle.claim_next(), lifecycle.claim_next()]
    assert all(held)
    assert lifecycle.claim_next() is None
    stand(stranger.team, 1, turn=900)
    assert claimed_team() == stranger.team
    finish(held[0])
    assert claimed_team() == owner.team
    assert lifecycle.claim_next() is None


def test_a_team_may_have_a_number_of_its_own(owner, settings):
    settings.TEAM_CONCURRENCY = 1
    Team.objects.filter(pk=owner.team.pk).update(concurrency=3)
    stand(owner.team, 5)
    assert [bool(lifecycle.claim_next()) for _try in range(4)] == [True, True, True, False]


def test_what_goes_back_in_line_keeps_its_turn(owner):
    first, second = make_job(owner, **SAMPLES), make_job(owner, **SAMPLES)
    held = lifecycle.claim_next()
    assert lifecycle.release(held, reason="stopped")
    assert lifecycle.claim_next().job_id == first.pk
    assert lifecycle.claim_next().job_id == second.pk


def test_position_counts_what_is_before_it_and_ends_with_the_wait(owner, stranger):
    first, second = make_job(owner, **SAMPLES), make_job(owner, **SAMPLES)
    other = make_job(stranger, **SAMPLES)

    def position(job):
        read = queries.for_api(job.key, job.pk)
        assert read.ahead == (
            None if read.state != "queued" else line.queue_position(Job.objects.get(pk=job.pk)) - 1
        )
        return line.queue_position(read)

    # The stranger's first job has the first turn, as the owner's has.
    assert [position(job) for job in (first, other, second)] == [1, 2, 3]
    held = lifecycle.claim_next()
    assert [position(job) for job in (first, other, second)] == [None, 1, 2]
    lifecycle.succeed(held, result(first))
    assert position(first) is None


def test_position_is_counted_only_so_far(owner):
    jobs = stand(owner.team, line.COUNTED_AT_MOST + 50)
    read = queries.for_api(owner.key, jobs[-1].pk)
    assert line.queue_position(read) == line.queue_position(jobs[-1]) == line.COUNTED_AT_MOST


def in_threads(count, work):
    """What each thread's `work` returned; all begin at once, each with a database connection of its own."""
    barrier, found = threading.Barrier(count), []

    def run():
        try:
            barrier.wait()
            found.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.django_db(transaction=True)
def test_workers_that_claim_at_once_share_no_job_and_exceed_no_number(owner, stranger, settings):
    settings.TEAM_CONCURRENCY = 3
    stand(owner.team, 20)
    stand(stranger.team, 20)
    held = [claim.job_id for claim in in_threads(12, lifecycle.claim_next) if claim]
    assert len(held) == len(set(held))
    counts = Counter(Job.objects.filter(state=State.RUNNING).values_list("team", flat=True))
    assert sum(counts.values()) == len(held)
    assert counts == {owner.team.pk: 3, stranger.team.pk: 3}


@pytest.mark.django_db(transaction=True)
def test_counting_without_the_lock_would_exceed_the_number(owner, settings):
    """That the race is there: workers that count before any of them claims."""
    settings.TEAM_CONCURRENCY = 3
    jobs, counted = iter(stand(owner.team, 20)), threading.Barrier(6)

    def claim_unguarded():
        room = line.for_engine().in_hand.filter(team=owner.team).count() < 3
        job = next(jobs)
        counted.wait()
        return room and move(job.pk, CLAIM, attempt=1)

    assert all(in_threads(6, claim_unguarded))
    assert Job.objects.filter(state=State.RUNNING).count() == 6


@pytest.mark.skipif(
    connection.vendor == "sqlite", reason="SQLite lets one transaction in, and needs no row's lock"
)
@pytest.mark.django_db(transaction=True)
def test_a_worker_counts_only_after_another_has_claimed(owner, settings):
    settings.TEAM_CONCURRENCY = 1
    job, *_others = stand(owner.team, 2)
    waiting, answers = line.for_engine(), []

    def count():
        try:
            with transaction.atomic():
                answers.append(waiting.has_room(owner.team.pk))
        finally:
            connection.close()

    second = threading.Thread(target=count)
    with transaction.atomic():
        assert waiting.has_room(owner.team.pk)
        second.start()
        while second.is_alive() and not waits_for_this():
            second.join(0.01)
        assert move(job.pk, CLAIM, attempt=1)
    second.join()
    assert answers == [False]


def waits_for_this() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")
        return cursor.fetchone() is not None


@pytest.mark.django_db(transaction=True)
def test_submits_of_one_team_at_once_take_different_turns(owner):
    jobs = in_threads(8, lambda: make_job(owner, **SAMPLES))
    turns = Job.objects.filter(pk__in=[job.pk for job in jobs]).values_list("turn", flat=True)
    assert sorted(turns) == list(range(8))


def plans(work) -> list[str]:
    """How the database goes through the jobs for each statement that reads them."""
    with CaptureQueriesContext(connection) as queries:
        work()
    explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
    found = []
    with connection.cursor() as cursor:
        for each in queries:
            if each["sql"].startswith("SELECT") and "jobs_job" in each["sql"]:
                cursor.execute(explain + each["sql"].replace("%", "%%"))
                found += [str(row[-1]) for row in cursor.fetchall()]
    return found


def reads_everything(step: str) -> bool:
    """Whether a step of a plan goes through all jobs, or sorts what an index should have in order."""
    whole = step.startswith("SCAN jobs_job") and "INDEX" not in step
    return whole or "Seq Scan on jobs_job" in step or step == "USE TEMP B-TREE FOR ORDER BY"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("teams", [1, 20])
def test_a_long_line_is_read_by_an_index(owner, settings, teams):
    settings.TEAM_CONCURRENCY = 1000
    others = [character(f"team{number}@example.com").team for number in range(teams - 1)]
    everybody = [owner.team, *others]
    last = None
    for team in everybody:
        last = stand(team, 10_000 // teams)[-1]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    steps = plans(lifecycle.claim_next)
    steps += plans(lambda: line.queue_position(queries.for_api(ApiKey(team=last.team), last.pk)))
    steps += plans(lambda: make_job(owner, **SAMPLES))
    settings.TEAM_CONCURRENCY = 1  # the team that was served above has enough now
    steps += plans(lambda: line.for_engine().first())
    assert any("job_line" in step for step in steps)
    assert not [step for step in steps if reads_everything(step)]
