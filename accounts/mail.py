"""Mail that the site writes by itself to a team's owners and administrators, each in their own language."""

import contextlib
import logging
from collections.abc import Callable
from smtplib import SMTPException, SMTPRecipientsRefused

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.utils import translation

from accounts import access
from accounts.models import Team, User

log = logging.getLogger(__name__)

# What a mail server that is away, or refuses to talk, raises.
UNREACHABLE = (OSError, SMTPException)

# Subject and text, in the language that is active when it is called.
Compose = Callable[[], tuple[str, str]]


def to_managers(team: Team, compose: Compose) -> bool:
    """One message to each of the team's owners and administrators; False when not one could be settled.

    Raises one of UNREACHABLE when there is no connection for any of them. A person is not written to again for
    another's mailbox: who was refused is settled, and once somebody is settled, what fails later is only logged.
    """
    mails = [_written(person, compose) for person in managers(team)]
    settled = not mails
    for mail in mails:
        try:
            settled |= _send(mail)
        except UNREACHABLE:
            if not settled:
                raise
            log.exception("The mail server went away before the mail to %s", mail.to[0])
    return settled


def managers(team: Team) -> list[User]:
    """The team's owners and administrators who have an account that is on, the first to join first."""
    roles = access.RULES["team.manage"]
    joined = User.objects.filter(memberships__team=team, memberships__role__in=roles, is_active=True)
    return list(joined.order_by("memberships__pk"))


def language_of(person: User) -> str:
    """The language that a person chose on the site, while the site still has it; otherwise the site's own."""
    known = dict(settings.LANGUAGES)
    return person.language if person.language in known else settings.LANGUAGE_CODE


def _written(person: User, compose: Compose) -> EmailMessage:
    with translation.override(language_of(person)):
        subject, text = compose()
    return EmailMessage(subject=subject, body=text, to=[person.email])


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
    except UNREACHABLE:
        log.exception("The mail to %s could not be sent", mail.to[0])
        return False
    finally:
        with contextlib.suppress(*UNREACHABLE):  # the message is with the server, or is not
            connection.close()
    return True
