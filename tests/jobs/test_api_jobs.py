"""GET /api/v1/jobs: the team's jobs, page by page; and POST /api/v1/jobs/{id}/cancel."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import ledger
from jobs import lifecycle, wire
from jobs.models import Job, JobEvent
from tests.jobs.making import claim, make_job, result

pytestmark = pytest.mark.django_db

URL = "/api/v1/jobs"
NEWEST = datetime(2026, 3, 1, 12, tzinfo=UTC)


def ask(client, character, **query):
    return client.get(URL, query, headers=character.headers)


def ids(answer):
    assert answer.status_code == 200, answer.content
    return [job["id"] for job in answer.json()["jobs"]]


def make_jobs(character, count, *, at=None):
    """Jobs a minute apart, or all at one moment; the newest first."""
    jobs = [make_job(character) for _number in range(count)]
    for number, job in enumerate(jobs):
        moment = at or NEWEST - timedelta(minutes=number)
        Job.objects.filter(pk=job.pk).update(created_at=moment)
    return list(Job.objects.filter(team=character.team).order_by("-created_at", "-pk"))


def test_lists_the_documents_that_each_job_has(client, owner):
    job = make_job(owner)
    lifecycle.succeed(claim(job), result(job))
    [listed] = ask(client, owner).json()["jobs"]
    assert listed == client.get(f"{URL}/{job.pk}", headers=owner.headers).json()
    assert listed["status"] == "completed"


@pytest.mark.parametrize("at", [None, NEWEST], ids=["apart", "at one moment"])
def test_pages_hold_every_job_once(client, owner, at):
    jobs = make_jobs(owner, 7, at=at)
    seen, cursor = [], {}
    while True:
        answer = ask(client, owner, limit=3, **cursor)
        seen += ids(answer)
        cursor = {"cursor": answer.json()["nextCursor"]}
        if cursor["cursor"] is None:
            break
    assert seen == [str(job.pk) for job in jobs]


def test_a_job_that_comes_meanwhile_moves_no_page(client, owner):
    jobs = make_jobs(owner, 4)
    first = ask(client, owner, limit=2)
    make_job(owner)
    second = ask(client, owner, limit=2, cursor=first.json()["nextCursor"])
    assert ids(second) == [str(job.pk) for job in jobs[2:]]
    assert second.json()["nextCursor"] is None


def test_each_filter_chooses(client, owner):
    queued, done, failed = (make_job(owner) for _number in range(3))
    Job.objects.filter(pk=done.pk).update(state="completed", reference="order 42")
    lifecycle.cancel(failed.pk)
    Job.objects.filter(pk=failed.pk).update(model="lipsync-video", created_at=NEWEST)
    assert ids(ask(client, owner, status="processing")) == [str(queued.pk)]
    assert ids(ask(client, owner, status="completed")) == [str(done.pk)]
    assert ids(ask(client, owner, status="failed")) == [str(failed.pk)]
    assert ids(ask(client, owner, model="lipsync-video")) == [str(failed.pk)]
    assert ids(ask(client, owner, reference="order 42")) == [str(done.pk)]
    assert ids(ask(client, owner, reference="order 4")) == []
    assert ids(ask(client, owner, createdBefore="2026-03-01T12:00:00Z")) == []
    assert ids(ask(client, owner, createdBefore="2026-03-01T12:00:00.000001Z")) == [str(failed.pk)]
    assert ids(ask(client, owner, createdAfter="2026-03-01T13:00:00+01:00", model="lipsync-video")) == [
        str(failed.pk)
    ]
    assert ids(ask(client, owner, status="failed", model="lipsync-image")) == []


def test_an_offset_whose_plus_was_not_escaped_is_understood(client, owner):
    [job] = make_jobs(owner, 1)
    answer = client.get(f"{URL}?createdAfter=2026-03-01T13:00:00+01:00", headers=owner.headers)
    assert ids(answer) == [str(job.pk)]


def test_another_teams_jobs_are_never_there(client, owner, teammate, stranger):
    jobs = make_jobs(owner, 3)
    Job.objects.update(reference="shared")
    assert ids(ask(client, teammate, reference="shared")) == [str(job.pk) for job in jobs]
    cursor = ask(client, owner, limit=1).json()["nextCursor"]
    for query in ({}, {"reference": "shared"}, {"cursor": cursor}, {"status": "processing"}):
        assert ids(ask(client, stranger, **query)) == []


@pytest.mark.parametrize(
    ("query", "field", "code", "part"),
    [
        ({"limit": "0"}, "limit", "out_of_range", "from 1 to 100"),
        ({"limit": "101"}, "limit", "out_of_range", "from 1 to 100"),
        ({"limit": "٣"}, "limit", "out_of_range", "from 1 to 100"),
        ({"limit": "1e1"}, "limit", "out_of_range", "from 1 to 100"),
        ({"limit": "9" * 5000}, "limit", "out_of_range", "from 1 to 100"),
        ({"status": "canceled"}, "status", "not_a_choice", "processing, completed, failed"),
        ({"model": "lipsync"}, "model", "not_a_choice", "lipsync-image"),
        ({"reference": "x" * 201}, "reference", "too_long", "200"),
        ({"reference": "a\0"}, "reference", "invalid", "printable"),
        ({"createdAfter": "yesterday"}, "createdAfter", "invalid", "offset"),
        ({"createdAfter": "2026-03-01T12:00:00"}, "createdAfter", "invalid", "offset"),
        ({"createdBefore": "0001-01-01T00:00:00+23:59"}, "createdBefore", "invalid", "offset"),
        ({"createdBefore": "9999-12-31T23:59:59-23:59"}, "createdBefore", "invalid", "offset"),
        ({"cursor": "x"}, "cursor", "invalid", "begin without it"),
        ({"cursor": "MDAwMS0wMS0wMQ=="}, "cursor", "invalid", "begin without it"),
        ({"cursor": "\u2603"}, "cursor", "invalid", "begin without it"),
        ({"cursors": "x"}, "cursors", "unknown_field", "did you mean cursor?"),
        ({"page": "2"}, "page", "unknown_field", "it takes: status"),
        ({"limit": ["1", "2"]}, "limit", "invalid", "once"),
    ],
)
def test_refuses_what_does_not_fit_with_a_sentence(client, owner, query, field, code, part):
    answer = ask(client, owner, **query)
    assert answer.status_code == 422
    [problem] = answer.json()["fields"]
    assert (problem["field"], problem["code"]) == (field, code)
    assert part in problem["message"]


def test_an_empty_parameter_counts_as_absent(client, owner):
    job = make_job(owner)
    empty = dict.fromkeys(["status", "model", "reference", "createdAfter", "limit", "cursor"], "")
    assert ids(ask(client, owner, **empty)) == [str(job.pk)]


def test_a_page_takes_two_queries_however_many_jobs(client, owner, django_assert_max_num_queries):
    make_jobs(owner, 5)
    ask(client, owner)
    with django_assert_max_num_queries(2):
        assert len(ids(ask(client, owner))) == 5


@pytest.mark.parametrize("reference", ["", "order"])
def test_a_later_page_is_found_in_the_index(client, owner, reference):
    """The plan neither sorts nor reads more than the index's range."""
    make_jobs(owner, 3)
    Job.objects.update(reference=reference)
    query = {"reference": reference} if reference else {}
    cursor = ask(client, owner, limit=1, **query).json()["nextCursor"]
    with CaptureQueriesContext(connection) as queries:
        ask(client, owner, limit=1, cursor=cursor, **query)
    with connection.cursor() as database:
        database.execute(
            f"EXPLAIN QUERY PLAN {queries[-1]['sql']}" if connection.vendor == "sqlite" else "SELECT ''"
        )
        plan = " ".join(str(row[-1]) for row in database.fetchall())
    if connection.vendor == "sqlite":
        assert ("job_by_reference" if reference else "job_by_team") in plan
        assert "created_at<?" in plan
        assert "TEMP B-TREE" not in plan


# --- cancel ---------------------------------------------------------------------------------------


def cancel(client, character, job, body=None):
    data = "" if body is None else json.dumps(body)
    return client.post(
        f"{URL}/{job.pk}/cancel", data, content_type="application/json", headers=character.headers
    )


@pytest.mark.parametrize("body", [None, {}])
def test_cancel_ends_the_job_and_returns_its_credits(client, owner, body):
    job = make_job(owner)
    answer = cancel(client, owner, job, body)
    assert answer.status_code == 200
    assert answer.json() == wire.job_document(Job.objects.get(pk=job.pk))
    assert (answer.json()["status"], answer.json()["error"]) == ("failed", "Canceled")
    assert (answer.json()["credits"], ledger.balances(owner.team).api.available) == (0, 1000)
    assert JobEvent.objects.get(job=job, verb="cancel").reason == owner.key.label


def test_canceling_again_changes_nothing(client, owner):
    job = make_job(owner)
    assert cancel(client, owner, job).json() == cancel(client, owner, job).json()
    assert JobEvent.objects.filter(job=job, verb="cancel").count() == 1


def test_a_job_that_has_ended_is_409_and_stays(client, owner):
    job = make_job(owner)
    lifecycle.succeed(claim(job), result(job))
    answer = cancel(client, owner, job)
    assert (answer.status_code, answer.json()["code"]) == (409, "job_ended")
    assert Job.objects.get(pk=job.pk).state == "completed"


def test_a_stranger_cannot_cancel(client, owner, stranger):
    job = make_job(owner)
    assert cancel(client, stranger, job).status_code == 404
    assert Job.objects.get(pk=job.pk).state == "queued"


def test_cancel_takes_no_parameters(client, owner):
    job = make_job(owner)
    answer = cancel(client, owner, job, {"refund": True})
    assert (answer.status_code, answer.json()["fields"][0]["code"]) == (422, "unknown_field")
    assert Job.objects.get(pk=job.pk).state == "queued"
