"""The operator's pages: site-wide connections are saved by the service, a team's are only looked at."""

import pytest
from django.contrib.auth.models import Permission
from django.db import connection as database
from django.urls import reverse

from accounts.models import User
from jobs.models import Connection, InboundWebhook
from tests.conftest import Character, character
from tests.jobs.remotely import KEY, Upstream, answer, connect, remote_job

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "whsec_" + "c2VjcmV0" * 4
LIST = "/operator/jobs/connection/"
NEW = f"{LIST}add/"


@pytest.fixture
def upstream(httpserver):
    return Upstream(httpserver)


@pytest.fixture
def operator(db) -> Character:
    found = character("operator@example.com")
    User.objects.filter(pk=found.user.pk).update(is_staff=True, is_superuser=True)
    return found


def typed(server, **values) -> dict:
    return {
        "name": "rack",
        "base_url": server.url_for("/"),
        "key": KEY,
        "callback_base": "",
        "secrets": SECRET,
        "concurrency": "4",
        "polls_a_second": "5",
        "preference": "50",
        "idempotent": "on",
        **values,
    }


def change(connection) -> str:
    return f"{LIST}{connection.pk}/change/"


def page(client, url: str) -> str:
    answered = client.get(url)
    assert answered.status_code == 200
    return answered.content.decode()


def test_site_wide_connection_is_made_and_changed(operator, upstream, httpserver):
    assert operator.client.post(NEW, typed(httpserver)).status_code == 302
    [kept] = Connection.objects.all()
    assert (kept.team, kept.name, kept.key, kept.secrets) == (None, "rack", KEY, [SECRET])
    changed = typed(httpserver, key="", secrets="", concurrency="9")
    assert operator.client.post(change(kept), changed).status_code == 302
    kept.refresh_from_db()
    assert (kept.concurrency, kept.key, kept.secrets) == (9, KEY, [SECRET])
    assert len(httpserver.log) == 2


def test_private_server_of_the_operator_is_allowed(operator, upstream, httpserver, settings):
    settings.OUTBOUND_ALLOW_LOOPBACK = False
    assert operator.client.post(NEW, typed(httpserver)).status_code == 302


def test_server_is_asked_outside_any_transaction(operator, upstream, httpserver):
    seen = []
    upstream.on_ask = lambda request: seen.append(User.objects.create_user("written@example.com"))
    assert operator.client.post(NEW, typed(httpserver)).status_code == 302
    assert len(seen) == 1
    assert not database.in_atomic_block


def test_refusal_is_shown_and_nothing_is_made(operator, upstream, httpserver):
    upstream.on_ask = lambda request: answer({}, 401)
    answered = operator.client.post(NEW, typed(httpserver))
    assert answered.status_code == 200
    text = answered.content.decode()
    assert "refuses the key" in text
    assert KEY not in text
    assert SECRET not in text
    assert not Connection.objects.exists()


def test_nothing_secret_is_shown(operator, owner, httpserver):
    looker = character("looker@example.com")
    User.objects.filter(pk=looker.user.pk).update(is_staff=True)
    looker.user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    rack = connect(httpserver, name="rack", secrets=[SECRET])
    theirs = connect(httpserver, team=owner.team, secrets=[SECRET])
    job = remote_job(owner)
    for person in (operator, looker):
        pages = [page(person.client, url) for url in (LIST, change(rack), change(theirs))]
        pages.append(page(person.client, f"/operator/jobs/job/{job.pk}/change/"))
        for text in pages:
            assert KEY not in text
            assert SECRET not in text
            assert job.callback_token not in text
            assert rack.key_sealed not in text


def test_teams_connection_cannot_be_changed_but_switched_off(operator, owner, httpserver):
    kept = connect(httpserver, team=owner.team)
    assert operator.client.post(change(kept), typed(httpserver)).status_code == 403
    assert operator.client.post(f"{LIST}{kept.pk}/delete/", {"post": "yes"}).status_code == 403
    operator.client.post(LIST, {"action": "switch_off", "_selected_action": [kept.pk]})
    assert not Connection.objects.get(pk=kept.pk).is_active
    operator.client.post(LIST, {"action": "switch_on", "_selected_action": [kept.pk]})
    assert Connection.objects.get(pk=kept.pk).is_active
    assert not httpserver.log


def test_unused_site_wide_connection_is_deleted_and_a_used_one_stays(operator, owner, httpserver):
    kept = connect(httpserver, name="rack")
    remote_job(owner)
    operator.client.post(f"{LIST}{kept.pk}/delete/", {"post": "yes"})
    assert Connection.objects.filter(pk=kept.pk).exists()
    unused = connect(httpserver, name="barn")
    operator.client.post(f"{LIST}{unused.pk}/delete/", {"post": "yes"})
    assert not Connection.objects.filter(pk=unused.pk).exists()


def test_owner_of_a_team_is_no_operator(owner, httpserver):
    kept = connect(httpserver, name="rack")
    for url in (LIST, NEW, change(kept)):
        assert owner.client.get(url).status_code == 302
        assert owner.client.post(url, typed(httpserver)).status_code == 302
    assert not httpserver.log


def test_calls_that_came_in_are_shown(operator, owner, httpserver):
    connect(httpserver, team=owner.team)
    call = InboundWebhook.objects.create(
        job=remote_job(owner), message_id="msg_1", verified=True, body=b'{"status": "<b>\xff"}'
    )
    text = page(operator.client, reverse("admin:jobs_inboundwebhook_change", args=[call.pk]))
    assert "msg_1" in text
    assert "&lt;b&gt;" in text
    assert "msg_1" in page(operator.client, "/operator/jobs/inboundwebhook/")
