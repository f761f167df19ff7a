"""Rolling a key, renaming it, ending it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import audit, keys, names
from accounts.keys import limits as key_limits
from accounts.keys.limits import Limits
from accounts.models import ApiKey, AuditEvent
from tests.racing import at_once

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def roll(owner, key, overlap=DAY):
    return keys.roll(key=key, overlap=overlap, by=owner.user, who=audit.Who(person=owner.user), actor=None)


def test_both_keys_open_until_the_overlap_ends(owner):
    new, plaintext = roll(owner, owner.key)
    assert keys.authenticate(owner.secret) == owner.key
    assert keys.authenticate(plaintext) == new
    ApiKey.objects.filter(pk=owner.key.pk).update(expires_at=timezone.now())
    assert keys.authenticate(owner.secret) is None
    assert keys.authenticate(plaintext) == new


def test_without_an_overlap_the_old_key_ends_at_once(owner):
    _new, plaintext = roll(owner, owner.key, timedelta())
    assert keys.authenticate(owner.secret) is None
    assert keys.authenticate(plaintext)


def test_the_new_key_has_the_name_the_kind_and_the_limits(owner):
    ends = timezone.now() + 30 * DAY
    limits = Limits(
        expires_at=ends,
        allowed_models=("lipsync-image",),
        resolutions=("480p",),
        addresses=("203.0.113.0/24",),
        requests_a_minute=7,
        daily_credits=100,
        total_credits=900,
    )
    key, _plaintext = keys.issue(
        team=owner.team,
        created_by=owner.user,
        name="batch",
        is_test=True,
        limits=limits,
        actor=None,
        who=audit.UNRECORDED,
    )
    new, plaintext = roll(owner, key)
    new.refresh_from_db()
    assert (new.name, new.is_test, key_limits.of(new)) == ("batch", True, limits)
    assert new.rolled_from == key
    assert plaintext.startswith("sk_test_")


def test_an_overlap_does_not_make_the_old_key_live_longer(owner):
    ends = timezone.now() + timedelta(hours=1)
    ApiKey.objects.filter(pk=owner.key.pk).update(expires_at=ends)
    owner.key.refresh_from_db()
    roll(owner, owner.key)
    owner.key.refresh_from_db()
    assert owner.key.expires_at == ends


def test_a_roll_gives_nobody_the_day_again(owner):
    """The new key begins with what was used; the old one goes on with its own count."""
    today = timezone.now().date()
    ApiKey.objects.filter(pk=owner.key.pk).update(
        daily_credits=50, total_credits=90, spent_day=today, spent_on_day=45, spent_in_all=80
    )
    new, _plaintext = roll(owner, ApiKey.objects.get(pk=owner.key.pk))
    new.refresh_from_db()
    owner.key.refresh_from_db()
    for key in (owner.key, new):
        assert (key.spent_day, key.spent_on_day, key.spent_in_all) == (today, 45, 80)


def test_a_key_is_rolled_once(owner):
    new, _plaintext = roll(owner, owner.key)
    with pytest.raises(keys.AlreadyRolled):
        roll(owner, owner.key, timedelta())
    assert keys.authenticate(owner.secret)  # the second click has not cut the first one's overlap short
    assert ApiKey.objects.filter(rolled_from=owner.key).get() == new
    keys.revoke(key=new, actor=None, who=audit.UNRECORDED)
    roll(owner, owner.key)


@pytest.mark.parametrize("ended", [{"revoked_at": timezone.now()}, {"expires_at": timezone.now()}])
def test_a_key_that_ended_is_not_rolled(owner, ended):
    ApiKey.objects.filter(pk=owner.key.pk).update(**ended)
    with pytest.raises(keys.KeyEnded):
        roll(owner, owner.key)
    assert not ApiKey.objects.filter(rolled_from=owner.key).exists()


def test_the_old_keys_row_is_held_before_anything_is_asked(owner):
    """So that the second of two clicks waits for the first and sees its key."""
    with CaptureQueriesContext(connection) as queries:
        roll(owner, owner.key)
    asked = [each["sql"] for each in queries if not each["sql"].startswith(("BEGIN", "SAVEPOINT"))]
    assert 'FROM "accounts_apikey"' in asked[0]
    if connection.features.has_select_for_update:  # SQLite's one writer holds everything
        assert "FOR NO KEY UPDATE" in asked[0]


def test_what_is_done_to_a_key_is_recorded(owner):
    who = audit.Who(person=owner.user, address="203.0.113.7")
    key, _plaintext = keys.issue(team=owner.team, created_by=owner.user, name="one", who=who, actor=None)
    keys.rename(key=key, name="two", who=who, actor=None)
    keys.rename(key=key, name="two", who=who, actor=None)  # no change
    new, _plaintext = keys.roll(key=key, overlap=DAY, by=owner.user, who=who, actor=None)
    keys.revoke(key=key, who=who, actor=None)
    keys.revoke(key=key, who=who, actor=None)  # no change
    events = list(AuditEvent.objects.filter(team=owner.team).filter(action__startswith="key."))
    assert [(each.action, each.target) for each in reversed(events)] == [
        ("key.create", "one"),
        ("key.rename", "two"),
        ("key.roll", "two"),
        ("key.revoke", "two"),
    ]
    assert all((each.person, each.address) == (owner.user, "203.0.113.7") for each in events)
    rolled = next(each for each in events if each.action == "key.roll")
    assert (rolled.details["key_id"], rolled.details["rolled_from"]) == (new.public_id, key.public_id)


def test_a_name_that_is_not_printable_is_no_new_name(owner):
    with pytest.raises(names.BadName):
        keys.rename(key=owner.key, name="one\ntwo", actor=None, who=audit.UNRECORDED)


@pytest.mark.django_db(transaction=True)
def test_many_rolls_at_once_make_one_key(owner):
    results = at_once(*[lambda: roll(owner, owner.key)] * 4)
    assert sum(isinstance(each, keys.AlreadyRolled) for each in results) == 3
    assert sum(isinstance(each, Exception) for each in results) == 3
    assert ApiKey.objects.filter(rolled_from=owner.key).count() == 1


@pytest.mark.parametrize("overlap", [timedelta(), DAY])
def test_limits_that_stood_open_do_not_bring_a_rolled_key_back(owner, overlap):
    as_the_form_showed = key_limits.of(owner.key)
    roll(owner, owner.key, overlap)
    ends = ApiKey.objects.get(pk=owner.key.pk).expires_at
    with pytest.raises((keys.KeyEnded, keys.EndsWithItsRoll)):
        keys.set_limits(
            key=owner.key,
            limits=replace(as_the_form_showed, requests_a_minute=5),
            actor=None,
            who=audit.UNRECORDED,
        )
    assert ApiKey.objects.get(pk=owner.key.pk).expires_at == ends
    assert bool(keys.authenticate(owner.secret)) is bool(overlap)


def test_a_rolled_key_may_end_earlier_and_be_narrowed(owner):
    roll(owner, owner.key)
    narrower = Limits(expires_at=timezone.now() + DAY / 2, requests_a_minute=5)
    keys.set_limits(key=owner.key, limits=narrower, actor=None, who=audit.UNRECORDED)
    assert key_limits.of(ApiKey.objects.get(pk=owner.key.pk)) == narrower
