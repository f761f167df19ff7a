"""A key is seen once: no page, log, admin list, webhook or database column has it afterwards."""

import json
import logging
import re

import pytest
from django.apps import apps
from django.db import connection
from django.urls import reverse

from accounts import keys
from accounts.models import ApiKey
from jobs import lifecycle, wire
from tests.jobs.making import claim, make_job, result

pytestmark = pytest.mark.django_db

PAGES = ["keys", "credits", "history", "docs", "webhooks", "connections", "home", "audit", "team"]
BODY = {"formState": {"image": "https://example.com/a.png", "audio": "https://example.com/a.wav"}}


@pytest.fixture
def operator(owner):
    owner.user.is_staff = owner.user.is_superuser = True
    owner.user.save()
    return owner


def used(client, character, caplog):
    """The key, after it did everything that a key can do, and the log of that in full, SQL included."""
    for name in (None, "django.request", "django.db.backends"):
        caplog.set_level(logging.DEBUG, logger=name)
    connection.force_debug_cursor = True
    wrong = character.secret[:-1] + ("a" if character.secret[-1] != "a" else "b")
    for secret in (character.secret, wrong):
        headers = {"Authorization": f"Bearer {secret}"}
        for path in ("key", "jobs", "balance", "usage", "nothing"):
            client.get(f"/api/v1/{path}", headers=headers)
        client.post("/api/v1/lipsync-image", json.dumps(BODY), "application/json", headers=headers)
        client.post("/api/v1/lipsync-image", "{", "application/json", headers=headers)
    client.get("/api/v1/key", {"key": character.secret})
    connection.force_debug_cursor = False
    return character.secret, caplog.text


def test_no_log_has_a_key(owner, client, caplog):
    secret, log = used(client, owner, caplog)
    assert "Unauthorized: /api/v1/key" in log  # it was listened to
    assert owner.key.public_id in log
    assert secret.split("_")[2][:20] not in log


def test_no_page_of_the_team_or_the_operator_has_a_key(operator, client, caplog):
    secret, _log = used(client, operator, caplog)
    tail = secret.split("_")[2]
    addresses = [reverse(name) for name in PAGES]
    addresses += [
        reverse(name, args=[operator.key.pk]) for name in ("key", "key_limits", "key_roll", "key_revoke")
    ]
    index = operator.client.get("/operator/").content.decode()
    addresses += re.findall(r'href="(/operator/\w+/\w+/)"', index)
    addresses += [f"/operator/accounts/apikey/{operator.key.pk}/change/", "/operator/accounts/apikey/?q=sk"]
    digest = ApiKey.objects.get(pk=operator.key.pk).digest
    for address in addresses:
        answer = operator.client.get(address, follow=True)
        assert answer.status_code == 200, address
        page = answer.content.decode()
        assert tail[:20] not in page, address
        assert digest not in page, address


def test_no_webhook_and_no_answer_has_a_key(owner, client):
    job = make_job(owner)
    lifecycle.succeed(claim(job), result(job))
    job.refresh_from_db()
    tail = owner.secret.split("_")[2]
    assert tail not in json.dumps(wire.job_document(job))
    for path in ("key", f"jobs/{job.pk}", "jobs", "usage", "webhooks/deliveries"):
        answer = client.get(f"/api/v1/{path}", headers=owner.headers)
        assert answer.status_code == 200
        assert tail not in answer.content.decode()


def test_no_column_of_any_table_has_a_key(owner, client, caplog):
    owner.client.post(reverse("keys"), {"name": "another"})
    page = owner.client.post(reverse("key_roll", args=[owner.key.pk]), {"overlap": "day"}).content.decode()
    [rolled] = re.findall(keys.PATTERN, page)
    secrets = {used(client, owner, caplog)[0].split("_")[2], rolled[2]}
    for model in apps.get_models():
        for row in model._default_manager.values_list():
            for value in row:
                assert not [secret for secret in secrets if secret in str(value)], model
