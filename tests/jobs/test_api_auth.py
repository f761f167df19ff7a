"""Who may call the API."""

import pytest
from django.utils import timezone

from accounts import audit, keys
from accounts.keys.limits import Limits
from accounts.models import ApiKey, Team

pytestmark = pytest.mark.django_db

URL = "/api/v1/jobs/00000000-0000-4000-8000-000000000000"


def changed_tail(secret: str) -> str:
    return secret[:-1] + ("a" if secret[-1] != "a" else "b")


def test_every_bad_key_gets_the_same_401(client, owner, stranger):
    revoked, revoked_secret = keys.issue(
        team=owner.team, created_by=owner.user, actor=None, who=audit.UNRECORDED
    )
    keys.revoke(key=revoked, actor=None, who=audit.UNRECORDED)
    _deleted, deleted_secret = keys.issue(
        team=owner.team, created_by=owner.user, actor=None, who=audit.UNRECORDED
    )
    ApiKey.objects.filter(pk=_deleted.pk).delete()
    _expired, expired_secret = keys.issue(
        team=owner.team,
        created_by=None,
        limits=Limits(expires_at=timezone.now()),
        actor=None,
        who=audit.UNRECORDED,
    )
    _closed, closed_secret = keys.issue(team=stranger.team, created_by=None, actor=None, who=audit.UNRECORDED)
    Team.objects.filter(pk=stranger.team.pk).update(disabled_at=timezone.now())
    headers = [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": f"Basic {owner.secret}"},
        {"Authorization": f"Bearer {changed_tail(owner.secret)}"},
        {"Authorization": f"Bearer {revoked_secret}"},
        {"Authorization": f"Bearer {deleted_secret}"},
        {"Authorization": f"Bearer {expired_secret}"},
        {"Authorization": f"Bearer {closed_secret}"},
    ]
    answers = [client.get(URL, headers=each) for each in headers]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0]["WWW-Authenticate"] == "Bearer"


def test_a_key_in_the_query_string_is_401(client, owner):
    assert client.get(f"{URL}?key={owner.secret}").status_code == 401


def test_a_session_is_no_key(owner):
    assert owner.client.get(URL).status_code == 401


def test_a_mistyped_key_costs_no_query(client, owner, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert keys.authenticate(changed_tail(owner.secret)) is None


def test_use_is_noted_once_a_minute(client, owner, django_assert_num_queries):
    client.get(URL, headers=owner.headers)
    noted = ApiKey.objects.get(pk=owner.key.pk).last_used_at
    client.get(URL, headers=owner.headers)
    assert noted is not None
    assert ApiKey.objects.get(pk=owner.key.pk).last_used_at == noted
