"""What a team's credits were spent on."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import audit, keys, ledger
from accounts.ledger import usage
from accounts.models import Entry

DAY = date(2026, 3, 9)

pytestmark = pytest.mark.django_db


def spend(character, amount=10, *, kind="api", at=None, model="lipsync-image", key=None, person=None):
    """Reserve and charge as a job does, and let both lines be of this moment."""
    job = uuid.uuid4()
    source = ledger.Source(job_id=job, key=key, person=person, model=model)
    for verb, reference in ((ledger.reserve, f"job:{job}:minimum"), (ledger.charge, f"job:{job}")):
        verb(team=character.team, kind=kind, amount=amount, reference=reference, source=source)
    Entry.objects.filter(job_id=job).update(created_at=at or datetime(2026, 3, 9, 12, tzinfo=UTC))


def used(character, kind="api", *, first=DAY, last=DAY, by="model"):
    rows = usage.by_day(character.team, kind, first=first, last=last, by=by)
    return [(row.day, row.who, row.jobs, row.credits) for row in rows]


def test_charges_are_summed_by_day_and_model(owner):
    spend(owner)
    spend(owner, 30)
    spend(owner, 7, model="lipsync-video")
    assert used(owner) == [(DAY, "lipsync-image", 2, 40), (DAY, "lipsync-video", 1, 7)]


def test_each_purse_is_told_by_itself(owner):
    spend(owner, 10, kind="api")
    spend(owner, 3, kind="user")
    assert [row[3] for row in used(owner, "api")] == [10]
    assert [row[3] for row in used(owner, "user")] == [3]


def test_another_teams_charges_are_not_told(owner, stranger):
    spend(stranger)
    assert used(owner) == []


def test_what_is_reserved_or_given_back_is_not_spent(owner):
    source = ledger.Source(job_id=uuid.uuid4(), model="lipsync-image")
    asked = {"team": owner.team, "kind": "api", "amount": 10, "source": source}
    ledger.reserve(reference="a", **asked)
    ledger.give_back(reference="a", **asked)
    today = datetime.now(UTC).date()
    assert used(owner, first=today - timedelta(days=1), last=today + timedelta(days=1)) == []


def test_days_are_those_of_utc_and_both_ends_count(owner):
    for moment in ("08T23:59:59.999999", "09T00:00:00", "09T23:59:59.999999", "10T00:00:00"):
        spend(owner, at=datetime.fromisoformat(f"2026-03-{moment}+00:00"))
    assert [(row[0], row[2]) for row in used(owner)] == [(DAY, 2)]
    wider = used(owner, first=DAY - timedelta(days=1), last=DAY + timedelta(days=1))
    assert [(row[0].day, row[2]) for row in wider] == [(8, 1), (9, 2), (10, 1)]


def test_told_by_key_or_by_person(owner, teammate):
    other, _secret = keys.issue(
        team=owner.team, created_by=owner.user, name="nightly", actor=None, who=audit.UNRECORDED
    )
    spend(owner, 10, key=owner.key)
    spend(owner, 20, key=other)
    assert {row[1]: row[3] for row in used(owner, by="key")} == {owner.key.pk: 10, other.pk: 20}
    spend(owner, 5, kind="user", person=teammate.user)
    spend(owner, 6, kind="user", person=None)  # of somebody who deleted their account
    assert {row[1]: row[3] for row in used(owner, "user", by="person")} == {teammate.user.pk: 5, None: 6}


def test_names_are_those_of_the_team(owner, stranger):
    found = {owner.key.pk, stranger.key.pk, None}
    assert usage.names(owner.team, "key", found) == {owner.key.pk: owner.key.name}
    assert usage.names(owner.team, "person", {owner.user.pk, None}) == {owner.user.pk: "owner@example.com"}
    assert usage.names(owner.team, "model", {"lipsync-image", ""}) == {"lipsync-image": "lipsync-image"}


@pytest.mark.skipif(
    connection.vendor != "sqlite", reason="PostgreSQL plans by how much there is, here nothing"
)
@pytest.mark.parametrize("by", usage.DIMENSIONS)
def test_range_is_one_statement_that_reads_by_its_index(owner, by):
    with CaptureQueriesContext(connection) as seen:
        used(owner, by=by)
    (statement,) = seen.captured_queries
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement['sql']}")
        plan = "\n".join(str(row) for row in cursor.fetchall())
    assert "entry_by_time" in plan, plan
