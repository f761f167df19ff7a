"""What a limited key may ask for, from where, and what a change means to a request that is under way."""

import json
import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import audit, keys, ledger
from accounts.keys.limits import Limits
from accounts.models import ApiKey
from jobs import catalog, form_state, key_limits, reconciliation, submit
from jobs.models import Job
from jobs.submit import prepare
from tests.conftest import Character
from tests.jobs.making import VALUES, make_job
from tests.racing import until_waited

pytestmark = pytest.mark.django_db

STATE = {"image": "https://example.com/a.png", "audio": "https://example.com/a.wav"}


def limited(owner: Character, *, is_test: bool = False, **limits) -> dict[str, str]:
    """The headers of a new key with these limits."""
    _key, secret = keys.issue(
        team=owner.team,
        created_by=owner.user,
        is_test=is_test,
        limits=Limits(**limits),
        actor=None,
        who=audit.UNRECORDED,
    )
    return {"Authorization": f"Bearer {secret}"}


def post(client, headers, *, model="lipsync-image", state=STATE, estimate=False, **extra):
    url = f"/api/v1/{model}{'/estimate' if estimate else ''}"
    return client.post(url, json.dumps({"formState": state}), "application/json", headers=headers, **extra)


@pytest.mark.parametrize("is_test", [False, True])
@pytest.mark.parametrize("estimate", [False, True])
def test_another_model_is_refused_by_name(client, owner, is_test, estimate):
    headers = limited(owner, is_test=is_test, allowed_models=("lipsync-video", "lipsync-image-multi"))
    answer = post(client, headers, estimate=estimate)
    assert (answer.status_code, answer.json()["code"]) == (403, "model_not_allowed")
    assert (
        "may not use lipsync-image; it may use lipsync-video, lipsync-image-multi" in answer.json()["error"]
    )
    assert not Job.objects.exists()
    assert ledger.balances(owner.team).api.reserved == 0


def test_another_resolution_is_refused_and_the_default_counts(client, owner):
    headers = limited(owner, resolutions=("720p",))
    for state in (STATE, {**STATE, "resolution": "480p"}):
        answer = post(client, headers, state=state)
        assert (answer.status_code, answer.json()["code"]) == (403, "resolution_not_allowed")
        assert "may not ask for 480p; it may ask for 720p" in answer.json()["error"]
    assert post(client, headers, state={**STATE, "resolution": "720p"}).status_code == 200


def test_what_is_allowed_is_taken(client, owner):
    headers = limited(owner, allowed_models=("lipsync-image",), resolutions=("480p",))
    assert post(client, headers).status_code == 200
    assert client.get("/api/v1/jobs", headers=headers).status_code == 200


def test_another_address_is_refused_by_name_and_the_key_is_not_used(client, owner):
    headers = limited(owner, addresses=("203.0.113.0/24", "2001:db8::/32"))
    for address in ("203.0.113.9", "2001:db8::9"):
        assert client.get("/api/v1/key", headers=headers, REMOTE_ADDR=address).status_code == 200
    ApiKey.objects.update(last_used_at=None, last_used_from=None)
    for address in ("198.51.100.1", "2001:db9::1"):
        answer = client.get("/api/v1/key", headers=headers, REMOTE_ADDR=address)
        assert (answer.status_code, answer.json()["code"]) == (403, "address_not_allowed")
        assert address in answer.json()["error"]
    assert not ApiKey.objects.filter(last_used_at__isnull=False).exists()


def test_the_address_is_the_one_that_the_trusted_proxies_saw(client, owner, settings):
    headers = limited(owner, addresses=("203.0.113.7",))
    forged = {**headers, "X-Forwarded-For": "203.0.113.7"}
    assert client.get("/api/v1/key", headers=forged).status_code == 403
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    assert client.get("/api/v1/key", headers=forged).status_code == 200
    through = {**headers, "X-Forwarded-For": "203.0.113.7, 198.51.100.1"}
    assert client.get("/api/v1/key", headers=through).status_code == 403


def test_a_key_that_is_used_elsewhere_is_a_guess_of_that_address(client, owner, settings):
    """Whoever stole it can neither use up its requests nor go on trying."""
    settings.API_WRONG_KEYS_PER_MINUTE, settings.API_REQUESTS_PER_MINUTE = 3, 2
    headers = limited(owner, addresses=("203.0.113.7",))
    tried = [client.get("/api/v1/key", headers=headers).status_code for _time in range(5)]
    assert tried == [403] * 3 + [429] * 2
    here = client.get("/api/v1/key", headers=headers, REMOTE_ADDR="203.0.113.7")
    assert (here.status_code, here["RateLimit"][:9]) == (200, '"key";r=1')


@pytest.mark.parametrize(("own", "site", "holds"), [(2, 1200, 2), (5000, 3, 3), (2, 0, 2), (None, 3, 3)])
def test_the_lower_of_two_paces_holds(client, owner, settings, own, site, holds):
    settings.API_REQUESTS_PER_MINUTE = site
    headers = limited(owner, requests_a_minute=own)
    answers = [client.get("/api/v1/key", headers=headers) for _time in range(holds + 1)]
    assert [each.status_code for each in answers] == [200] * holds + [429]
    assert answers[-1].json()["code"] == "rate_limited"
    assert f";q={holds};" in answers[-1]["RateLimit-Policy"]


def test_an_expired_key_gets_what_a_revoked_one_gets(client, owner):
    headers = limited(owner, expires_at=timezone.now())
    answer = client.get("/api/v1/key", headers=headers)
    assert answer.status_code == 401
    assert answer.content == client.get("/api/v1/key").content


def test_credits_are_limited_and_the_key_is_told(client, owner):
    headers = limited(owner, daily_credits=25, total_credits=100)
    assert [post(client, headers).status_code for _time in range(3)] == [200, 200, 402]
    assert post(client, headers).json()["code"] == "key_limit_reached"
    told = client.get("/api/v1/key", headers=headers).json()
    assert (told["limits"]["dailyCredits"], told["limits"]["totalCredits"]) == (25, 100)
    assert told["spent"] == {"today": 20, "inAll": 20}
    assert post(client, owner.headers).status_code == 200


def test_a_limit_that_is_set_later_counts_what_was_spent_before(client, owner):
    assert [post(client, owner.headers).status_code for _time in range(2)] == [200, 200]
    keys.set_limits(key=owner.key, limits=Limits(total_credits=25), actor=None, who=audit.UNRECORDED)
    assert post(client, owner.headers).json()["code"] == "key_limit_reached"
    assert client.get("/api/v1/key", headers=owner.headers).json()["spent"] == {"today": 20, "inAll": 20}


def test_a_limited_key_tells_all_its_limits(client, owner):
    ends = timezone.now() + timedelta(days=3)
    headers = limited(
        owner,
        allowed_models=("lipsync-image",),
        resolutions=("480p",),
        addresses=("127.0.0.1",),
        requests_a_minute=9,
        expires_at=ends,
    )
    told = client.get("/api/v1/key", headers=headers).json()
    assert told["expiresAt"] == ends.isoformat()
    assert told["limits"] == {
        "models": ["lipsync-image"],
        "resolutions": ["480p"],
        "addresses": ["127.0.0.1"],
        "requestsAMinute": 9,
        "dailyCredits": None,
        "totalCredits": None,
    }


CHANGES = {
    "revoked": {"revoked_at": timezone.now()},
    "expired": {"expires_at": timezone.now()},
    "model": {"allowed_models": ["lipsync-video"]},
    "resolution": {"resolutions": ["720p"]},
    "address": {"addresses": ["203.0.113.7"]},
    "credits a day": {"daily_credits": 5000},
    "credits in all": {"total_credits": 5000},
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("is_test", [False, True])
def test_a_change_while_a_request_is_under_way_stops_it(owner, change, is_test):
    """As it was judged is not as it is: nothing is reserved and no job is made."""
    key, _secret = keys.issue(
        team=owner.team, created_by=None, is_test=is_test, actor=None, who=audit.UNRECORDED
    )
    as_read = ApiKey.objects.select_related("team").get(pk=key.pk)
    ApiKey.objects.filter(pk=key.pk).update(**CHANGES[change])
    state = form_state.build(catalog.get("lipsync-image"), VALUES)
    with pytest.raises(key_limits.KeyChanged):
        submit.submit(team=owner.team, actor=as_read, form_state=state)
    assert not Job.objects.exists()
    assert ledger.balances(owner.team).api.reserved == 0


def test_a_team_that_is_closed_meanwhile_takes_nothing(owner):
    as_read = ApiKey.objects.select_related("team").get(pk=owner.key.pk)
    owner.team.disabled_at = timezone.now()
    owner.team.save()
    state = form_state.build(catalog.get("lipsync-image"), VALUES)
    with pytest.raises(key_limits.KeyChanged):
        submit.submit(team=as_read.team, actor=as_read, form_state=state)


def test_a_limited_key_submits_as_its_limits_were_read(owner):
    limits = Limits(
        allowed_models=("lipsync-image", "lipsync-video"), resolutions=("480p",), addresses=("127.0.0.1",)
    )
    key, _secret = keys.issue(
        team=owner.team, created_by=None, limits=limits, actor=None, who=audit.UNRECORDED
    )
    as_read = ApiKey.objects.select_related("team").get(pk=key.pk)
    state = form_state.build(catalog.get("lipsync-image"), VALUES)
    assert submit.submit(team=owner.team, actor=as_read, form_state=state).reserved == 10


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite's one writer waits before it judges")
@pytest.mark.django_db(transaction=True)
def test_a_request_that_waits_for_the_purse_while_its_key_gets_its_first_limit_is_stopped(owner):
    as_read = ApiKey.objects.select_related("team").get(pk=owner.key.pk)
    state = form_state.build(catalog.get("lipsync-image"), VALUES)
    refused = []

    def ask():
        try:
            submit.submit(team=owner.team, actor=as_read, form_state=state)
        except key_limits.KeyChanged as error:
            refused.append(error.code)
        finally:
            connection.close()

    thread = threading.Thread(target=ask)
    with transaction.atomic():
        keys.set_limits(key=owner.key, limits=Limits(total_credits=500), actor=None, who=audit.UNRECORDED)
        thread.start()
        until_waited()
    thread.join()
    assert refused == ["key_changed"]
    assert (Job.objects.count(), ledger.balances(owner.team).api.reserved) == (0, 0)
    assert reconciliation.findings() == []


def test_a_change_is_answered_with_a_word_of_its_own(client, owner):
    """The same over HTTP, with the key revoked by another connection's write between the judgement and the commit."""
    judged = []

    def revoke_after_prepare(execute, sql, params, many, context):
        if sql.startswith("UPDATE") and "purse" in sql and not judged:
            judged.append(sql)
            ApiKey.objects.filter(pk=owner.key.pk).update(revoked_at=timezone.now())
        return execute(sql, params, many, context)

    with connection.execute_wrapper(revoke_after_prepare):
        answer = post(client, owner.headers)
    assert judged
    assert (answer.status_code, answer.json()["code"]) == (409, "key_changed")
    assert answer["Retry-After"] == "1"
    assert not Job.objects.exists()


def test_a_job_that_was_taken_goes_on_after_its_key_is_revoked(owner):
    job = make_job(owner)
    keys.revoke(key=owner.key, actor=None, who=audit.UNRECORDED)
    job.refresh_from_db()
    assert job.state == "queued"


def test_judging_costs_no_query(owner):
    key = ApiKey.objects.select_related("team").get(pk=owner.key.pk)
    key.allowed_models, key.resolutions = ["lipsync-image"], ["480p"]
    state = form_state.build(catalog.get("lipsync-image"), VALUES)
    with CaptureQueriesContext(connection) as queries:
        key_limits.check(key, state)
    assert not len(queries)
    assert prepare(team=owner.team, actor=owner.membership, form_state=state)  # a person has no such limits


def test_a_rolled_key_goes_on_where_the_old_one_stood_and_the_ledger_still_adds_up(client, owner):
    headers = limited(owner, total_credits=45, daily_credits=45)
    assert [post(client, headers).status_code for _time in range(2)] == [200, 200]
    old = ApiKey.objects.get(public_id=client.get("/api/v1/key", headers=headers).json()["id"])
    new, secret = keys.roll(
        key=old, overlap=timedelta(days=1), by=owner.user, actor=None, who=audit.UNRECORDED
    )
    rolled = {"Authorization": f"Bearer {secret}"}
    assert client.get("/api/v1/key", headers=rolled).json()["spent"] == {"today": 20, "inAll": 20}
    assert [post(client, rolled).status_code for _time in range(3)] == [200, 200, 402]
    assert not reconciliation.findings()
    # Limits that were taken away and set again find what was carried over, too.
    keys.set_limits(key=new, limits=Limits(), actor=None, who=audit.UNRECORDED)
    keys.set_limits(
        key=new, limits=Limits(total_credits=45, daily_credits=45), actor=None, who=audit.UNRECORDED
    )
    assert client.get("/api/v1/key", headers=rolled).json()["spent"] == {"today": 40, "inAll": 40}
    assert post(client, rolled).status_code == 402
    assert not reconciliation.findings()
    ApiKey.objects.filter(pk=new.pk).update(carried_in_all=0, carried_on_day=0)
    assert len(reconciliation.findings()) == 2
