"""When a job may be finished: told from the past, as a span, or not at all."""

from datetime import timedelta

import pytest
from django.template import Context, Template
from django.utils import timezone, translation

from jobs import deleting, forecast, line
from jobs.forecast import Forecast
from jobs.models import Job, State
from jobs.templatetags.forecast import sentence, span
from tests.jobs.making import make_job
from tests.jobs.remotely import connect

pytestmark = pytest.mark.django_db

TOOK = [20, 20, 21, 22, 22, 22, 23, 24, 26, 40]  # seconds, of ten videos of ten seconds


def past(owner, took=TOOK, *, length=10, resolution="480p", ago=3600, **changes) -> None:
    """Finished jobs that took so long, one after the other, without a break."""
    made = timezone.now() - timedelta(seconds=ago)
    for seconds in took:
        job = make_job(owner, resolution=resolution)
        began, made = made, made + timedelta(seconds=seconds)
        values = {
            "state": State.COMPLETED,
            "billed_seconds": length,
            "started_at": began,
            "finished_at": made,
        }
        Job.objects.filter(pk=job.pk).update(**{**values, **changes})


def waiting(owner, *, length=10, **changes) -> Job:
    job = make_job(owner)
    Job.objects.filter(pk=job.pk).update(
        **{"ready": True, "connection": None, "billed_seconds": length, **changes}
    )
    return Job.objects.get(pk=job.pk)


def running(owner, *, since, **changes) -> Job:
    started = timezone.now() - timedelta(seconds=since)
    return waiting(owner, state=State.RUNNING, started_at=started, attempt=1, **changes)


def of(*jobs) -> list[Forecast]:
    found = forecast.forecasts(jobs)
    return [found[job.pk] for job in jobs]


def test_a_job_under_way_is_told_by_half_and_by_nine_of_ten_of_its_kind(owner):
    past(owner)
    [found] = of(running(owner, since=0))
    assert found.low == pytest.approx(22, abs=0.5)
    assert found.high == pytest.approx(40, abs=0.5)
    assert (found.place, found.is_slow) == (None, False)


def test_time_that_has_passed_leaves_those_that_took_longer(owner):
    past(owner)
    [found] = of(running(owner, since=23.5))
    assert found.low == pytest.approx(2.5, abs=0.5)
    assert found.high == pytest.approx(16.5, abs=0.5)


def test_beyond_nine_of_ten_it_is_slower_than_usual_and_has_no_number(owner):
    past(owner)
    [found] = of(running(owner, since=41))
    assert (found.is_slow, found.low, found.high) == (True, None, None)
    assert sentence(found) == "slower than usual: most take at most 40 s"


def test_longer_videos_take_longer_by_their_fixed_and_their_growing_part(owner):
    for length in (5, 10, 20, 40):
        past(owner, [6 + 2 * length] * 3, length=length)
    [short, long] = of(running(owner, since=0, length=10), running(owner, since=0, length=60))
    assert short.low == pytest.approx(26, abs=0.5)
    assert long.low == pytest.approx(126, abs=0.5)


def test_runs_that_hung_do_not_tilt_the_line(owner):
    for length in (5, 10, 20, 40):
        past(owner, [6 + 2 * length] * 3, length=length)
    past(owner, [3000], length=5)
    [found] = of(running(owner, since=0, length=60))
    assert found.low == pytest.approx(126, rel=0.05)


@pytest.mark.parametrize("place", [1, 3])
def test_in_line_the_jobs_before_it_count_at_the_lines_pace(owner, place):
    past(owner, [20] * 8)
    jobs = [waiting(owner) for _ in range(place)]
    found = of(*jobs)[-1]
    assert found.place == place
    assert found.low == pytest.approx((place - 1) * 20 + 20)
    assert found.high == pytest.approx(place * 20 + 20)


def test_a_line_with_two_workers_moves_twice_as_fast(owner):
    past(owner, [20] * 8)
    past(owner, [20] * 8)  # at the same time
    found = of(*(waiting(owner) for _ in range(5)))[-1]
    assert found.low == pytest.approx(4 * 10 + 20, abs=0.5)


@pytest.mark.parametrize(
    "changes",
    [
        {"resolution": "720p"},
        {"is_test": True},
        {"model": "lipsync-image-multi"},
        {"state": State.FAILED},
        {"took": TOOK[:4]},
        {"length": 3},
        {"elsewhere": True},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_runs_of_another_kind_or_too_few_tell_no_number(owner, httpserver, changes):
    if changes.pop("elsewhere", False):
        changes["connection"] = connect(httpserver)
    past(owner, **changes)
    [found] = of(running(owner, since=0, length=10))
    assert found == Forecast()
    assert sentence(found) == "no finish time yet: too few like it were made"


def test_a_deleted_run_is_not_taken_for_one_of_the_least_resolution(owner):
    past(owner)
    past(owner, [900] * 10, resolution="720p", ago=600, **deleting.EMPTY)
    [found] = of(running(owner, since=0))
    assert found.high == pytest.approx(40, abs=0.5)


def test_no_number_for_a_length_that_nobody_knows_yet(owner):
    past(owner)
    [queued, fetching] = of(waiting(owner, length=None), running(owner, since=3, ready=False))
    assert (queued.low, queued.place) == (None, 1)
    assert fetching == Forecast()


def test_ended_jobs_and_tests_have_no_forecast(owner):
    past(owner)
    assert forecast.forecasts([*Job.objects.all(), waiting(owner, is_test=True)]) == {}


def test_a_page_costs_two_queries_and_one_with_places_read(owner, httpserver, django_assert_num_queries):
    past(owner)
    elsewhere = connect(httpserver)
    jobs = [waiting(owner) for _ in range(4)] + [running(owner, since=1, connection=elsewhere)]
    with django_assert_num_queries(2):
        told = forecast.forecasts(jobs)
    read = list(line.with_ahead(Job.objects.filter(pk__in=[job.pk for job in jobs])))
    with django_assert_num_queries(1):
        again = forecast.forecasts(read)
    assert [told[job.pk].place for job in jobs] == [again[job.pk].place for job in jobs] == [1, 2, 3, 4, None]
    with django_assert_num_queries(0):
        assert forecast.forecasts([]) == {}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Forecast(low=18, high=24), "about 25 s left"),
        (Forecast(low=20, high=70, place=1), "next in line · 20 s to 2 min left"),
        (Forecast(low=2, high=31), "at most 35 s left"),
        (Forecast(low=1, high=6), "a few seconds left"),
        (Forecast(place=12), "number 12 in line · no finish time yet: too few like it were made"),
        (Forecast(low=4000, high=9000, place=250), "number 250 in line · 1.5 h to 2.5 h left"),
        (Forecast(place=1000), "more than 999 before it · no finish time yet: too few like it were made"),
    ],
)
def test_a_forecast_is_one_short_line(found, said):
    assert sentence(found) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "5 s"),
        (41, "45 s"),
        (56, "1 min"),
        (61, "2 min"),
        (601, "15 min"),
        (3400, "1 h"),
        (5400, "1.5 h"),
    ],
)
def test_times_are_rounded_up_in_steps(seconds, said):
    assert span(seconds) == said


def test_numbers_follow_the_language():
    with translation.override("ru"):
        assert span(5400).startswith("1,5")


def test_the_tag_says_it_of_the_pages_jobs_and_nothing_of_others(owner):
    job = waiting(owner)
    template = Template("{% load forecast %}[{% forecast job %}]")
    told = template.render(Context({"job": job, "forecasts": {job.pk: Forecast(low=18, high=24)}}))
    assert told == "[about 25 s left]"
    assert template.render(Context({"job": job})) == "[]"
