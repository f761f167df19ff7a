"""What a page of the history holds: every filter, alone and together, against the same asked of plain rows."""

import itertools
import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs import history, searching
from jobs.history import Wanted, page
from jobs.models import Job

NOON = datetime(2026, 5, 3, 12, tzinfo=UTC)


def add(
    actor, *, at=NOON, state="completed", model="lipsync-image", by="person", label="face", **more
) -> Job:
    """A row as a finished job leaves it, without its events and credits."""
    pk = more.pop("pk", None) or uuid.uuid4()
    form_state = {"version": 1, "model": model, "values": {}, "label": label}
    return Job.objects.create(
        pk=pk,
        team=actor.team,
        person=actor.user if by == "person" else None,
        key=actor.key if by == "key" else None,
        purse="user" if by == "person" else "api",
        model=model,
        state=state,
        form_state=form_state,
        fingerprint="f",
        search=searching.text_of(str(pk), form_state, more.get("reference", "")),
        created_at=at,
        deadline=at,
        **more,
    )


def found(team, *, limit=20, looked_at=history.LOOKED_AT, **wanted) -> list[Job]:
    """All jobs that are wanted, page by page."""
    jobs, after = [], None
    for _page in range(100):
        got = page(team, Wanted(**wanted), after=after, limit=limit, looked_at=looked_at)
        jobs += got.jobs
        if got.after is None:
            return jobs
        after = got.after
    raise AssertionError("It never ends.")


@pytest.fixture
def mixed(owner, teammate) -> list[Job]:
    """Three of every kind, newest first."""
    kinds = itertools.product(
        ("queued", "running", "waiting", "completed", "failed", "canceled"),
        ("lipsync-image", "lipsync-video"),
        ((owner, "person"), (owner, "key"), (teammate, "person")),
        ("Wedding", "Größe"),
    )
    rows = [
        add(who, at=NOON - timedelta(hours=number), state=state, model=model, by=by, label=label)
        for number, (state, model, (who, by), label) in enumerate(kinds)
    ]
    return sorted(rows, key=lambda job: (job.created_at, job.pk), reverse=True)


FILTERS = {
    "status": (lambda who: {"status": "active"}, lambda job, who: job.is_active),
    "model": (lambda who: {"model": "lipsync-video"}, lambda job, who: job.model == "lipsync-video"),
    "person": (lambda who: {"person": who.user}, lambda job, who: job.person_id == who.user.pk),
    "key": (lambda who: {"key": who.key}, lambda job, who: job.key_id == who.key.pk),
    "text": (lambda who: {"text": "GRÖSSE"}, lambda job, who: job.form_state["label"] == "Größe"),
    "days": (
        lambda who: {"first": date(2026, 5, 1), "last": date(2026, 5, 2)},
        lambda job, who: date(2026, 5, 1) <= job.created_at.date() <= date(2026, 5, 2),
    ),
}


@pytest.mark.parametrize("looked_at", [7, 5000])
def test_all_filters_find_what_plain_rows_say_however_small_the_window(owner, mixed, looked_at):
    for size in range(4):
        for names in itertools.combinations(FILTERS, size):
            wanted = {}
            for name in names:
                wanted |= FILTERS[name][0](owner)
            expected = [job.pk for job in mixed if all(FILTERS[name][1](job, owner) for name in names)]
            jobs = found(owner.team, limit=5, looked_at=looked_at, **wanted)
            assert [job.pk for job in jobs] == expected, names


def test_jobs_of_one_moment_are_neither_lost_nor_told_twice(owner):
    rows = {add(owner).pk for _ in range(23)}
    jobs = found(owner.team, limit=5)
    assert len(jobs) == 23
    assert {job.pk for job in jobs} == rows


def test_a_strangers_jobs_are_found_by_nothing(owner, stranger):
    job = add(stranger, label="secret", by="key")
    for wanted in (
        {},
        {"text": "secret"},
        {"text": str(job.pk)},
        {"key": stranger.key},
        {"person": stranger.user},
    ):
        assert found(owner.team, **wanted) == []
        assert found(owner.team, **wanted, model="lipsync-image") == []


def test_a_deleted_job_is_found_by_nothing(owner):
    job = add(owner, deleted_at=timezone.now(), by="key", label="gone")
    for wanted in ({}, {"text": "gone"}, {"text": str(job.pk)}, {"key": owner.key}, {"status": "completed"}):
        assert found(owner.team, **wanted) == []
    assert history.known(owner.team, [job.pk]) == {}
    assert history.some(owner.team, [job.pk]) == []


@pytest.mark.parametrize(
    "spell", [str, lambda pk: pk.hex, lambda pk: str(pk)[:8], lambda pk: str(pk).upper()[:20]]
)
def test_an_id_or_its_beginning_finds_the_job_however_old(owner, spell):
    job = add(owner, at=NOON - timedelta(days=300))
    for number in range(5):
        add(owner, at=NOON - timedelta(hours=number))
    got = page(owner.team, Wanted(text=spell(job.pk)), looked_at=2)
    assert [each.pk for each in got.jobs] == [job.pk]
    assert got.after is None


def test_an_id_that_another_filter_excludes_is_not_found(owner):
    job = add(owner)
    assert found(owner.team, text=str(job.pk), status="failed") == []
    assert found(owner.team, text=str(job.pk), last=date(2026, 5, 2)) == []


def test_a_name_that_looks_like_an_id_is_found_as_a_name(owner):
    job = add(owner, reference="deadbeef01")
    assert [each.pk for each in found(owner.team, text="deadbeef01")] == [job.pk]


@pytest.mark.parametrize("text", ["100%", "a_b", "back\\slash", "'; DROP TABLE jobs_job; --"])
def test_signs_of_a_pattern_are_plain_letters(owner, text):
    job = add(owner, reference=text)
    add(owner, reference="1000 aXb backslash")
    assert [each.pk for each in found(owner.team, text=text)] == [job.pk]


def test_all_words_of_a_search_must_be_there_in_any_order(owner):
    job = add(owner, label="Anna-speech", reference="order west")
    add(owner, label="Anna")
    assert [each.pk for each in found(owner.team, text="  WEST ANNA ")] == [job.pk]


def test_a_page_that_has_looked_far_enough_says_so_and_where_to_go_on(owner):
    for number in range(12):
        add(owner, at=NOON - timedelta(hours=number), label="needle" if number == 11 else "hay")
    got = page(owner.team, Wanted(text="needle"), looked_at=5)
    assert got.jobs == []
    assert got.looked_back_to == NOON - timedelta(hours=4)
    got = page(owner.team, Wanted(text="needle"), after=got.after, looked_at=5)
    got = page(owner.team, Wanted(text="needle"), after=got.after, looked_at=5)
    assert [job.form_state["label"] for job in got.jobs] == ["needle"]
    assert (got.after, got.looked_back_to) == (None, None)


def test_the_number_of_queries_does_not_grow_with_what_is_found(owner):
    add(owner)
    counts = []
    for _round in range(2):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page(owner.team, Wanted(model="lipsync-image", text="face"))
        counts.append(len(queries))
        for number in range(30):
            add(owner, at=NOON - timedelta(minutes=number))
    assert counts[0] == counts[1] + 1 == 3  # a full page need not ask where its window ends


def _steps(statement: str, values: tuple) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        return [row[3] for row in cursor.fetchall()]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the plan is read in SQLite's words")
@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({}, "job_by_team"),
        ({"status": "failed"}, "job_by_state"),
        ({"model": "lipsync-video"}, "job_by_model"),
        ({"person": True}, "job_by_person"),
        ({"key": True}, "job_by_key"),
        ({"status": "failed", "text": "x"}, "job_by_state"),
        ({"key": True, "status": "failed", "model": "lipsync-video"}, "job_by_key"),
        ({"text": "x"}, "job_by_team"),
    ],
)
def test_a_window_follows_its_index_without_sorting(owner, wanted, index):
    people = {"person": owner.user, "key": owner.key}
    asked = Wanted(**{name: people.get(name, value) for name, value in wanted.items()})
    for after in (None, (NOON, uuid.uuid4())):
        with CaptureQueriesContext(connection) as queries:
            page(owner.team, asked, after=after)
        steps = _steps(queries[0]["sql"], ())
        assert any(index in step for step in steps), steps
        # The few that were found may be put in order, the window may not.
        looked = [step for step in steps if "jobs_job" in step or "SCAN" in step]
        assert not any("SCAN jobs_job" in step for step in looked), steps
        if len(queries.captured_queries[0]["sql"].split("looked")) == 1:
            assert not any("TEMP B-TREE" in step for step in steps), steps


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the plan is read in SQLite's words")
def test_rows_that_are_named_are_looked_up_and_not_searched_for(owner):
    ids = [add(owner).pk for _ in range(3)]
    with CaptureQueriesContext(connection) as queries:
        history.known(owner.team, ids)
        history.some(owner.team, ids)
    for query in queries:
        steps = _steps(query["sql"], ())
        assert any(
            "SEARCH jobs_job USING INDEX sqlite_autoindex_jobs_job_1 (id=?)" in step for step in steps
        ), steps
