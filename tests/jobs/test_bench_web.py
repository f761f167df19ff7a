"""The views that `make bench-web` compares the API with send what the API sends: less would be no comparison."""

import json
import re

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from jobs.models import Job, JobEvent, Outbox
from tests.bench import web
from tests.jobs.making import make_job

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.bench.urls")]


def asked(client, method, path, headers, body=None):
    """The answer and, for each statement, its verb and its tables; not what only begins or ends a transaction."""
    arguments = {"data": body, "content_type": "application/json"} if body else {}
    with CaptureQueriesContext(connection) as queries:
        answer = getattr(client, method)(path, headers=headers, **arguments)
    statements = [each["sql"].replace('"', "") for each in queries]
    return answer, [
        (verb, *re.findall(r"(?:FROM|JOIN|INTO|UPDATE) ((?:accounts|jobs)_\w+)", statement))
        for statement in statements
        if (verb := statement.split()[0]) not in ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT")
    ]


def test_the_minimal_read_sends_the_same_queries_and_bytes(client, owner):
    job = make_job(owner)
    client.get(f"/api/v1/jobs/{job.pk}", headers=owner.headers)  # notes the key's use
    ours, our_queries = asked(client, "get", f"/api/v1/jobs/{job.pk}", owner.headers)
    theirs, their_queries = asked(client, "get", f"/api/bench/jobs/{job.pk}", owner.headers)
    assert ours.content == theirs.content
    assert our_queries == their_queries
    assert [each[:2] for each in our_queries] == [("SELECT", "accounts_apikey"), ("SELECT", "jobs_job")]
    known = {**owner.headers, "If-None-Match": ours["ETag"]}
    assert client.get(f"/api/v1/jobs/{job.pk}", headers=known).status_code == 304
    assert client.get(f"/api/bench/jobs/{job.pk}", headers=known).status_code == 304


@override_settings(OUTBOUND_ALLOW_LOOPBACK=False)
def test_the_minimal_submit_sends_the_same_queries_and_bytes(client, owner):
    body = json.dumps(web.SUBMIT)
    client.post("/api/v1/lipsync-image", body, "application/json", headers=owner.headers)
    ours, our_queries = asked(client, "post", "/api/v1/lipsync-image", owner.headers, body)
    theirs, their_queries = asked(client, "post", "/api/bench/submit", owner.headers, body)
    assert ours.status_code == theirs.status_code == 200
    assert len(ours.content) == len(theirs.content)
    assert our_queries == their_queries
    one, other = (Job.objects.get(pk=answer.json()["id"]) for answer in (ours, theirs))
    assert (one.reserved, one.purse, one.webhook, one.line) == (
        other.reserved,
        other.purse,
        other.webhook,
        other.line,
    )
    assert JobEvent.objects.filter(job=other).count() == Outbox.objects.filter(job=other).count() == 1
