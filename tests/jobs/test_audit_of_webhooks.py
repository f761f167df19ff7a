"""What is changed about webhooks and server connections is in the team's log, put down to who did it."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts import audit, keys
from accounts.models import AuditEvent
from jobs import connections
from jobs.models import Connection
from lipsyncweb.secretbox import seal


def told() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))


def test_the_default_address_is_told_with_the_one_before(owner):
    for url in ("https://one.example/hook", "https://two.example/hook", "https://two.example/hook"):
        owner.client.post(reverse("webhook_default"), {"url": url})
    first, second = AuditEvent.objects.order_by("pk")
    assert (first.action, first.person, first.target) == (
        "webhook.default",
        owner.user,
        "https://one.example/hook",
    )
    assert second.details["before"] == "https://one.example/hook"
    assert second.address == "127.0.0.1"


def test_secrets_that_are_shown_or_made_are_told_without_them(owner):
    owner.client.post(reverse("webhook_reveal"))
    owner.client.post(reverse("webhook_rotate"), {"keep": "day"})
    owner.client.post(reverse("webhook_end_overlap"))
    assert told() == ["webhook.reveal", "webhook.rotate", "webhook.end_overlap"]
    assert "whsec_" not in str(list(AuditEvent.objects.values()))


def test_a_test_sent_by_a_key_is_put_down_to_the_key_alone(owner):
    """Also where somebody is signed in in the same browser."""
    owner.client.post(
        "/api/v1/webhooks/test",
        {"url": "https://one.example/hook"},
        content_type="application/json",
        headers=owner.headers,
    )
    event = AuditEvent.objects.get()
    assert (event.action, event.key, event.person) == ("webhook.test", owner.key, None)


def test_what_is_refused_is_not_told(owner, teammate):
    assert teammate.client.post(reverse("webhook_reveal")).status_code == 403
    owner.client.post(reverse("webhook_default"), {"url": "ftp://nowhere"})
    assert told() == []


@pytest.fixture
def connection(owner) -> Connection:
    return Connection.objects.create(
        team=owner.team, name="farm", base_url="https://farm.example", key_sealed=seal("sk_a_b")
    )


def test_switching_a_connection_is_told_once(owner, connection):
    for on in ("0", "0", "1"):
        owner.client.post(reverse("connection_switch", args=[connection.pk]), {"on": on})
    assert [(event.target, event.details) for event in AuditEvent.objects.order_by("pk")] == [
        ("farm", {"on": False}),
        ("farm", {"on": True}),
    ]


def test_removing_a_connection_is_told(owner, connection):
    owner.client.post(reverse("connection_remove", args=[connection.pk]))
    assert told() == ["connection.remove"]


def test_the_operators_connections_are_in_no_teams_log(db):
    theirs = Connection.objects.create(name="farm", base_url="https://farm.example", key_sealed=seal("k"))
    connections.switch_as_operator(theirs, on=False, who=audit.UNRECORDED)
    assert told() == []


def test_a_stranger_is_told_nothing(owner, stranger, connection):
    owner.client.post(reverse("connection_switch", args=[connection.pk]), {"on": "0"})
    assert not AuditEvent.objects.filter(team=stranger.team).exists()
    assert keys.authenticate(stranger.secret)
    assert Client().get(reverse("webhooks")).status_code == 302
