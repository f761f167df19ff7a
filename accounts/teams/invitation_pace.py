"""How often one address is written to: whoever invites, into whichever team, and whatever was revoked meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.core.cache import cache
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from accounts.teams import Refused

AGAIN_AFTER = timedelta(minutes=5)  # what is mailed to one address is not mailed again sooner


@contextmanager
def one_mail(email: str) -> Iterator[None]:
    """Take the address's turn for what happens within, given back when that fails. Raises Refused.

    Taken before anything is sent, and in one step, so that of two at once one is refused. Around the transaction and
    not in it: the cache may be another machine.
    """
    if email and not cache.add(_name(email), 1, AGAIN_AFTER.total_seconds()):
        raise Refused(_("This invitation was sent a moment ago. Wait five minutes before the next mail."))
    try:
        yield
    except Exception:
        give_back(email)
        raise


def give_back(email: str) -> None:
    """No mail went out after all."""
    if email:
        cache.delete(_name(email))


def _name(email: str) -> str:
    """By a digest: the cache is no place for addresses."""
    return "invitation-mail:" + salted_hmac("accounts.invitation_pace", email.lower()).hexdigest()
