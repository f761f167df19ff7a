"""Deleting a team or an account: what goes, what stays, and what must be settled first.

What is made with a team (jobs, files, webhooks, connections) is the jobs app's to end: it listens to
`accounts.signals.team_closed`.
"""

from dataclasses import dataclass, field

from allauth.usersessions.models import UserSession
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import access, audit, ledger, operators_log, signals, teams
from accounts.ledger.forgetting import forget_people
from accounts.models import ApiKey, AuditEvent, Invitation, Membership, Purchase, Role, Team, User


class CannotLeave(Exception):
    """Something must be settled first; the sentence says what."""


@dataclass(frozen=True)
class Ending:
    """A team, and what would go with it."""

    team: Team
    people: int
    keys: int
    credits: ledger.Balances
    made: dict[str, int]  # what the jobs app counts: jobs, unfinished, files


@dataclass(frozen=True)
class Plan:
    """What becomes of a person's teams when their account goes."""

    ends: list[Ending] = field(default_factory=list)  # theirs alone
    stays: list[Team] = field(default_factory=list)  # goes on without them
    blocks: list[Team] = field(default_factory=list)  # would be left without an owner
    last_operator: bool = False

    @property
    def is_possible(self) -> bool:
        return not self.blocks and not self.last_operator


def ending(team: Team) -> Ending:
    """What would go with this team, counted now."""
    made: dict[str, int] = {}
    for _receiver, found in signals.team_weighed.send(sender=Team, team=team):
        made |= found
    return Ending(
        team=team,
        people=Membership.objects.filter(team=team).count(),
        keys=ApiKey.objects.filter(team=team, revoked_at=None).count(),
        credits=ledger.balances(team),
        made=made,
    )


def plan(user: User) -> Plan:
    """What deleting this account would do now."""
    found = _plan(user)
    return Plan(
        [ending(team) for team in found["ends"]], found["stays"], found["blocks"], is_last_operator(user)
    )


def _plan(user: User) -> dict[str, list[Team]]:
    found: dict[str, list[Team]] = {"ends": [], "stays": [], "blocks": []}
    for seat in _seats(user):
        others = Membership.objects.filter(team=seat.team).exclude(user=user)
        if not others.exists():
            found["ends"].append(seat.team)
        elif seat.role == Role.OWNER and not others.filter(role=Role.OWNER, user__is_active=True).exists():
            found["blocks"].append(seat.team)
        else:
            found["stays"].append(seat.team)
    return found


def _seats(user: User) -> list[Membership]:
    seats = Membership.objects.filter(user=user, team__deleted_at=None)
    return list(seats.select_related("team").order_by("team"))


def is_last_operator(user: User) -> bool:
    """Whether nobody else could open the operator's pages."""
    return user.is_superuser and not _operators().exclude(pk=user.pk).exists()


def hold_operators() -> None:
    """Lock them all, in one order, so that of two who go at once the second sees that the first is gone."""
    list(_operators().select_for_update(of=("self",)).order_by("pk").values_list("pk"))


def _operators() -> QuerySet[User]:
    return User.objects.filter(is_active=True, is_staff=True, is_superuser=True)


def delete_team(*, actor: Membership, who: audit.Who) -> None:
    """Delete the actor's team. Raises PermissionDenied for anybody but an owner."""
    with transaction.atomic():
        team = teams.lock(actor.team_id)
        access.require(teams.afresh(actor, team), "team.own", team)
        _close(team, who)


def delete_account(*, user: User, who: audit.Who) -> None:
    """Delete the account, and with it the teams that nobody else is in. Raises CannotLeave, with nothing changed."""
    while not _delete_account(user, who):
        pass  # they came into a team, or went out of one, in that moment


def _delete_account(user: User, who: audit.Who) -> bool:
    with transaction.atomic():
        # The teams before the person, as all do that change a team's people, or two would wait for one another.
        locked = [teams.lock(seat.team_id) for seat in _seats(user)]
        if user.is_superuser:
            hold_operators()
        if not User.objects.select_for_update(of=("self",)).filter(pk=user.pk).exists():
            return True  # a second click
        if [seat.team for seat in _seats(user)] != locked:
            return False
        found = _plan(user)
        if found["blocks"]:
            names = ", ".join(team.name for team in found["blocks"])
            raise CannotLeave(_("Hand over or delete first: %(teams)s.") % {"teams": names})
        if is_last_operator(user):
            raise CannotLeave(_("You are the site's only operator; make somebody else one first."))
        for team in found["ends"]:
            _close(team, who)
        for team in found["stays"]:
            audit.record("member.account_deleted", team=team, who=who)
        operators_log.forget_person(user)
        end_sessions(user)
        user.delete()
    return True


def end_sessions(user: User) -> int:
    """Sign the person out everywhere; returns of how many sessions."""
    sessions = list(UserSession.objects.filter(user=user))
    for session in sessions:
        session.end()
    return len(sessions)


def _close(team: Team, who: audit.Who) -> None:
    """End the team: its row, purses and ledger stay, and its audit log; nothing of them names anybody."""
    now = timezone.now()
    audit.record("team.delete", team=team, who=who)
    Team.objects.filter(pk=team.pk).update(
        deleted_at=now, name="", webhook_secret_sealed="", concurrency=None
    )
    # Not `first_of`: who deletes their first team is not given another one, with its credits.
    User.objects.filter(current_team=team).update(current_team=None)
    Membership.objects.filter(team=team).delete()
    Invitation.objects.filter(team=team).delete()
    ApiKey.objects.filter(team=team, revoked_at=None).update(revoked_at=now)
    ApiKey.objects.filter(team=team).update(name="", created_by=None, addresses=[], last_used_from=None)
    forget_people(team)
    Purchase.objects.filter(team=team).update(person=None, receipt_url="")
    _erase(team)
    operators_log.forget(team)
    signals.team_closed.send(sender=Team, team=team)


def _erase(team: Team) -> None:
    """Of the team's log what was done and when stays; the manager for others refuses even this."""
    lines = AuditEvent._base_manager.filter(team=team)
    lines.update(person=None, subject=None, address=None, target="", details={})
