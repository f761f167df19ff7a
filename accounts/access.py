"""The only answer to "may this actor do this".

An actor is a membership (a person in a team) or an API key. Neither may do anything in another team.
"""

from django.core.exceptions import PermissionDenied

from accounts.models import ApiKey, Membership, Role, Team

Actor = Membership | ApiKey

# Each action and who may do it; "key" stands for an API key of the team.
RULES: dict[str, frozenset[str]] = {
    "jobs.read": frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER, Role.VIEWER, "key"}),
    "jobs.submit": frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER, "key"}),
    "jobs.cancel": frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER, "key"}),
    "media.upload": frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER, "key"}),
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
