"""Saving a connection asks its server first; what is secret in it never comes out again."""

import json
import logging
import threading

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone
from pytest_httpserver import HTTPServer

from accounts import audit
from jobs import connections, health, lifecycle, remote, samples
from jobs.form_state import FormState
from jobs.health import ASKING, SENDING
from jobs.models import Connection, Job
from jobs.problems import Invalid
from tests.jobs.making import make_job
from tests.jobs.remotely import KEY, SAMPLES, Upstream, answer, attend, connect, remote_job

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "whsec_" + "c2VjcmV0" * 4
OTHER_SECRET = "whsec_" + "b3RoZXIh" * 4


@pytest.fixture
def upstream(httpserver):
    return Upstream(httpserver)


def new(server: HTTPServer, *, team=None, **values) -> Connection:
    values = {"name": "farm", "base_url": server.url_for("").rstrip("/"), **values}
    return Connection(team=team, **values)


def save(connection, *, key=KEY, secrets=(), actor=None) -> Connection:
    return connections.save(connection, key=key, secrets=secrets, actor=actor, who=audit.UNRECORDED)


def refusal(connection, **values) -> tuple[str, str]:
    """The code, and the field that it is about; nothing was saved."""
    before = Connection.objects.count()
    with pytest.raises(connections.NotUsable) as caught:
        save(connection, **values)
    assert Connection.objects.count() == before
    assert caught.value.sentence
    return caught.value.code, caught.value.field


def test_server_is_asked_with_the_key_before_anything_is_kept(upstream, httpserver, owner):
    kept = save(
        new(httpserver, team=owner.team), secrets=[SECRET, "", f" {OTHER_SECRET} "], actor=owner.membership
    )
    request, response = httpserver.log[0]
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert (len(httpserver.log), response.status_code) == (1, 404)
    fresh = Connection.objects.get(pk=kept.pk)
    assert (fresh.key, fresh.secrets, fresh.team) == (KEY, [SECRET, OTHER_SECRET], owner.team)


def test_sealed_columns_hold_no_plain_text(upstream, httpserver):
    kept = save(new(httpserver), secrets=[SECRET])
    row = json.dumps(list(Connection.objects.filter(pk=kept.pk).values()), default=str)
    assert KEY not in row
    assert SECRET not in row


def test_path_of_the_api_is_left_out(upstream, httpserver):
    kept = save(new(httpserver, base_url=httpserver.url_for("/api/v1/")))
    assert kept.base_url == httpserver.url_for("").rstrip("/")


@pytest.mark.parametrize("status", [401, 403])
def test_refused_key_is_not_usable(upstream, httpserver, status):
    upstream.on_ask = lambda request: answer({"error": "No."}, status)
    assert refusal(new(httpserver)) == ("key_refused", "key")


@pytest.mark.parametrize("status", [500, 503, 302])
def test_server_in_trouble_is_not_usable(upstream, httpserver, status):
    upstream.on_ask = lambda request: answer({}, status, Location="https://example.com/")
    assert refusal(new(httpserver)) == ("not_an_api", "base_url")


def test_web_page_is_not_usable(httpserver):
    httpserver.expect_request("/").respond_with_data("<h1>Hello</h1>", content_type="text/html")
    assert refusal(new(httpserver)) == ("not_an_api", "base_url")


def test_silent_port_is_not_usable(httpserver, unused_port):
    silent = new(httpserver, base_url=f"http://localhost:{unused_port}")
    assert refusal(silent) == ("fetch_failed", "base_url")


@pytest.mark.slow
def test_server_that_does_not_answer_in_time_is_not_usable(upstream, httpserver, settings):
    settings.PROVIDER_TIMEOUT_SECONDS = 0.3
    over = threading.Event()
    upstream.on_ask = lambda request: over.wait(20) and None
    try:
        assert refusal(new(httpserver)) == ("timed_out", "base_url")
    finally:
        over.set()


@pytest.mark.parametrize(
    "url", ["ftp://example.com", "https://user:pw@example.com", "http://h:x", "http://[::1", "https://"]
)
def test_address_that_is_none_is_not_usable(httpserver, url):
    assert refusal(new(httpserver, base_url=url)) == ("url_not_allowed", "base_url")
    assert not httpserver.log


@pytest.mark.parametrize("url", ["http://10.0.0.7", "ftp://example.com", "not an address"])
def test_callback_that_cannot_be_reached_is_not_usable(upstream, httpserver, url):
    assert refusal(new(httpserver, callback_base=url)) == ("url_not_allowed", "callback_base")


def test_engine_of_this_machine_keeps_its_name(upstream, httpserver):
    assert refusal(new(httpserver, name="embedded")) == ("name_taken", "name")


def test_name_is_used_once_a_team_and_once_by_the_operator(upstream, httpserver, owner, stranger):
    save(new(httpserver, team=owner.team), actor=owner.membership)
    assert refusal(new(httpserver, team=owner.team), actor=owner.membership) == ("name_taken", "name")
    save(new(httpserver, team=stranger.team), actor=stranger.membership)
    save(new(httpserver))
    assert refusal(new(httpserver)) == ("name_taken", "name")


@pytest.mark.parametrize("key", ["two words", "ключ", "line\nbreak", "k" * 501])
def test_key_that_no_header_carries_is_not_usable(upstream, httpserver, key):
    assert refusal(new(httpserver), key=key) == ("bad_key", "key")
    assert not httpserver.log


def test_new_connection_needs_a_key(upstream, httpserver):
    assert refusal(new(httpserver), key="") == ("key_required", "key")


@pytest.mark.parametrize("secret", ["secret", "whsec_", "whsec_!!!", "whsec_c2hvcnQ=", SECRET.upper()])
def test_secret_that_signs_nothing_is_not_usable(upstream, httpserver, secret):
    assert refusal(new(httpserver), secrets=[SECRET, secret]) == ("bad_secret", "secrets")


def test_empty_key_and_no_secrets_keep_what_is_there(upstream, httpserver):
    kept = save(new(httpserver), secrets=[SECRET])
    kept.concurrency = 3
    save(kept, key="", secrets=None)
    fresh = Connection.objects.get(pk=kept.pk)
    assert (fresh.key, fresh.secrets, fresh.concurrency) == (KEY, [SECRET], 3)
    save(fresh, key="", secrets=[])
    assert Connection.objects.get(pk=kept.pk).secrets == []


def test_kept_key_is_not_sent_to_another_server(upstream, httpserver):
    kept = save(new(httpserver))
    with HTTPServer(host="127.0.0.1", port=0) as other:
        kept.base_url = other.url_for("").rstrip("/")
        assert refusal(kept, key="") == ("key_required", "key")
        assert not other.log


def test_saving_forgives_earlier_failures(upstream, httpserver):
    kept = connect(httpserver)
    health.failed(kept, ASKING, why="It was down.")
    kept.refresh_from_db()
    health.failed(kept, ASKING, why="It was down again.")
    health.failed(kept, SENDING, why="It took nothing.")
    kept.refresh_from_db()
    assert (kept.failures, kept.send_failures, kept.is_failing) == (2, 1, True)
    assert kept.failing_since < kept.next_try == kept.retry_at
    save(kept, key="", secrets=None)
    kept.refresh_from_db()
    assert (kept.is_failing, kept.failing_since, kept.next_try, kept.last_error) == (False, None, None, "")


def test_failing_since_stays_until_it_works(httpserver):
    kept = connect(httpserver)
    health.failed(kept, ASKING, why="first")
    kept.refresh_from_db()
    since = kept.failing_since
    health.failed(kept, ASKING, why="second")
    kept.refresh_from_db()
    assert kept.failing_since == since
    health.worked(kept, ASKING)
    assert Connection.objects.get(pk=kept.pk).failing_since is None


def test_failures_of_requests_that_ran_together_are_one(httpserver):
    first = connect(httpserver)
    second = Connection.objects.get(pk=first.pk)
    health.failed(first, ASKING, why="down")
    health.failed(second, ASKING, why="down")
    assert Connection.objects.get(pk=first.pk).failures == 1


def test_a_success_that_was_asked_before_a_failure_does_not_undo_it(httpserver):
    early, late = connect(httpserver), Connection.objects.get()
    Connection.objects.update(failures=1, retry_at=timezone.now())
    early.refresh_from_db()
    late.refresh_from_db()
    health.failed(late, ASKING, why="down")
    health.worked(early, ASKING)
    assert Connection.objects.get().failures == 2


def test_a_switch_while_the_server_is_asked_stays(httpserver, upstream):
    kept = save(new(httpserver))

    def switch_off(request):
        Connection.objects.filter(pk=kept.pk).update(is_active=False)

    upstream.on_ask = switch_off
    save(kept, key="")
    assert not Connection.objects.get(pk=kept.pk).is_active


def test_private_address_is_the_operators_alone(upstream, httpserver, owner, settings):
    settings.OUTBOUND_ALLOW_LOOPBACK = False
    refused = refusal(new(httpserver, team=owner.team), actor=owner.membership)
    assert refused == ("url_not_allowed", "base_url")
    assert not httpserver.log
    assert save(new(httpserver)).pk


def test_only_those_who_manage_connections_may(upstream, httpserver, owner, teammate, stranger):
    for actor in (teammate.membership, stranger.membership, owner.key, None):
        with pytest.raises(PermissionDenied):
            save(new(httpserver, team=owner.team), actor=actor)
    with pytest.raises(PermissionDenied):
        save(new(httpserver), actor=owner.membership)
    assert not httpserver.log
    kept = connect(httpserver, team=owner.team)
    for actor in (teammate.membership, stranger.membership, None):
        with pytest.raises(PermissionDenied):
            connections.switch(kept, on=False, actor=actor, who=audit.UNRECORDED)
        with pytest.raises(PermissionDenied):
            connections.remove(kept, actor=actor, who=audit.UNRECORDED)
    assert Connection.objects.get(pk=kept.pk).is_active


def test_strangers_connection_is_neither_offered_nor_used(httpserver, owner, stranger):
    connect(httpserver, team=owner.team)
    names = [choice.name for choice in connections.choices(stranger.team, "lipsync-image")]
    assert names == ["embedded"]
    with pytest.raises(Invalid) as caught:
        make_job(stranger, provider="farm")
    assert "farm" not in caught.value.fields[0].message
    assert [choice.name for choice in connections.choices(owner.team, "lipsync-image")] == [
        "farm",
        "embedded",
    ]


def test_unused_connection_is_removed_and_a_used_one_switched_off(httpserver, owner):
    kept = connect(httpserver, team=owner.team)
    job = remote_job(owner)
    assert connections.remove(kept, actor=owner.membership, who=audit.UNRECORDED) is False
    assert not Connection.objects.get(pk=kept.pk).is_active
    assert Job.objects.get(pk=job.pk).connection == kept
    unused = connect(httpserver, team=owner.team, name="other")
    assert connections.remove(unused, actor=owner.membership, who=audit.UNRECORDED) is True
    assert not Connection.objects.filter(name="other").exists()


def test_switched_off_connection_takes_nothing_new_and_ends_what_it_has(upstream, httpserver, owner):
    kept = connect(httpserver, team=owner.team)
    there, in_line = remote_job(owner), remote_job(owner)
    Connection.objects.update(concurrency=1)
    assert remote.send_due() == 1
    upstream.fail("It is too dark.")
    connections.switch(kept, on=False, actor=owner.membership, who=audit.UNRECORDED)
    assert connections.choose(owner.team, FormState.from_json(there.form_state)) is None
    lifecycle.note_remote_progress(there.pk, 10)
    Job.objects.filter(pk=there.pk).update(next_poll_at=timezone.now())
    attend(there)
    assert Job.objects.get(pk=there.pk).error == "farm: It is too dark."
    assert remote.send_due() == 0
    connections.switch(kept, on=True, actor=owner.membership, who=audit.UNRECORDED)
    assert remote.send_due() == 1
    assert Job.objects.get(pk=in_line.pk).state == "waiting"


def test_secrets_are_read_while_their_encryption_key_is_listed(upstream, httpserver, settings):
    settings.ENCRYPTION_KEYS = ["old"]
    kept = save(new(httpserver), secrets=[SECRET])
    settings.ENCRYPTION_KEYS = ["new", "old"]
    fresh = Connection.objects.get(pk=kept.pk)
    assert (fresh.key, fresh.secrets) == (KEY, [SECRET])
    save(fresh, secrets=[SECRET])
    settings.ENCRYPTION_KEYS = ["new"]
    assert Connection.objects.get(pk=kept.pk).key == KEY
    settings.ENCRYPTION_KEYS = ["other"]
    assert connections.secret_count(fresh) == 0
    assert refusal(fresh, key="", secrets=None) == ("key_unreadable", "key")


def test_key_is_in_no_log(upstream, httpserver, owner, caplog):
    caplog.set_level(logging.DEBUG)
    kept = save(new(httpserver), secrets=[SECRET])
    upstream.on_submit = lambda request: answer({"error": "Broken."}, 500)
    remote_job(owner)
    remote.send_due()
    assert httpserver.log[-1][0].method == "POST"
    kept.refresh_from_db()
    assert "500" in kept.last_error
    for text in (caplog.text, kept.last_error, repr(connections.remote(kept)), repr(kept), str(vars(kept))):
        assert KEY not in text
        assert SECRET not in text


def test_connection_whose_key_cannot_be_read_waits_and_holds_no_other_back(
    upstream, httpserver, owner, settings
):
    settings.ENCRYPTION_KEYS = ["lost"]
    lost = connect(httpserver, name="a-lost")
    settings.ENCRYPTION_KEYS = ["new"]
    connect(httpserver, name="sound")
    stuck, sent = make_remote(owner, "a-lost"), make_remote(owner, "sound")
    remote.send_due()
    assert Job.objects.get(pk=sent.pk).state == "waiting"
    assert Job.objects.get(pk=stuck.pk).state == "queued"
    lost.refresh_from_db()
    assert "ENCRYPTION_KEYS" in lost.last_error
    assert lost.send_failures == 1


def make_remote(owner, provider: str) -> Job:
    samples.speech_path()
    return make_job(owner, provider=provider, **SAMPLES)
