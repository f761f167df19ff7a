"""The only writer of the audit log: who did what in a team, when and from where. Rows are added and never changed.

Reading it is accounts/audit/log.py.
"""

from dataclasses import dataclass
from typing import Any

from allauth.account.adapter import get_adapter
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey, AuditEvent, Team, User

# Every action that is recorded, and what a person reads.
ACTIONS = {
    "key.create": _("Created an API key"),
    "key.revoke": _("Revoked an API key"),
    "key.rename": _("Renamed an API key"),
    "key.roll": _("Rolled an API key"),
    "key.limits": _("Changed an API key's limits"),
    "team.create": _("Made the team"),
    "team.rename": _("Renamed the team"),
    "team.concurrency": _("Changed how many jobs may run at once"),
    "team.transfer": _("Handed the team over"),
    "member.invite": _("Invited somebody"),
    "member.join": _("Joined by an invitation"),
    "member.role": _("Changed a role"),
    "member.remove": _("Removed a member"),
    "member.leave": _("Left the team"),
    "invitation.resend": _("Sent an invitation again"),
    "invitation.revoke": _("Revoked an invitation"),
    "webhook.default": _("Changed where webhooks go"),
    "webhook.reveal": _("Looked at the signing secret"),
    "webhook.rotate": _("Made a new signing secret"),
    "webhook.end_overlap": _("Ended the old signing secret"),
    "webhook.test": _("Sent a test webhook"),
    "webhook.replay_failed": _("Sent all failed webhooks again"),
    "connection.create": _("Added a server connection"),
    "connection.edit": _("Changed a server connection"),
    "connection.switch": _("Switched a server connection on or off"),
    "connection.remove": _("Deleted a server connection"),
    "member.account_deleted": _("Deleted their account, and left with it"),
    "member.disable": _("Switched off an account"),
    "member.enable": _("Switched an account on again"),
    "team.disable": _("Switched the team off"),
    "team.enable": _("Switched the team on again"),
    "team.delete": _("Deleted the team"),
    "team.retention": _("Changed how long videos and files are kept"),
    "job.keep": _("Kept a video beyond its time"),
    "job.let_go": _("Let a kept video go"),
    "job.delete": _("Deleted a job"),
    "credits.grant": _("Granted credits"),
    "credits.limits": _("Changed a monthly cap or an alert"),
    "credits.adjust": _("Corrected the credits"),
    "credits.buy": _("Began to buy credits"),
    "credits.paid": _("Bought credits"),
    "credits.reversed": _("A payment was refunded or disputed"),
}

# What the page filters by: the part of an action before its dot.
GROUPS = {
    "key": _("API keys"),
    "member": _("People"),
    "invitation": _("Invitations"),
    "team": _("The team"),
    "credits": _("Credits"),
    "webhook": _("Webhooks"),
    "connection": _("Server connections"),
    "job": _("Jobs"),
}

# What a person reads for the details of an action, and for what lies within one of them.
DETAILS = {
    "address": _("Address"),
    "addresses": _("Only from"),
    "after": _("Afterwards"),
    "also_here": _("Also for what was here"),
    "alert_below": _("Mail below"),
    "allowed_models": _("Models"),
    "before": _("Before"),
    "browser_jobs": _("Also for videos made in the browser"),
    "change": _("Change of the balance"),
    "concurrency": _("Jobs at a time"),
    "count": _("How many"),
    "credits": _("Credits"),
    "daily_credits": _("Credits a day"),
    "expires_at": _("Ends"),
    "input_days": _("Days of files"),
    "key_id": _("Id of the key"),
    "limits": _("Limits"),
    "missing": _("Not taken back"),
    "monthly_cap": _("Most that may be spent in a month"),
    "new_key": _("With another key"),
    "note": _("Note"),
    "old_ends": _("The old key ends"),
    "old_signs_for_seconds": _("The old secret signs for another"),
    "on": _("On"),
    "purchase": _("Number of the purchase"),
    "purse": _("Balance"),
    "requests_a_minute": _("Requests a minute"),
    "resolutions": _("Resolutions"),
    "result_days": _("Days of videos"),
    "role": _("Role"),
    "rolled_from": _("Id of the old key"),
    "total_credits": _("Credits in all"),
}


@dataclass(frozen=True)
class Who:
    """Whom an action is put down to."""

    person: User | None = None
    key: ApiKey | None = None
    address: str | None = None
    by_operator: bool = False


OPERATOR = Who(by_operator=True)  # at the shell
UNRECORDED = Who()  # for what the site does for itself, and says so by this name: no line is added


def who(request: HttpRequest) -> Who:
    """The signed-in person, or the key, behind a request, and the address that it came from."""
    key = getattr(request, "auth", None)
    if isinstance(key, ApiKey):
        return Who(key=key, address=address_of(request))  # whoever may be signed in beside it
    person = getattr(request, "user", None)
    known = person is not None and person.is_authenticated
    return Who(person=person if known else None, address=address_of(request))


def address_of(request: HttpRequest) -> str | None:
    """Where a request comes from, as far as the settings trust what it says; None when that is not known."""
    try:
        # Without the zone of a link-local address (fe80::1%eth0), which PostgreSQL's inet does not take.
        return get_adapter().get_client_ip(request).partition("%")[0]
    except (ImproperlyConfigured, PermissionDenied):
        return None


def record(
    action: str, *, team: Team, who: Who, target: str = "", subject: User | None = None, **details: Any
) -> None:
    """Add one line, in the transaction of what it tells.

    `details` are plain JSON values, without secrets and without names of people. KeyError for an action that ACTIONS
    does not name, and for a detail, or one within it, that DETAILS does not.
    """
    if who is UNRECORDED:
        return
    ACTIONS[action]
    for name, value in details.items():
        for each in (name, *(value if isinstance(value, dict) else ())):
            DETAILS[each]
    AuditEvent.objects.create(
        team=team,
        action=action,
        person=who.person,
        key=who.key,
        by_operator=who.by_operator,
        address=who.address,
        subject=subject,
        target=target[:200],
        details=details,
    )
