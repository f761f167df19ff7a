"""Who may do what: every action against every role, a key, a stranger and nobody."""

import pytest
from django.core.exceptions import PermissionDenied

from accounts import access
from accounts.models import Role
from tests.conftest import character

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("action", sorted(access.RULES))
def test_the_table_is_what_is_answered(owner, stranger, action):
    people = {
        role: character(f"a-{role}@example.com", team=owner.team, role=role).membership
        for role in Role.values
    }
    allowed = {role for role, membership in people.items() if access.may(membership, action, owner.team)}
    assert allowed == set(access.RULES[action]) - {"key"}
    assert access.may(owner.key, action, owner.team) == ("key" in access.RULES[action])
    assert not access.may(stranger.membership, action, owner.team)
    assert not access.may(stranger.key, action, owner.team)
    assert not access.may(None, action, owner.team)


def test_require_raises(owner, stranger):
    access.require(owner.membership, "jobs.read", owner.team)
    with pytest.raises(PermissionDenied):
        access.require(stranger.membership, "jobs.read", owner.team)


def test_an_action_without_a_rule_is_an_error(owner):
    with pytest.raises(KeyError):
        access.may(owner.membership, "jobs.reed", owner.team)
