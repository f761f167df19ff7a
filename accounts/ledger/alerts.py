"""Mail to a team when a purse holds less than it asked to be told of: once, until it holds enough again, and rarely."""

import functools
import logging

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import ledger, mail
from accounts.models import Purse
from accounts.models.ledger import PurseKind

log = logging.getLogger(__name__)


def warn_of_low_purses() -> int:
    """Write to the teams whose purses fell below their alerts; returns about how many purses was written.

    A purse is written of anew once it held enough in between, as seen by this sweep, or its alert was changed; but
    not within six hours of the last mail.
    """
    ledger.rearm_alerts()
    count = 0
    for purse in ledger.low_purses():
        # First the row, then the mail: of two workers one writes.
        if not ledger.note_alerted(purse):
            continue
        try:
            written = mail.to_managers(purse.team, functools.partial(_letter, purse))
        except mail.UNREACHABLE:
            log.exception("There is no mail server to write to team %s", purse.team_id)
            ledger.unnote_alerted(purse)
            break
        if written:
            count += 1
        else:
            ledger.unnote_alerted(purse)
    return count


def _letter(purse: Purse) -> tuple[str, str]:
    team = " ".join(purse.team.name.split())  # a subject is one line
    subject = {
        PurseKind.API: _("%(team)s: few API credits are left"),
        PurseKind.USER: _("%(team)s: few user credits are left"),
    }[PurseKind(purse.kind)]
    context = {"purse": purse, "team": team, "url": settings.SITE_URL + reverse("credits")}
    return subject % {"team": team}, render_to_string("accounts/mail/low_balance.txt", context)
