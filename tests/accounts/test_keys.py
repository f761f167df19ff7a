"""API keys: their shape, and when they open."""

import pytest
from django.core.management import call_command

from accounts import access, keys
from accounts.models import ApiKey

pytestmark = pytest.mark.django_db


def test_a_key_has_the_published_shape_and_opens_its_team(owner):
    key, plaintext = keys.issue(team=owner.team, created_by=owner.user, name=" laptop ")
    assert keys.PATTERN.fullmatch(plaintext)
    assert plaintext.startswith(f"sk_{key.public_id}_")
    assert key.name == "laptop"
    assert keys.authenticate(plaintext) == key
    assert keys.authenticate(plaintext).team == owner.team


def test_only_a_digest_is_stored(owner):
    _key, plaintext = keys.issue(team=owner.team, created_by=owner.user)
    secret = plaintext.split("_")[2]
    stored = [str(value) for row in ApiKey.objects.values_list() for value in row]
    assert not [value for value in stored if secret in value]


def test_a_revoked_key_is_refused_at_once(owner):
    keys.revoke(key=owner.key)
    assert keys.authenticate(owner.secret) is None
    owner.key.refresh_from_db()
    assert not access.may(owner.key, "jobs.read", owner.team)


def test_any_single_mistyped_character_is_refused_without_a_query(owner, django_assert_num_queries):
    with django_assert_num_queries(0):
        for place in range(3, len(owner.secret)):
            if owner.secret[place] == "_":
                continue
            letter = "Q" if owner.secret[place] != "Q" else "R"
            assert keys.authenticate(owner.secret[:place] + letter + owner.secret[place + 1 :]) is None


def test_a_test_key_says_so_and_is_not_a_live_one(owner):
    key, plaintext = keys.issue(team=owner.team, created_by=owner.user, is_test=True)
    assert keys.PATTERN.fullmatch(plaintext)
    assert plaintext.startswith(f"sk_test_{key.public_id}_")
    assert key.label == f"sk_test_{key.public_id}_…"
    assert keys.authenticate(plaintext) == key
    assert keys.authenticate(plaintext).is_test
    assert not keys.authenticate(owner.secret).is_test


def test_a_changed_prefix_opens_nothing(owner, django_assert_num_queries):
    _key, plaintext = keys.issue(team=owner.team, created_by=owner.user, is_test=True)
    with django_assert_num_queries(0):
        assert keys.authenticate(plaintext.replace("sk_test_", "sk_")) is None
        assert keys.authenticate(owner.secret.replace("sk_", "sk_test_")) is None


def test_command_issues_either_kind(owner, capsys):
    for words, is_test in ([], False), (["--test"], True):
        call_command("issue_key", "--email", owner.user.email, *words)
        plaintext = capsys.readouterr().out.splitlines()[-1]
        assert keys.authenticate(plaintext).is_test is is_test
