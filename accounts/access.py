"""The only answer to "may this actor do this".

An actor is a membership (a person in a team) or an API key. Neither may do anything in another team.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey, Membership, Role, Team

Actor = Membership | ApiKey

# Each action and who may do it; "key" stands for an API key of the team.
RULES: dict[str, frozenset[str]] = {
    "jobs.read": frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER, Role.VIEWER, "key"}),
    "jobs.submit": frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER, "key"}),
    "jobs.cancel": frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER, "key"}),
    "jobs.keep": frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER}),
    "jobs.delete": frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER}),
    "media.upload": frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER, "key"}),
    "retention.manage": frozenset({Role.OWNER, Role.ADMIN}),
    "keys.read": frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER}),
    "keys.manage": frozenset({Role.OWNER, Role.ADMIN}),
    "credits.read": frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER, Role.VIEWER, "key"}),
    "credits.manage": frozenset({Role.OWNER, Role.ADMIN}),  # caps, alerts
    "credits.buy": frozenset({Role.OWNER, Role.ADMIN}),
    "team.read": frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER, Role.VIEWER}),  # its members and their roles
    "team.manage": frozenset({Role.OWNER, Role.ADMIN}),  # rename; invite, remove, change roles below owner
    "team.own": frozenset({Role.OWNER}),  # make and unmake owners, delete the team
    "audit.read": frozenset({Role.OWNER, Role.ADMIN}),
    "connections.read": frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER}),
    "connections.manage": frozenset({Role.OWNER, Role.ADMIN}),
    "webhooks.read": frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER, "key"}),
    "webhooks.replay": frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER, "key"}),  # and send a test
    "webhooks.manage": frozenset({Role.OWNER, Role.ADMIN}),  # the default address, the signing secrets
}

# What a person reads of each action, on the team's page and in docs/people.md.
WORDS = {
    "jobs.read": _("See the team's jobs and their results"),
    "jobs.submit": _("Make videos"),
    "jobs.cancel": _("Cancel jobs"),
    "jobs.keep": _("Keep videos beyond their time, and let them go"),
    "jobs.delete": _("Delete jobs with their files"),
    "media.upload": _("Send files"),
    "retention.manage": _("Set how long videos and files are kept"),
    "keys.read": _("See the API keys, never whole"),
    "keys.manage": _("Make, limit, roll and revoke API keys"),
    "credits.read": _("See the credits and what was spent"),
    "credits.manage": _("Set monthly caps and alerts"),
    "credits.buy": _("Buy credits"),
    "team.read": _("See the team's people and their roles"),
    "team.manage": _("Rename the team; invite and remove people and set their roles, owners excepted"),
    "team.own": _("Make and remove owners, hand the team over, delete it"),
    "audit.read": _("Read the audit log"),
    "connections.read": _("See the connections to other servers"),
    "connections.manage": _("Add, change and delete connections to other servers"),
    "webhooks.read": _("See webhooks and their deliveries"),
    "webhooks.replay": _("Send webhooks again, and tests"),
    "webhooks.manage": _("Set the webhooks' default address and signing secrets"),
}

# A test key often lies where others can read it, so it reaches nothing that tells of live jobs.
TEST_KEYS_MAY = frozenset({"jobs.read", "jobs.submit", "jobs.cancel", "media.upload"})


def may(actor: Actor | None, action: str, team: Team) -> bool:
    """Whether `actor` may do `action` in `team`. KeyError for an action without a rule."""
    allowed = RULES[action]
    # Not "is None": a page's actor is lazy, and only asking it whether it is something resolves it.
    if not actor or actor.team_id != team.pk or not team.is_open:
        return False
    if isinstance(actor, ApiKey):
        return actor.is_active and "key" in allowed and (action in TEST_KEYS_MAY or not actor.is_test)
    return actor.role in allowed


def require(actor: Actor | None, action: str, team: Team) -> None:
    """Raise PermissionDenied unless the actor may."""
    if not may(actor, action, team):
        raise PermissionDenied(action)


def to_place(*roles: str) -> str:
    """The action that giving these roles, or taking them away, asks for: what touches an owner is an owner's."""
    return "team.own" if Role.OWNER in roles else "team.manage"


def roles_to_give(actor: Membership) -> list[Role]:
    """Those that this person may make somebody, or invite them as."""
    return [role for role in Role if may(actor, to_place(role), actor.team)]


@dataclass(frozen=True)
class Line:
    """One action of the table that people read, and whether each role and each kind of key may do it."""

    action: str
    words: str
    roles: tuple[bool, ...]  # in the order of Role
    key: bool
    test_key: bool


def table() -> Iterator[Line]:
    """RULES in words, in its own order."""
    for action, allowed in RULES.items():
        key = "key" in allowed
        yield Line(
            action=action,
            words=str(WORDS[action]),
            roles=tuple(role in allowed for role in Role.values),
            key=key,
            test_key=key and action in TEST_KEYS_MAY,
        )
