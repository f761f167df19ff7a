"""The lists of addresses that a key is limited to, and changing limits."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import audit, keys
from accounts.keys import limits as key_limits
from accounts.keys.limits import NO_LIMITS, Limits
from accounts.models import ApiKey, AuditEvent


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("203.0.113.7", ("203.0.113.7",)),
        (" 203.0.113.7,\n203.0.113.7/32 ; 10.1.2.3/8", ("203.0.113.7", "10.0.0.0/8")),
        ("2001:DB8:0:0::7 2001:db8::/32", ("2001:db8::7", "2001:db8::/32")),
        ("::ffff:203.0.113.7 ::ffff:203.0.113.0/120", ("203.0.113.7", "203.0.113.0/24")),
        ("0.0.0.0/0", ("0.0.0.0/0",)),
        ("", ()),
    ],
)
def test_addresses_are_kept_once_and_written_in_one_way(typed, kept):
    assert key_limits.read_addresses(typed) == kept


@pytest.mark.parametrize(
    "typed",
    ["example.com", "203.0.113", "203.0.113.7/33", "fe80::1%eth0", "010.0.0.1", "1.2.3.4:80", "*", "::/129"],
)
def test_what_is_no_address_is_named(typed):
    with pytest.raises(key_limits.BadAddress, match="is no address and no network"):
        key_limits.read_addresses(f"203.0.113.7 {typed}")


def test_fifty_addresses_are_taken_and_no_more():
    fifty = [f"203.0.113.{number}" for number in range(50)]
    assert len(key_limits.read_addresses("\n".join(fifty))) == 50
    with pytest.raises(key_limits.BadAddress, match="at most 50"):
        key_limits.read_addresses("\n".join([*fifty, "2001:db8::1"]))


@pytest.mark.parametrize(
    ("allowed", "caller", "admitted"),
    [
        ([], "198.51.100.1", True),
        ([], None, True),
        (["203.0.113.7"], "203.0.113.7", True),
        (["203.0.113.7"], "::ffff:203.0.113.7", True),
        (["203.0.113.0/24", "2001:db8::/32"], "2001:db8:5::1", True),
        (["203.0.113.0/24"], "203.0.114.1", False),
        (["0.0.0.0/0"], "2001:db8::1", False),
        (["fe80::/10"], "fe80::1%eth0", True),
        (["203.0.113.7"], None, False),
        (["203.0.113.7"], "unknown", False),
    ],
)
def test_an_address_is_admitted_by_the_list(allowed, caller, admitted):
    assert key_limits.admits(allowed, caller) is admitted


@pytest.mark.django_db
def test_changed_limits_are_recorded_with_what_they_were(owner):
    before = Limits(allowed_models=("lipsync-image",), daily_credits=50)
    key, _plaintext = keys.issue(
        team=owner.team, created_by=owner.user, limits=before, actor=None, who=audit.UNRECORDED
    )
    after = Limits(addresses=("203.0.113.7",), expires_at=timezone.now() + timedelta(days=1))
    keys.set_limits(key=key, limits=after, who=audit.Who(person=owner.user), actor=None)
    assert key_limits.of(ApiKey.objects.get(pk=key.pk)) == after
    event = AuditEvent.objects.filter(team=owner.team).get(action="key.limits")
    assert event.details["key_id"] == key.public_id
    assert event.details["before"] == {"allowed_models": ["lipsync-image"], "daily_credits": 50}
    assert event.details["after"]["addresses"] == ["203.0.113.7"]


@pytest.mark.django_db
def test_the_same_limits_again_are_no_change(owner):
    keys.set_limits(key=owner.key, limits=key_limits.NO_LIMITS, who=audit.Who(person=owner.user), actor=None)
    assert not AuditEvent.objects.filter(team=owner.team).filter(action="key.limits").exists()


@pytest.mark.django_db
def test_a_revoked_key_keeps_its_limits(owner):
    keys.revoke(key=owner.key, actor=None, who=audit.UNRECORDED)
    with pytest.raises(keys.KeyEnded):
        keys.set_limits(key=owner.key, limits=Limits(daily_credits=5), actor=None, who=audit.UNRECORDED)
    assert ApiKey.objects.get(pk=owner.key.pk).daily_credits is None


def test_limits_are_compared_with_the_row_and_not_with_an_old_page(owner):
    """Two windows: what one has set is taken off by the other, and counted from the ledger by whoever sets it first."""
    first, second = (ApiKey.objects.get(pk=owner.key.pk) for _window in range(2))
    keys.set_limits(key=first, limits=Limits(daily_credits=5), actor=owner.membership, who=audit.OPERATOR)
    keys.set_limits(key=second, limits=NO_LIMITS, actor=owner.membership, who=audit.OPERATOR)
    owner.key.refresh_from_db()
    assert key_limits.of(owner.key) == NO_LIMITS
    last = AuditEvent.objects.filter(action="key.limits").latest("pk")
    assert (last.details["before"], last.details["after"]) == ({"daily_credits": 5}, {})
