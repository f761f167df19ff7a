"""Mail to a team whose receivers keep failing: one a day at most, about all of them, while it goes on."""

import contextlib
import logging
from datetime import datetime, timedelta
from smtplib import SMTPException, SMTPRecipientsRefused

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.models import Membership, Role
from jobs.models import Receiver, WebhookDelivery, WebhookSettings
from jobs.webhooks import queue

log = logging.getLogger(__name__)

AFTER = timedelta(minutes=30)  # a restart is nothing to write about
AFTER_FAILURES = 3
AGAIN_AFTER = timedelta(days=1)
AT_ONCE = 20
LISTED = 10  # receivers in one mail; the others are counted
WARNED_AT = "team__webhook_settings__warned_at"  # of a receiver; null, too, where the team has set nothing


def warn_teams() -> int:
    """Write to the teams whose receivers keep failing, of all of them in one mail; returns how many teams."""
    now = timezone.now()
    failing = _failing(now)
    by_team = failing.values_list("team", WARNED_AT).distinct()
    count = 0
    for team, warned_at in by_team.order_by(F(WARNED_AT).asc(nulls_first=True), "team")[:AT_ONCE]:
        receivers = list(failing.filter(team=team).select_related("team").order_by("failing_since", "pk"))
        kept = WebhookSettings.objects.get_or_create(team_id=team)[0]
        same = WebhookSettings.objects.filter(pk=kept.pk)
        # First the row, then the mail: of two workers one writes.
        if not receivers or not same.filter(warned_at=warned_at).update(warned_at=now):
            continue
        try:
            written = _mail(receivers)
        except (OSError, SMTPException):
            log.exception("There is no mail server to write to team %s", team)
            same.filter(warned_at=now).update(warned_at=warned_at)
            break
        if written:
            count += 1
        else:
            same.filter(warned_at=now).update(warned_at=warned_at)
    return count


def _failing(now: datetime) -> QuerySet[Receiver]:
    """Receivers to write about: of teams not written to today, those that were tried since they were."""
    tried_since = WebhookDelivery.objects.filter(receiver=OuterRef("pk"), tried_at__gt=OuterRef(WARNED_AT))
    still = Q(**{f"{WARNED_AT}__lte": now - AGAIN_AFTER}) & Exists(tried_since)
    return Receiver.objects.filter(
        Q(**{WARNED_AT: None}) | still, failing_since__lte=now - AFTER, failures__gte=AFTER_FAILURES
    )


def _mail(receivers: list[Receiver]) -> bool:
    """One message to each of the team's owners and administrators; False when not one could be settled.

    Raises when there is no connection for any of them. A person is not written to again for another's mailbox.
    """
    mails = _mails(receivers)
    settled = not mails
    for mail in mails:
        try:
            settled |= _send(mail)
        except (OSError, SMTPException):
            if not settled:
                raise
            log.exception("The mail server went away before the mail to %s", mail.to[0])
    return settled


def _send(mail: EmailMessage) -> bool:
    """Whether it was accepted, or refused for its recipient, whom the same again would not reach either.

    Raises what keeps a connection from being opened.
    """
    connection = get_connection()
    connection.open()
    try:
        connection.send_messages([mail])
    except SMTPRecipientsRefused:
        log.exception("The mail server refuses %s", mail.to[0])
    except (OSError, SMTPException):
        log.exception("The mail to %s could not be sent", mail.to[0])
        return False
    finally:
        with contextlib.suppress(OSError, SMTPException):  # the message is with the server, or is not
            connection.close()
    return True


def _mails(receivers: list[Receiver]) -> list[EmailMessage]:
    team = receivers[0].team
    people = Membership.objects.filter(team=team, role__in=(Role.OWNER, Role.ADMIN), user__is_active=True)
    waiting = queue.failed(team).filter(receiver__in=receivers, unpaid_at=None).count()
    with translation.override(settings.LANGUAGE_CODE):
        context = {
            "receivers": receivers[:LISTED],
            "more": len(receivers[LISTED:]),
            "team": team,
            "waiting": waiting,
            "url": settings.SITE_URL + reverse("webhooks"),
        }
        subject = _subject(receivers)
        text = render_to_string("jobs/webhooks/failing_mail.txt", context)
    return [
        EmailMessage(subject=subject, body=text, to=[address])
        for address in people.order_by("pk").values_list("user__email", flat=True)
    ]


def _subject(receivers: list[Receiver]) -> str:
    if len(receivers) == 1:
        return _("Webhooks to %(host)s keep failing") % {"host": receivers[0].host}
    return _("Webhooks keep failing, receivers: %(number)s") % {"number": len(receivers)}
