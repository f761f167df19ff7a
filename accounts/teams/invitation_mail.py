"""The mail that carries an invitation's link."""

import logging

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.mail import UNREACHABLE, language_of
from accounts.models import Invitation, User
from accounts.teams.invitation_pace import give_back

log = logging.getLogger(__name__)


def link(token: str) -> str:
    """The address that opens the invitation."""
    return settings.SITE_URL + reverse("join_link", args=[token])


def send(invitation: Invitation, token: str, *, inviter: User) -> bool:
    """Mail the link to the address that it is for. False when no mail server took it: show the link instead.

    Never within a transaction. In the language of whoever has an account, as all mail to them, and otherwise of
    the page that it was written on.
    """
    person = User.objects.filter(email__iexact=invitation.email).first()
    with translation.override(language_of(person) if person else translation.get_language()):
        mail = _mail(invitation, token, inviter)
    try:
        mail.send()
    except UNREACHABLE:
        # Without the address's mail itself: its link is a secret.
        log.exception("The mail to %s could not be sent", invitation.masked_email)
        give_back(invitation.email)
        return False
    Invitation.objects.filter(pk=invitation.pk, digest=invitation.digest).update(sent_at=timezone.now())
    return True


def _mail(invitation: Invitation, token: str, inviter: User) -> EmailMessage:
    names = {"person": inviter.email, "team": invitation.team.name}
    text = render_to_string(
        "accounts/invitation_mail.txt",
        {"invitation": invitation, "inviter": inviter, "url": link(token), "days": settings.INVITATION_DAYS},
    )
    subject = _("%(person)s invites you to the team “%(team)s”") % names
    subject = " ".join(subject.split())  # no line break of an old name gets into a header
    return EmailMessage(subject=subject, body=text, to=[invitation.email])
