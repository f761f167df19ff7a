"""Making teams and finding a person's current one."""

import base64
import secrets

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import ledger
from accounts.models import Membership, Role, Team, User
from accounts.models.ledger import PurseKind
from lipsyncweb.secretbox import seal, unseal


def create_team(*, name: str, owner: User, first_of: User | None = None) -> Team:
    """Make a team with its two empty purses and its signing secret; the owner joins it."""
    with transaction.atomic():
        team = Team.objects.create(
            name=name, first_of=first_of, webhook_secret_sealed=seal(new_webhook_secret())
        )
        Membership.objects.create(team=team, user=owner, role=Role.OWNER)
        ledger.open_purses(team)
    return team


def first_team(user: User) -> Team:
    """The person's first team, made with the starting grant on the first call: once a person."""
    with transaction.atomic():
        # The person's row is locked, so that two requests at once make one team.
        User.objects.select_for_update(of=("self",)).get(pk=user.pk)
        team = Team.objects.filter(first_of=user).first()
        if team is None:
            name = _("%(person)s's team") % {"person": user.name or user.email.split("@")[0]}
            team = create_team(name=name[:100], owner=user, first_of=user)
            _give_starting_credits(team, user)
    return team


def current_membership(user: User) -> Membership | None:
    """The membership that this person works in; None for somebody without a team."""
    return Membership.objects.filter(user=user).select_related("team").order_by("pk").first()


def new_webhook_secret() -> str:
    """A fresh Standard Webhooks secret: `whsec_` and 32 random bytes in base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def webhook_secret(team: Team) -> str:
    return unseal(team.webhook_secret_sealed)


def _give_starting_credits(team: Team, user: User) -> None:
    amounts = {
        PurseKind.API: settings.STARTING_API_CREDITS,
        PurseKind.USER: settings.STARTING_USER_CREDITS,
    }
    for kind, amount in amounts.items():
        if amount:
            ledger.grant(
                team=team,
                kind=kind,
                amount=amount,
                reference=f"start:{user.pk}:{kind}",
                note="Starting credits",
            )
