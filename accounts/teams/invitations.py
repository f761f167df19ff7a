"""Invitations: a seat in a team that waits for somebody, by mail or by link.

The token is 192 random bits. Its digest alone is stored and found by one indexed read; the token is
mailed, or shown once to whoever made it, and opens the seat once, until it is revoked or runs out.
Once an invitation was used or revoked, its address is forgotten.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import access, audit, teams
from accounts.models import AuditEvent, Invitation, Membership, Role, Team, User
from accounts.teams import Refused
from accounts.teams.invitation_pace import one_mail

TOKEN_BYTES = 24  # 192 bits
SESSION_KEY = "invitation"  # where a browser's session keeps the digest of the link that it opened
SENDING = ("member.invite", "invitation.resend")  # the lines of the audit log that count as sent


class NotYours(Exception):
    """The invitation is for another address than those of the person who would accept it."""


class AlreadyIn(Exception):
    """The person is in that team, and the invitation is left for somebody else."""


class Over(Exception):
    """The invitation opens nothing: it was used, revoked, ran out, or its team is closed."""


def invite(*, actor: Membership, email: str = "", role: str, who: audit.Who) -> tuple[Invitation, str]:
    """Offer a seat in the actor's team. The second value is the token: the only time that it can be seen.

    Without an address it is for whoever has the link. Raises Refused, and PermissionDenied for a role
    that is not the actor's to give. Mail is the caller's to send, once this is committed.
    """
    email = email.strip().lower()
    if role not in Role.values:
        raise Refused(_("There is no such role."))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with one_mail(email), transaction.atomic():
        team = teams.lock(actor.team_id)
        access.require(teams.afresh(actor, team), access.to_place(role), team)
        _check_room(team, email)
        _check_pace(team, who)
        invitation = Invitation.objects.create(
            team=team,
            email=email,
            role=role,
            digest=digest(token),
            invited_by_id=actor.user_id,
            expires_at=_expiry(),
        )
        audit.record("member.invite", team=team, who=who, target=invitation.masked_email, role=role)
    return invitation, token


def renew(*, actor: Membership, invitation_id: int, who: audit.Who) -> tuple[Invitation, str]:
    """A fresh link with a fresh term for an invitation that nobody has used; the earlier link ends.

    Raises Over, Refused, PermissionDenied, and Invitation.DoesNotExist for another team's.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    to = Invitation.objects.values_list("email", flat=True).get(pk=invitation_id, team=actor.team_id)
    with one_mail(to), transaction.atomic():
        team = teams.lock(actor.team_id)
        invitation = Invitation.objects.get(pk=invitation_id, team=team)
        access.require(teams.afresh(actor, team), access.to_place(invitation.role), team)
        if invitation.accepted_at or invitation.revoked_at:
            raise Over
        if not invitation.is_open:
            _check_room(team, invitation.email)
        _check_pace(team, who)
        invitation.digest, invitation.expires_at = digest(token), _expiry()
        # Whoever renews it answers for it from here on.
        invitation.invited_by_id, invitation.sent_at = actor.user_id, None
        invitation.save(update_fields=["digest", "expires_at", "invited_by", "sent_at"])
        audit.record(
            "invitation.resend", team=team, who=who, target=invitation.masked_email, role=invitation.role
        )
    return invitation, token


def revoke(*, actor: Membership, invitation_id: int, who: audit.Who) -> Invitation:
    """End an invitation at once; one that has ended is left as it is.

    Raises PermissionDenied, and Invitation.DoesNotExist for another team's.
    """
    with transaction.atomic():
        team = teams.lock(actor.team_id)
        invitation = Invitation.objects.get(pk=invitation_id, team=team)
        access.require(teams.afresh(actor, team), access.to_place(invitation.role), team)
        _end(Invitation.objects.filter(pk=invitation.pk), team=team, who=who)
    return invitation


def accept(*, token_digest: str, user: User, who: audit.Who) -> Membership:
    """Take the seat, and go to work in that team. Raises Over, NotYours, AlreadyIn."""
    invitation = find(token_digest)
    if invitation is None:
        raise Over
    with transaction.atomic():
        team = teams.lock(invitation.team_id)
        if not team.is_open:
            raise Over
        if not is_for(invitation, user):
            raise NotYours
        if Membership.objects.filter(team=team, user=user).exists():
            raise AlreadyIn
        now = timezone.now()
        # By the digest and not by the row: a renewed invitation's earlier link is dead.
        used = Invitation.objects.filter(open_at(now), digest=token_digest)
        if used.update(accepted_at=now, accepted_by=user, email="") != 1:
            raise Over
        invitation.refresh_from_db()
        seat = Membership.objects.create(team=team, user=user, role=invitation.role)
        User.objects.filter(pk=user.pk).update(current_team=team)
        audit.record("member.join", team=team, who=who, subject=user, role=seat.role)
    return seat


def find(token_digest: str) -> Invitation | None:
    """The invitation of a link, whatever has become of it."""
    return Invitation.objects.select_related("team", "invited_by").filter(digest=token_digest).first()


def waiting_in(session: SessionBase) -> Invitation | None:
    """The open invitation whose link this browser has opened, also before its owner has an account."""
    found = find(session.get(SESSION_KEY, ""))
    return found if found and found.is_open and found.team.is_open else None


def lets_sign_up(session: SessionBase, email: str) -> bool:
    """Whether an account may be made with that address here: on a site for the invited, a mail is for its own alone."""
    if settings.ACCOUNT_SIGNUP != "invited":
        return settings.ACCOUNT_SIGNUP == "open"
    found = waiting_in(session)
    return found is not None and found.email in ("", email.strip().lower())


def is_for(invitation: Invitation, user: User) -> bool:
    """A mailed one is for the owner of that address alone, since a mail is easily passed on."""
    if not invitation.email or user.email.lower() == invitation.email:
        return True
    return EmailAddress.objects.filter(user=user, verified=True, email__iexact=invitation.email).exists()


def pending(team: Team) -> models.QuerySet[Invitation]:
    """What was offered and not taken up or taken back, newest first; what has run out can be renewed."""
    waiting = Invitation.objects.filter(team=team, accepted_at=None, revoked_at=None)
    return waiting.select_related("invited_by")


def end_those_of(seat: Membership, *, who: audit.Who, gone: bool = False) -> None:
    """Revoke what this person offered and could not offer any more: they may still know its link.

    In the transaction that changes their role, or takes them out.
    """
    theirs = Invitation.objects.filter(team_id=seat.team_id, invited_by_id=seat.user_id)
    if not gone:
        given = [role for role in Role.values if seat.role in access.RULES[access.to_place(role)]]
        theirs = theirs.exclude(role__in=given)
    _end(theirs, team=seat.team, who=who)


def digest(token: str) -> str:
    # Plain SHA-256 is enough: 192 random bits cannot be guessed, however fast the hash.
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _end(chosen: models.QuerySet[Invitation], *, team: Team, who: audit.Who) -> None:
    """Revoke those of them that nobody has used, each with its line in the log."""
    for each in chosen.filter(accepted_at=None, revoked_at=None):
        Invitation.objects.filter(pk=each.pk).update(revoked_at=timezone.now(), email="")
        audit.record("invitation.revoke", team=team, who=who, target=each.masked_email, role=each.role)


def open_at(now: datetime) -> models.Q:
    """Invitation.is_open for the database."""
    return models.Q(accepted_at=None, revoked_at=None, expires_at__gt=now, invited_by__is_active=True)


def _expiry() -> datetime:
    return timezone.now() + timedelta(days=settings.INVITATION_DAYS)


def _check_room(team: Team, email: str) -> None:
    """Raise Refused for somebody who is in or invited already, and when too many wait."""
    waiting = Invitation.objects.filter(open_at(timezone.now()), team=team)
    if email and Membership.objects.filter(team=team, user__email__iexact=email).exists():
        raise Refused(_("%(address)s is in the team already.") % {"address": email})
    if email and waiting.filter(email=email).exists():
        raise Refused(
            _("%(address)s is invited already: send that invitation again, or revoke it.")
            % {"address": email}
        )
    if waiting.count() >= settings.INVITATIONS_OPEN_PER_TEAM:
        raise Refused(_("Too many invitations wait for an answer. Revoke some that are not needed."))


def _check_pace(team: Team, who: audit.Who) -> None:
    """Raise Refused when this team or this person has sent too many within an hour, resent ones included.

    Counted in the audit log, which forgets nothing, so that to revoke and invite anew gains nothing.
    """
    sender = models.Q(team=team) | (models.Q(person=who.person) if who.person else models.Q())
    since = timezone.now() - timedelta(hours=1)
    sent = AuditEvent.objects.filter(sender, action__in=SENDING, at__gt=since).count()
    most = settings.INVITATIONS_PER_HOUR
    if sent >= most:
        raise Refused(
            ngettext(
                "At most %(number)s invitation an hour can be sent. Try again later.",
                "At most %(number)s invitations an hour can be sent. Try again later.",
                most,
            )
            % {"number": most}
        )
