"""API keys: their shape, and when they open."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import access, audit, keys
from accounts.keys.limits import Limits
from accounts.models import ApiKey, AuditEvent, Membership, Role
from tests.conftest import character

pytestmark = pytest.mark.django_db

DOCS = Path(__file__).resolve().parents[2] / "docs" / "api.md"


def test_a_key_has_the_published_shape_and_opens_its_team(owner):
    key, plaintext = keys.issue(
        team=owner.team, created_by=owner.user, name=" laptop ", actor=None, who=audit.UNRECORDED
    )
    assert keys.PATTERN.fullmatch(plaintext)
    assert plaintext.startswith(f"sk_{key.public_id}_")
    assert key.name == "laptop"
    assert keys.authenticate(plaintext) == key
    assert keys.authenticate(plaintext).team == owner.team


def test_the_published_expression_is_the_one_that_is_used(client):
    printed = re.search(r"```regex\n(.*)\n```", DOCS.read_text())
    assert printed[1] == keys.PATTERN.pattern
    published = client.get("/api/v1/key-format").json()
    assert published["pattern"] == keys.PATTERN.pattern
    assert published["checksum"] in " ".join(DOCS.read_text().split())


@pytest.mark.parametrize("is_test", [False, True])
def test_a_scanner_finds_a_key_in_the_middle_of_a_file(owner, is_test):
    _key, plaintext = keys.issue(
        team=owner.team, created_by=None, is_test=is_test, actor=None, who=audit.UNRECORDED
    )
    found = re.search(keys.PATTERN.pattern, f'KEY = "{plaintext}"; export KEY')
    assert found[0] == plaintext
    assert keys.has_checksum(found[0])


def test_the_documented_example_has_its_checksum():
    example = re.search(r"sk_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}", DOCS.read_text())
    assert keys.has_checksum(example[0])


def test_a_secret_has_at_least_128_random_bits():
    assert len(keys.ALPHABET) ** keys.SECRET_LENGTH > 2**128


def test_only_a_digest_is_stored(owner):
    _key, plaintext = keys.issue(team=owner.team, created_by=owner.user, actor=None, who=audit.UNRECORDED)
    secret = plaintext.split("_")[2]
    stored = [str(value) for row in ApiKey.objects.values_list() for value in row]
    assert not [value for value in stored if secret in value]


def test_a_key_is_found_by_one_indexed_read(owner):
    with CaptureQueriesContext(connection) as queries:
        assert keys.authenticate(owner.secret) == owner.key
    assert len(queries) == 1
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # it would read so small a table whole
            cursor.execute(f"EXPLAIN (FORMAT JSON) {queries[0]['sql']}")
            plan = json.dumps(cursor.fetchone()[0])
        else:
            cursor.execute(f"EXPLAIN QUERY PLAN {queries[0]['sql']}")
            plan = str(cursor.fetchall())
    assert "public_id" in plan
    assert "SCAN" not in plan
    assert "Seq Scan" not in plan


def test_a_revoked_key_is_refused_at_once(owner):
    keys.revoke(key=owner.key, actor=None, who=audit.UNRECORDED)
    assert keys.authenticate(owner.secret) is None
    owner.key.refresh_from_db()
    assert not access.may(owner.key, "jobs.read", owner.team)


def test_an_expired_key_is_refused(owner):
    ApiKey.objects.filter(pk=owner.key.pk).update(expires_at=timezone.now())
    assert keys.authenticate(owner.secret) is None


@pytest.mark.parametrize("column", ["disabled_at", "deleted_at"])
def test_keys_of_a_team_that_is_closed_are_refused_in_the_same_one_read(
    owner, column, django_assert_num_queries
):
    setattr(owner.team, column, timezone.now())
    owner.team.save()
    with django_assert_num_queries(1):
        assert keys.authenticate(owner.secret) is None


def test_any_single_mistyped_character_is_refused_without_a_query(owner, django_assert_num_queries):
    with django_assert_num_queries(0):
        for place in range(3, len(owner.secret)):
            if owner.secret[place] == "_":
                continue
            letter = "Q" if owner.secret[place] != "Q" else "R"
            assert keys.authenticate(owner.secret[:place] + letter + owner.secret[place + 1 :]) is None


def test_a_test_key_says_so_and_is_not_a_live_one(owner):
    key, plaintext = keys.issue(
        team=owner.team, created_by=owner.user, is_test=True, actor=None, who=audit.UNRECORDED
    )
    assert keys.PATTERN.fullmatch(plaintext)
    assert plaintext.startswith(f"sk_test_{key.public_id}_")
    assert key.label == f"sk_test_{key.public_id}_…"
    assert keys.authenticate(plaintext) == key
    assert keys.authenticate(plaintext).is_test
    assert not keys.authenticate(owner.secret).is_test


def test_a_changed_prefix_opens_nothing(owner, django_assert_num_queries):
    _key, plaintext = keys.issue(
        team=owner.team, created_by=owner.user, is_test=True, actor=None, who=audit.UNRECORDED
    )
    with django_assert_num_queries(0):
        assert keys.authenticate(plaintext.replace("sk_test_", "sk_")) is None
        assert keys.authenticate(owner.secret.replace("sk_", "sk_test_")) is None


def test_use_is_noted_with_its_address_once_a_minute(owner, django_assert_num_queries):
    keys.note_use(owner.key, address="203.0.113.7")
    owner.key.refresh_from_db()
    assert owner.key.last_used_from == "203.0.113.7"
    with django_assert_num_queries(0):
        keys.note_use(owner.key, address="203.0.113.8")
    keys.note_use(ApiKey(pk=owner.key.pk), address="203.0.113.8")  # as read before the first use was noted
    owner.key.refresh_from_db()
    assert owner.key.last_used_from == "203.0.113.7"
    ApiKey.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
    keys.note_use(ApiKey.objects.get(pk=owner.key.pk), address="2001:db8::7")
    owner.key.refresh_from_db()
    assert owner.key.last_used_from == "2001:db8::7"


def test_command_issues_either_kind(owner, capsys):
    for words, is_test in ([], False), (["--test"], True):
        call_command("issue_key", "--email", owner.user.email, *words)
        plaintext = capsys.readouterr().out.splitlines()[-1]
        assert keys.authenticate(plaintext).is_test is is_test
    assert AuditEvent.objects.filter(team=owner.team, action="key.create", by_operator=True).count() == 2


@pytest.mark.parametrize("role", [Role.MEMBER, None])
def test_who_has_lost_the_role_in_that_moment_does_nothing_to_keys(owner, role):
    """The page's door has read the seat before; the service asks again."""
    admin = character("admin@example.com", team=owner.team, role=Role.ADMIN)
    seats = Membership.objects.filter(pk=admin.membership.pk)
    seats.update(role=role) if role else seats.delete()
    by = {"actor": admin.membership, "who": audit.Who(person=admin.user)}
    acts = (
        lambda: keys.issue(team=owner.team, created_by=admin.user, **by),
        lambda: keys.rename(key=owner.key, name="mine", **by),
        lambda: keys.set_limits(key=owner.key, limits=Limits(daily_credits=9), **by),
        lambda: keys.roll(key=owner.key, overlap=timedelta(), by=admin.user, **by),
        lambda: keys.revoke(key=owner.key, **by),
    )
    before = list(ApiKey.objects.order_by("pk").values())
    for act in acts:
        with pytest.raises(PermissionDenied):
            act()
    assert list(ApiKey.objects.order_by("pk").values()) == before
    assert not AuditEvent.objects.exists()
