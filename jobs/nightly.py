"""Adding up all credits once a night, and telling the operators what does not fit."""

import logging
from datetime import date, datetime, time, timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from jobs import reconciliation
from jobs.models import Reconciliation

log = logging.getLogger(__name__)

AT = time(3, 17)  # UTC
# A worker that has not ended by then has died; so has one that found something and had no mail server.
GIVEN_UP_AFTER = timedelta(hours=1)
MAILED_AT_MOST = 50  # sentences


def reconcile() -> bool:
    """Add up this night's credits, unless somebody has or does. False when it was not this caller's turn.

    To be called often: a site that did not run at the minute does it as soon as it runs again.
    """
    night = _night(timezone.now())
    if not _take(night):
        return False
    found = reconciliation.findings()
    if found:
        _tell(night, found)
    Reconciliation.objects.filter(night=night).update(found=found, done_at=timezone.now())
    return True


def _night(now: datetime) -> date:
    """The day of the last time that it was AT."""
    return (now - timedelta(hours=AT.hour, minutes=AT.minute)).date()


def _take(night: date) -> bool:
    if Reconciliation.objects.filter(night=night, done_at__isnull=False).exists():
        return False
    Reconciliation.objects.bulk_create([Reconciliation(night=night)], ignore_conflicts=True)
    free = Q(taken_at=None) | Q(taken_at__lt=timezone.now() - GIVEN_UP_AFTER)
    return bool(
        Reconciliation.objects.filter(free, night=night, done_at=None).update(taken_at=timezone.now())
    )


def _tell(night: date, found: list[str]) -> None:
    """In the log, and by mail. Raises when no mail can be sent: then the night is not done, and is tried again."""
    log.error("Reconciliation of %s, things that do not add up: %d", night, len(found))
    for sentence in found:
        log.error("Reconciliation of %s: %s", night, sentence)
    lines = [f"- {sentence}" for sentence in found[:MAILED_AT_MOST]]
    if len(found) > MAILED_AT_MOST:
        lines.append(f"- and {len(found) - MAILED_AT_MOST} more, which the log of {settings.SITE_URL} has")
    lines += ["", "Credits are not moved to make it fit. `manage.py reconcile` adds up again."]
    send_mail(
        f"{settings.SITE_HOST}: credits do not add up ({len(found)})",
        "\n".join(lines),
        None,
        _operators(),
    )


def _operators() -> list[str]:
    """Whom the site writes to about itself."""
    if settings.OPERATOR_EMAILS:
        return list(settings.OPERATOR_EMAILS)
    return list(User.objects.filter(is_staff=True, is_active=True).values_list("email", flat=True))
