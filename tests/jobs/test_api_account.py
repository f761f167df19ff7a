"""GET /api/v1/key, /balance and /usage."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.models import Entry
from jobs import lifecycle
from tests.jobs.making import claim, make_job, result

pytestmark = pytest.mark.django_db


def get(client, character, path, **query):
    return client.get(f"/api/v1/{path}", query, headers=character.headers)


def test_a_key_is_told_which_it_is_and_nothing_secret(client, owner):
    answer = get(client, owner, "key")
    assert answer.json() == {
        "id": owner.key.public_id,
        "name": owner.key.name,
        "label": f"sk_{owner.key.public_id}_…",
        "team": owner.team.name,
        "test": False,
        "createdAt": owner.key.created_at.isoformat(),
        "lastUsedAt": answer.json()["lastUsedAt"],
        "expiresAt": None,
        "limits": {
            "models": [],
            "resolutions": [],
            "addresses": [],
            "requestsAMinute": 1200,
            "dailyCredits": None,
            "totalCredits": None,
        },
        "spent": None,
    }
    assert owner.secret.split("_")[2] not in answer.content.decode()


def test_balance_is_that_of_the_api_credits(client, owner, stranger):
    make_job(owner)
    make_job(owner, by="person")
    assert get(client, owner, "balance").json() == {"available": 990, "reserved": 10}
    assert get(client, stranger, "balance").json() == {"available": 1000, "reserved": 0}


def spend(character, *, days_ago=0, **how):
    job = make_job(character, **how)
    lifecycle.succeed(claim(job), result(job))
    moment = datetime.combine(timezone.now().date(), datetime.min.time(), UTC) - timedelta(days=days_ago)
    Entry.objects.filter(job_id=job.pk, kind="charge").update(created_at=moment)
    return job


def day(days_ago):
    return (timezone.now().date() - timedelta(days=days_ago)).isoformat()


def test_usage_sums_what_keys_spent_by_day_and_model(client, owner, stranger):
    spend(owner)
    spend(owner)
    spend(owner, days_ago=1)
    video = spend(owner, days_ago=1)
    Entry.objects.filter(job_id=video.pk).update(model="lipsync-video")
    spend(owner, days_ago=40)
    spend(owner, by="person")
    spend(stranger)
    make_job(owner)
    found = get(client, owner, "usage").json()
    assert found == {
        "from": day(29),
        "to": day(0),
        "jobs": 4,
        "credits": 40,
        "days": [
            {"date": day(1), "model": "lipsync-image", "jobs": 1, "credits": 10},
            {"date": day(1), "model": "lipsync-video", "jobs": 1, "credits": 10},
            {"date": day(0), "model": "lipsync-image", "jobs": 2, "credits": 20},
        ],
    }
    assert get(client, owner, "usage", **{"from": day(40), "to": day(40)}).json()["jobs"] == 1


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"from": "2026-01-02", "to": "2026-01-01"}, "out_of_range"),
        ({"from": "2026-01-01", "to": "2026-04-03"}, "out_of_range"),
        ({"from": "20260101"}, "invalid"),
        ({"from": "2026-W05-6"}, "invalid"),
        ({"from": "0001-01-01"}, "invalid"),
        ({"to": "9999-12-31"}, "invalid"),
        ({"to": "2026-02-30"}, "invalid"),
        ({"form": "2026-01-01"}, "unknown_field"),
    ],
)
def test_usage_refuses_days_that_do_not_fit(client, owner, query, code):
    answer = get(client, owner, "usage", **query)
    assert answer.status_code == 422
    assert answer.json()["fields"][0]["code"] == code


def test_usage_of_the_longest_range_is_answered(client, owner):
    assert get(client, owner, "usage", **{"from": "2026-01-01", "to": "2026-04-02"}).status_code == 200


@pytest.mark.parametrize("path", ["key", "balance"])
def test_takes_no_parameters(client, owner, path):
    answer = get(client, owner, path, full="1")
    assert (answer.status_code, answer.json()["fields"][0]["code"]) == (422, "unknown_field")


@pytest.mark.parametrize("path", ["key", "balance", "usage", "jobs"])
def test_needs_a_key(client, db, path):
    assert client.get(f"/api/v1/{path}").status_code == 401
