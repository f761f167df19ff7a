"""What a key's page reads, it reads by indexes of the key: a team with a million jobs has the same page."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.keys import usage as key_usage
from accounts.models import Entry
from jobs import lifecycle, queries
from tests.jobs.making import claim, make_job, result

pytestmark = pytest.mark.django_db


def plan(read) -> str:
    with CaptureQueriesContext(connection) as asked:
        read()
    [statement] = asked
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement['sql']}")
        return str(cursor.fetchall())


def test_last_jobs_are_found_by_the_key_in_their_order(owner, teammate):
    first, second = make_job(owner), make_job(owner)
    make_job(teammate)
    make_job(owner, by="person")
    assert queries.last_of_key(owner.key, limit=10) == [second, first]
    assert queries.last_of_key(owner.key, limit=1) == [second]


def test_usage_is_found_by_the_key_and_its_days(owner, teammate):
    for character in (owner, owner, teammate):
        job = make_job(character)
        lifecycle.succeed(claim(job), result(job))
    make_job(owner)  # has not ended
    today = Entry.objects.latest("pk").created_at.date()
    [spent] = key_usage.by_day(owner.key, first=today, last=today)
    assert spent == key_usage.Spent(today, 2, 20)
    assert not list(key_usage.by_day(owner.key, first=date(2020, 1, 1), last=date(2020, 1, 31)))


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL plans by the rows that it has counted")
def test_both_use_the_indexes_that_were_made_for_them(owner):
    jobs = plan(lambda: queries.last_of_key(owner.key, limit=10))
    assert "job_by_key" in jobs
    assert "TEMP B-TREE" not in jobs
    day = date(2026, 1, 1)
    assert "entry_by_key" in plan(lambda: list(key_usage.by_day(owner.key, first=day, last=day)))
