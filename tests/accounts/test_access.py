"""Who may do what: every action against every role, a key, a stranger and nobody."""

from pathlib import Path

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


def test_every_rule_has_its_words():
    assert set(access.WORDS) == set(access.RULES)


def test_the_docs_print_the_table():
    """Put what this expects into docs/people.md when a rule changes."""
    rows = [f"| | {' | '.join(Role.values)} | key |", f"|---|{'---|' * (len(Role.values) + 1)}"]
    for line in access.table():
        key = "yes" if line.test_key else "live" if line.key else ""
        cells = [line.words, *("yes" if allowed else "" for allowed in line.roles), key]
        rows.append(f"| {' | '.join(cells)} |")
    page = (Path(__file__).parents[2] / "docs/people.md").read_text()
    printed = page.partition("### What each role may do")[2].partition("###")[0]
    assert [row for row in printed.splitlines() if row.startswith("|")] == rows
