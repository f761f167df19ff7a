"""What whoever runs the site does to people and teams: for the admin and the commands.

Each can be repeated, and changes nothing the second time; only credits are granted and corrected anew, unless a grant
has a reference. Each is in the log of the team that it is about, put down to the operator.
"""

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, leaving, ledger, teams
from accounts.models import Membership, Role, Team, User
from accounts.models.sales import MOST_CREDITS
from accounts.teams import Refused
from lipsyncweb.http.numbers import row_number

LONGEST_REFERENCE = 150  # the ledger's own has 200, with the purse's name before it


def create_team(*, name: str, owner: User, who: audit.Who = audit.OPERATOR) -> tuple[Team, bool]:
    """A team without credits, which that person owns; the one of theirs that is called so (False) where there is one.

    Raises Refused for a name that is none.
    """
    name = teams.check_name(name)
    with transaction.atomic():
        # The person's row is locked, so that two at once make one team.
        User.objects.select_for_update(of=("self",)).get(pk=owner.pk)
        theirs = Membership.objects.filter(user=owner, role=Role.OWNER)
        there = Team.objects.filter(pk__in=theirs.values("team"), name=name, deleted_at=None).first()
        if there:
            return there, False
        team = teams.create_team(name=name, owner=owner)
        audit.record("team.create", team=team, who=who, target=name, subject=owner)
    return team, True


def make_owner(team: Team, user: User, *, who: audit.Who = audit.OPERATOR) -> bool:
    """Give a team an owner, be they in it or not: where those that it has cannot sign in any more.

    False: they own it already. Raises Refused for a deleted team.
    """
    with transaction.atomic():
        if teams.lock(team.pk).deleted_at:
            raise Refused(_("The team %(name)s is deleted.") % {"name": team.pk})
        seat = Membership.objects.filter(team=team, user=user).first()
        if seat and seat.role == Role.OWNER:
            return False
        Membership.objects.update_or_create(team=team, user=user, defaults={"role": Role.OWNER})
        before = {"before": seat.role} if seat else {}
        audit.record("member.role", team=team, who=who, subject=user, **before, after=Role.OWNER)
    return True


def disable_person(user: User, *, who: audit.Who = audit.OPERATOR) -> bool:
    """Let the person in no more, and end every session at once. False: they were shut out already.

    What they made stays: a team's API keys go on working, whoever made them. Raises Refused for the last operator,
    and as _require_power does.
    """
    _require_power(user, who)
    with transaction.atomic():
        leaving.hold_operators()
        if leaving.is_last_operator(user):
            raise Refused(
                _("%(person)s is the site's only operator; make somebody else one first.") % {"person": user}
            )
        if not User.objects.filter(pk=user.pk, is_active=True).update(
            is_active=False, shut_out_at=timezone.now()
        ):
            return False
        leaving.end_sessions(user)
        _tell_teams_of(user, "member.disable", who)
    return True


def enable_person(user: User, *, who: audit.Who = audit.OPERATOR) -> bool:
    """Let the person sign in again. False: they could. Raises Refused as _require_power does."""
    _require_power(user, who)
    with transaction.atomic():
        if not User.objects.filter(pk=user.pk, is_active=False).update(is_active=True):
            return False
        _tell_teams_of(user, "member.enable", who)
    return True


def _require_power(user: User, who: audit.Who) -> None:
    """At the shell everything is allowed. Raises Refused for oneself, and for a superuser where `who` is none."""
    acting = who.person
    if acting and (user == acting or (user.is_superuser and not acting.is_superuser)):
        raise Refused(_("%(person)s is left as it is.") % {"person": user})


def _tell_teams_of(user: User, action: str, who: audit.Who) -> None:
    for seat in Membership.objects.filter(user=user, team__deleted_at=None).select_related("team"):
        audit.record(action, team=seat.team, who=who, subject=user)


def rename_team(team: Team, *, name: str, who: audit.Who = audit.OPERATOR) -> bool:
    """Give the team another name. False: it has it, or is deleted. Raises Refused for a name that is none."""
    name = teams.check_name(name)
    with transaction.atomic():
        now = teams.lock(team.pk)
        if now.deleted_at or now.name == name:
            return False
        Team.objects.filter(pk=team.pk).update(name=name)
        audit.record("team.rename", team=team, who=who, target=name, before=now.name)
    return True


def set_concurrency(team: Team, *, concurrency: int | None, who: audit.Who = audit.OPERATOR) -> bool:
    """How many of the team's jobs may run at once; None for as many as of any. False: so it was, or it is deleted."""
    with transaction.atomic():
        now = teams.lock(team.pk)
        if now.deleted_at or now.concurrency == concurrency:
            return False
        Team.objects.filter(pk=team.pk).update(concurrency=concurrency)
        audit.record("team.concurrency", team=team, who=who, before=now.concurrency, after=concurrency)
    return True


def disable_team(team: Team, *, who: audit.Who = audit.OPERATOR) -> bool:
    """Nobody and no key does anything in the team from now on, and nothing of it is lost. False: it was so already.

    Jobs that were submitted before go on to their end, and are charged and told of as ever.
    """
    with transaction.atomic():
        open_ = Team.objects.filter(pk=team.pk, disabled_at=None, deleted_at=None)
        if not open_.update(disabled_at=timezone.now()):
            return False
        audit.record("team.disable", team=team, who=who)
    return True


def enable_team(team: Team, *, who: audit.Who = audit.OPERATOR) -> bool:
    """The team works again as before. False: it did, or is deleted."""
    with transaction.atomic():
        if not Team.objects.filter(pk=team.pk, disabled_at__isnull=False, deleted_at=None).update(
            disabled_at=None
        ):
            return False
        audit.record("team.enable", team=team, who=who)
    return True


def grant(
    *,
    team: Team,
    kind: str,
    amount: int,
    note: str = "",
    reference: str = "",
    expires_at: datetime | None = None,
    who: audit.Who = audit.OPERATOR,
) -> bool:
    """Grant credits; False where `reference`, the operator's own, has granted them to this purse before.

    Without a reference each call grants. Raises ValueError with a sentence.
    """
    if amount > MOST_CREDITS:
        raise ValueError(f"At most {MOST_CREDITS} credits are granted at once, not {amount}.")
    if len(reference) > LONGEST_REFERENCE:
        raise ValueError(f"The reference is too long; it may have {LONGEST_REFERENCE} characters.")
    # With the purse in it: two teams may be granted something by one reference of the operator's.
    named = f"operator:{team.pk}:{kind}:{reference}" if reference else ledger.new_reference("operator")
    with transaction.atomic():
        written = ledger.grant(
            team=team, kind=kind, amount=amount, reference=named, note=note, expires_at=expires_at
        )
        if written:
            audit.record("credits.grant", team=team, who=who, purse=kind, credits=amount, note=note)
    return written


def adjust(*, team: Team, kind: str, change_by: int, note: str, who: audit.Who = audit.OPERATOR) -> None:
    """Correct a balance, either way and never below zero; each call does. Raises ValueError with a sentence."""
    reference = ledger.new_reference("operator")
    with transaction.atomic():
        ledger.adjust(team=team, kind=kind, change_by=change_by, reference=reference, note=note)
        audit.record("credits.adjust", team=team, who=who, purse=kind, change=change_by, note=note)


def find_person(email: str) -> User:
    """Raises LookupError with a sentence."""
    user = User.objects.filter(email__iexact=email.strip()).first()
    if user is None:
        raise LookupError(f"Nobody here has the e-mail address {email.strip()!r}.")
    return user


def find_team(name: str) -> Team:
    """A team by its id, its name where one team alone has it, or the address of whoever's first team it is.

    Raises LookupError with a sentence.
    """
    name = name.strip()
    known = Team.objects.filter(deleted_at=None)
    if (number := row_number(name)) is not None:
        found = list(known.filter(pk=number))
    elif "@" in name:
        found = list(known.filter(first_of__email__iexact=name))
    else:
        found = list(known.filter(name__iexact=name).order_by("pk")[:10])
    if not found:
        raise LookupError(f"There is no team {name!r}; `manage.py list_teams` names them all.")
    if len(found) > 1:
        ids = ", ".join(str(team.pk) for team in found)
        raise LookupError(f"Several teams are called {name!r}; give the id of one of them: {ids}.")
    return found[0]
