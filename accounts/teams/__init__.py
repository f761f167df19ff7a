"""Making, naming and choosing teams."""

import base64
import secrets

from django.conf import settings
from django.db import transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from accounts import access, audit, ledger, names
from accounts.models import Entry, Membership, Role, Team, User
from accounts.models.ledger import EntryKind, PurseKind
from lipsyncweb.secretbox import seal, unseal

STARTING = gettext_noop("Starting credits")  # a note of the ledger, in English; the pages translate it


class Refused(ValueError):
    """What cannot be done with a team or its people, in a sentence for the person who tried."""


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
            team = create_team(name=names.of_first_team(user), owner=user, first_of=user)
            _give_starting_credits(team, user)
    return team


def make_another(*, name: str, owner: User, who: audit.Who) -> Team:
    """Make one more team, without credits, and go to it. Raises Refused."""
    name = check_name(name)
    with transaction.atomic():
        # The person's row is locked, so that many requests at once do not pass the bound together.
        User.objects.select_for_update(of=("self",)).get(pk=owner.pk)
        owned = Membership.objects.filter(user=owner, role=Role.OWNER, team__deleted_at=None).count()
        if owned >= settings.TEAMS_PER_PERSON:
            raise Refused(
                ngettext(
                    "You own %(number)s team, and may own no more: delete it or hand it over first.",
                    "You own %(number)s teams, and may own no more: delete one or hand one over first.",
                    owned,
                )
                % {"number": owned}
            )
        team = create_team(name=name, owner=owner)
        User.objects.filter(pk=owner.pk).update(current_team=team)
        audit.record("team.create", team=team, who=who, target=name)
    return team


def rename(*, name: str, actor: Membership, who: audit.Who) -> None:
    """Give the actor's team another name; the one that it has changes nothing. Raises Refused, PermissionDenied."""
    name = check_name(name)
    with transaction.atomic():
        team = lock(actor.team_id)
        access.require(afresh(actor, team), "team.manage", team)
        if team.name != name:
            audit.record("team.rename", team=team, who=who, target=name, before=team.name)
            team.name = name
            team.save(update_fields=["name"])


def check_name(name: str) -> str:
    """The name without spaces around it. Raises Refused for one that would be read as something else."""
    name = name.strip()
    if not name:
        raise Refused(_("Give the team a name."))
    try:
        return names.check(name)
    except names.BadName as error:
        raise Refused(str(error)) from error


def switch(user: User, team_id: int) -> Team | None:
    """Work in another of the person's teams from now on, on every device; None for one that they are not in."""
    there = next((each for each in memberships(user) if each.team_id == team_id), None)
    if there is None:
        return None
    User.objects.filter(pk=user.pk).update(current_team=there.team)
    return there.team


def memberships(user: User) -> list[Membership]:
    """The person's seats in open teams, the oldest first."""
    seats = Membership.objects.filter(user=user, team__disabled_at=None, team__deleted_at=None)
    return list(seats.select_related("team").order_by("pk"))


def closed_memberships(user: User) -> list[Membership]:
    """Seats in teams that the operator has switched off."""
    seats = Membership.objects.filter(user=user, team__disabled_at__isnull=False, team__deleted_at=None)
    return list(seats.select_related("team").order_by("pk"))


def chosen(seats: list[Membership], user: User) -> Membership | None:
    """The seat that the person works from: in the team they last went to, or else their first."""
    return next((seat for seat in seats if seat.team_id == user.current_team_id), seats[0] if seats else None)


def current_membership(user: User) -> Membership | None:
    """The membership that this person works in; None for somebody without an open team."""
    return chosen(memberships(user), user)


def lock(team_id: int) -> Team:
    """The team's row, locked: whatever changes its people waits here, and then sees what the one before it did."""
    # Without the key: what only names the team, such as somebody's choice of it, need not wait.
    return Team.objects.select_for_update(of=("self",), no_key=True).get(pk=team_id)


def afresh(actor: Membership, team: Team) -> Membership | None:
    """The actor's seat as it is now that the team is locked; None when they have lost it since."""
    return Membership.objects.filter(pk=actor.pk, team=team).select_related("user").first()


def new_webhook_secret() -> str:
    """A fresh Standard Webhooks secret: `whsec_` and 32 random bytes in base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def webhook_secret(team: Team) -> str:
    return unseal(team.webhook_secret_sealed)


def _give_starting_credits(team: Team, user: User) -> None:
    """Once an address: an account that is deleted and made anew gets no more of them."""
    address = salted_hmac("starting credits", user.email.lower(), algorithm="sha256").hexdigest()[:32]
    amounts = {
        PurseKind.API: settings.STARTING_API_CREDITS,
        PurseKind.USER: settings.STARTING_USER_CREDITS,
    }
    for kind, amount in amounts.items():
        reference = f"start:{address}:{kind}"
        # Looked for first: in another team's purse it would not be a repeat but a clash.
        if amount and not Entry.objects.filter(kind=EntryKind.GRANT, reference=reference).exists():
            ledger.grant(
                team=team,
                kind=kind,
                amount=amount,
                reference=reference,
                note=STARTING,
            )
