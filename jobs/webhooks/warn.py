"""Mail to a team whose receivers keep failing: one a day at most, about all of them, while it goes on."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import mail
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
        except mail.UNREACHABLE:
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
    """Whether the team's owners and administrators are told; raises when there is no mail server."""
    team = receivers[0].team
    waiting = queue.failed(team).filter(receiver__in=receivers, unpaid_at=None).count()
    context = {
        "receivers": receivers[:LISTED],
        "more": len(receivers[LISTED:]),
        "team": team,
        "waiting": waiting,
        "url": settings.SITE_URL + reverse("webhooks"),
    }
    return mail.to_managers(
        team, lambda: (_subject(receivers), render_to_string("jobs/webhooks/failing_mail.txt", context))
    )


def _subject(receivers: list[Receiver]) -> str:
    if len(receivers) == 1:
        return _("Webhooks to %(host)s keep failing") % {"host": receivers[0].host}
    return _("Webhooks keep failing, receivers: %(number)s") % {"number": len(receivers)}
