"""The people of a team: their roles, their leaving, and who owns it.

Each function locks the team's row first and then judges by what is there, so that two at once cannot
leave a team without an owner, and so that somebody who has just lost a role does nothing more with it.
"""

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import access, audit, keys, teams
from accounts.models import ApiKey, Membership, Role, Team
from accounts.teams import Refused, invitations


class Gone(LookupError):
    """That person is not in the team any more."""


def of_team(team: Team) -> models.QuerySet[Membership]:
    """Everybody in it, owners first, with the number of live keys that they made here."""
    rank = models.Case(*(models.When(role=role, then=place) for place, role in enumerate(Role.values)))
    made = ApiKey.objects.filter(keys.open_at(timezone.now()), team=team, created_by=models.OuterRef("user"))
    counted = made.order_by().values("created_by").annotate(number=models.Count("pk")).values("number")
    seats = Membership.objects.filter(team=team).select_related("user")
    return seats.annotate(rank=rank, keys=models.Subquery(counted)).order_by("rank", "pk")


def roles_to_give(actor: Membership, seat: Membership) -> list[Role]:
    """What the actor may make of this person, the role they have included; none when it is not theirs to change."""
    if not access.may(actor, access.to_place(seat.role), actor.team):
        return []
    return access.roles_to_give(actor)


def change_role(*, actor: Membership, seat_id: int, role: str, who: audit.Who) -> Membership:
    """Give somebody of the actor's team another role; the same again changes nothing.

    Raises Gone, Refused for the last owner, PermissionDenied for what is not the actor's to give or take.
    """
    with transaction.atomic():
        team, seat = _locked(actor, seat_id, role)
        if seat.role == role:
            return seat
        _keep_an_owner(seat, role)
        before, seat.role = seat.role, Role(role)
        seat.save(update_fields=["role"])
        invitations.end_those_of(seat, who=who)
        audit.record("member.role", team=team, who=who, subject=seat.user, before=before, after=role)
    return seat


def remove(*, actor: Membership, seat_id: int, who: audit.Who) -> Membership:
    """Take somebody out of the actor's team. What they made here stays. Raises as change_role does."""
    with transaction.atomic():
        team, seat = _locked(actor, seat_id)
        if seat.pk == actor.pk:
            raise Refused(_("To go yourself, leave the team."))
        _keep_an_owner(seat, None)
        _take_out(seat, team, who)
        audit.record("member.remove", team=team, who=who, subject=seat.user, role=seat.role)
    return seat


def leave(*, actor: Membership, who: audit.Who) -> None:
    """The actor goes; whoever is the last owner cannot. Leaving again changes nothing. Raises Refused."""
    with transaction.atomic():
        team = teams.lock(actor.team_id)
        seat = teams.afresh(actor, team)
        if seat is None:
            return
        _keep_an_owner(seat, None)
        _take_out(seat, team, who)
        audit.record("member.leave", team=team, who=who, subject=seat.user, role=seat.role)


def transfer(*, actor: Membership, seat_id: int, who: audit.Who) -> Membership:
    """Hand the team over: that person becomes an owner, and the actor an admin. Raises as change_role does."""
    with transaction.atomic():
        team, seat = _locked(actor, seat_id, Role.OWNER)
        if seat.pk == actor.pk:
            raise Refused(_("The team is yours already: choose somebody else to hand it to."))
        Membership.objects.filter(pk=seat.pk).update(role=Role.OWNER)
        Membership.objects.filter(pk=actor.pk).update(role=Role.ADMIN)
        for changed in Membership.objects.filter(pk__in=(actor.pk, seat.pk)).select_related("user"):
            invitations.end_those_of(changed, who=who)
        audit.record("team.transfer", team=team, who=who, subject=seat.user, before=seat.role)
    return seat


def _locked(actor: Membership, seat_id: int, role: str | None = None) -> tuple[Team, Membership]:
    """The team, locked, and the seat as it now is, once the actor may touch it and give that role."""
    team = teams.lock(actor.team_id)
    acting = teams.afresh(actor, team)
    access.require(acting, "team.manage", team)
    seat = Membership.objects.filter(pk=seat_id, team=team).select_related("user").first()
    if seat is None:
        raise Gone
    if role is not None and role not in Role.values:
        raise Refused(_("There is no such role."))
    access.require(acting, access.to_place(seat.role, role or seat.role), team)
    return team, seat


def _keep_an_owner(seat: Membership, role: str | None) -> None:
    """Raise Refused when this seat is the last owner's and would not be one any more."""
    if seat.role != Role.OWNER or role == Role.OWNER:
        return
    # Who is switched off cannot act as one.
    owners = Membership.objects.filter(team_id=seat.team_id, role=Role.OWNER, user__is_active=True)
    if not owners.exclude(pk=seat.pk).exists():
        raise Refused(_("A team needs an owner, and this is its last one. Hand the team over first."))


def _take_out(seat: Membership, team: Team, who: audit.Who) -> None:
    Membership.objects.filter(pk=seat.pk).delete()
    invitations.end_those_of(seat, who=who, gone=True)
