"""Mail to a team whose receiver keeps failing: once when it does, and again each day while it goes on."""

import contextlib
import logging
from datetime import timedelta
from smtplib import SMTPException, SMTPRecipientsRefused

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db.models import Exists, F, OuterRef, Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.models import Membership, Role
from jobs.models import Receiver, WebhookDelivery
from jobs.webhooks import queue

log = logging.getLogger(__name__)

AFTER = timedelta(minutes=30)  # a restart is nothing to write about
AFTER_FAILURES = 3
AGAIN_AFTER = timedelta(days=1)
AT_ONCE = 20


def warn_teams() -> int:
    """Write to the teams whose receivers keep failing; returns about how many receivers."""
    now = timezone.now()
    tried_since = WebhookDelivery.objects.filter(receiver=OuterRef("pk"), tried_at__gt=OuterRef("warned_at"))
    still = Q(warned_at__lte=now - AGAIN_AFTER) & Exists(tried_since)
    failing = Receiver.objects.filter(
        Q(warned_at=None) | still, failing_since__lte=now - AFTER, failures__gte=AFTER_FAILURES
    )
    count = 0
    for receiver in failing.select_related("team").order_by(F("warned_at").asc(nulls_first=True))[:AT_ONCE]:
        same = Receiver.objects.filter(pk=receiver.pk, failures__gt=0)
        # First the row, then the mail: of two workers one writes.
        if not same.filter(warned_at=receiver.warned_at).update(warned_at=now):
            continue
        try:
            written = _mail(receiver)
        except (OSError, SMTPException):
            log.exception("There is no mail server to write about receiver %s", receiver.pk)
            same.filter(warned_at=now).update(warned_at=receiver.warned_at)
            break
        if written:
            count += 1
        else:
            same.filter(warned_at=now).update(warned_at=receiver.warned_at)
    return count


def _mail(receiver: Receiver) -> bool:
    """One message to each of the team's owners and administrators; False when not one could be settled.

    Raises when there is no connection for any of them. A person is not written to again for another's mailbox.
    """
    mails = _mails(receiver)
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


def _mails(receiver: Receiver) -> list[EmailMessage]:
    people = Membership.objects.filter(
        team=receiver.team, role__in=(Role.OWNER, Role.ADMIN), user__is_active=True
    )
    waiting = queue.failed(receiver.team).filter(receiver=receiver, job__isnull=False).count()
    with translation.override(settings.LANGUAGE_CODE):
        context = {
            "receiver": receiver,
            "team": receiver.team,
            "waiting": waiting,
            "url": settings.SITE_URL + reverse("webhooks"),
        }
        subject = _("Webhooks to %(host)s keep failing") % {"host": receiver.host}
        text = render_to_string("jobs/webhooks/failing_mail.txt", context)
    return [
        EmailMessage(subject=subject, body=text, to=[address])
        for address in people.order_by("pk").values_list("user__email", flat=True)
    ]
