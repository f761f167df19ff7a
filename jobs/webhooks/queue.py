"""Putting deliveries into the line: at a job's end, as a test, and again by a replay."""

import uuid
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import access, audit
from accounts.access import Actor
from accounts.models import ApiKey, Team
from jobs import outbox
from jobs.models import DeliveryAttempt, Job, Receiver, WebhookDelivery, WebhookSettings
from jobs.models.deliveries import DeliveryState
from jobs.problems import FieldProblem, Invalid
from jobs.webhooks import message, rotation
from lipsyncweb.http.outbound import Refused, check_address, policy_from_settings

TESTS_A_MINUTE = 10  # of a team: tests, webhooks of its test keys' jobs, and replays of both
MINUTE = timedelta(minutes=1)
MOST_ATTEMPTS = 100  # what was tried so often is not sent again by hand


class TooManyTests(Exception):
    """A team has sent its share of webhooks that nobody pays for, for this minute."""


class BadAddress(Invalid):
    """An address that no webhook goes to. `sentence` is what is wrong with it, without the name of its field."""

    def __init__(self, field: str, code: str, sentence: str):
        super().__init__([FieldProblem(field, code, f"{field}: {sentence}")])
        self.sentence = sentence


def announce(job: Job) -> None:
    """Write the webhook of a job that has just ended, in the caller's transaction, and nudge after it."""
    if not job.webhook or job.team.deleted_at:
        return
    if job.is_test:
        place = _next_place(job.team)
        _add(job.team, job.webhook, job=job, unpaid_at=place, due_at=place)
    else:
        _add(job.team, job.webhook, job=job)


def send_test(*, team: Team, actor: Actor | None, url: str = "", who: audit.Who) -> WebhookDelivery:
    """Send a made-up job to `url`, or to the team's default address: signed like any other, and tried once.

    Raises BadAddress, TooManyTests and PermissionDenied.
    """
    access.require(actor, "webhooks.replay", team)
    url = check_url(url or settings_of(team).url, field="url")
    with transaction.atomic():
        place = _next_place(team)
        if place > timezone.now():
            raise TooManyTests
        audit.record("webhook.test", team=team, who=who, target=url)
        return _add(team, url, document=message.sample(), unpaid_at=place)


def _next_place(team: Team) -> datetime:
    """When the team's next unpaid webhook may go: now, or a minute after its tenth last.

    For the transaction that writes it. The lock makes two that count at once take different places; it is not the
    team's own, which the claim of a job holds before it wants the job.
    """
    WebhookSettings.objects.get_or_create(team=team)
    WebhookSettings.objects.select_for_update(no_key=True).get(team=team)
    now = timezone.now()
    last = WebhookDelivery.objects.filter(team=team, unpaid_at__gt=now - MINUTE).order_by("-unpaid_at")
    tenth = last.values_list("unpaid_at", flat=True)[TESTS_A_MINUTE - 1 : TESTS_A_MINUTE]
    return max([now, *(at + MINUTE for at in tenth)])


def _add(team: Team, url: str, **what: object) -> WebhookDelivery:
    receiver, _made = Receiver.objects.get_or_create(team=team, host=urlsplit(url).netloc[:260])
    delivery = WebhookDelivery.objects.create(team=team, receiver=receiver, url=url, **what)
    transaction.on_commit(outbox.nudge_deliver)
    return delivery


def replay(delivery_id: uuid.UUID, *, team: Team, actor: Actor | None) -> bool:
    """Send one again, whatever became of it. False: it is being sent, too old, or was tried too often.

    Raises TooManyTests for one that nobody pays for, and PermissionDenied.
    """
    access.require(actor, "webhooks.replay", team)
    rows = WebhookDelivery.objects.filter(team=team, pk=delivery_id)
    with transaction.atomic():
        if _replay(rows.filter(unpaid_at=None)) or _replay_unpaid(team, rows):
            return True
        if _sendable(rows, timezone.now()).exclude(unpaid_at=None).exists():
            raise TooManyTests
        return False


def replay_failed(*, team: Team, actor: Actor | None, since: datetime, who: audit.Who) -> int:
    """Send again what failed at `since` or later and has not arrived: given up or waiting for its next try.

    Of the webhooks of test keys' jobs as many as the team may send this minute. Returns how many.
    """
    access.require(actor, "webhooks.replay", team)
    rows = failed(team).filter(job__isnull=False, tried_at__gte=since)
    with transaction.atomic():
        count = _replay(rows.filter(unpaid_at=None)) + _replay_unpaid(team, rows)
        if count:
            audit.record("webhook.replay_failed", team=team, who=who, count=count)
    return count


def _replay_unpaid(team: Team, rows: QuerySet[WebhookDelivery]) -> int:
    """Those that the team has places for. One that took its place within this minute would count but once."""
    unpaid = rows.exclude(unpaid_at=None)
    if not unpaid.exists():
        return 0
    if _next_place(team) > (now := timezone.now()):
        return 0
    taken = WebhookDelivery.objects.filter(team=team, unpaid_at__gt=now - MINUTE).count()
    chosen = _sendable(unpaid, now).filter(unpaid_at__lte=now - MINUTE).order_by("tried_at")
    keys = list(chosen.values_list("pk", flat=True)[: TESTS_A_MINUTE - taken])
    return _replay(unpaid.filter(pk__in=keys), unpaid_at=now)


def failed(team: Team) -> QuerySet[WebhookDelivery]:
    """Deliveries that were tried in vain, be they given up or still to be tried again."""
    again = Q(state=DeliveryState.DUE, attempts__gt=F("attempts_before"))
    return WebhookDelivery.objects.filter(Q(state=DeliveryState.EXHAUSTED) | again, team=team)


def _replay(rows: QuerySet[WebhookDelivery], **and_set: datetime) -> int:
    """Due now, with the whole schedule before them. What a worker has in hand is left to it."""
    now = timezone.now()
    count = _sendable(rows, now).update(
        state=DeliveryState.DUE, due_at=now, held_until=None, attempts_before=F("attempts"), **and_set
    )
    if count:
        transaction.on_commit(outbox.nudge_deliver)
    return count


def _sendable(rows: QuerySet[WebhookDelivery], now: datetime) -> QuerySet[WebhookDelivery]:
    free = Q(held_until=None) | Q(held_until__lte=now)
    return rows.filter(free, created_at__gte=kept_since(now), attempts__lt=MOST_ATTEMPTS)


def kept_since(now: datetime) -> datetime:
    """What is older has no log any more, and is not sent again."""
    return now - timedelta(days=settings.WEBHOOK_LOG_DAYS)


def expire() -> None:
    """Forget attempts and tests that are too old, and secrets that nobody needs to recognise any more."""
    now = timezone.now()
    old = kept_since(now)
    DeliveryAttempt.objects.filter(at__lt=old).exclude(delivery__state=DeliveryState.DUE).delete()
    WebhookDelivery.objects.filter(job=None, created_at__lt=old).exclude(state=DeliveryState.DUE).delete()
    rotation.forget_old(now)


def settings_of(team: Team) -> WebhookSettings:
    """The team's own, or those of a team that has set nothing."""
    return WebhookSettings.objects.filter(team=team).first() or WebhookSettings(team=team)


def default_url(team: Team, actor: Actor) -> str:
    """Where the webhook of a submit goes that names no address; "" for nowhere.

    That of a test goes nowhere: a receiver in production would be told of a video that nobody made.
    """
    if isinstance(actor, ApiKey) and actor.is_test:
        return ""
    known: str | None = getattr(actor, "default_webhook", None)  # the API reads it with the key
    if known is not None:
        return known
    found = settings_of(team)
    return found.url if isinstance(actor, ApiKey) or found.browser_jobs else ""


def set_default(*, team: Team, actor: Actor | None, url: str, browser_jobs: bool, who: audit.Who) -> None:
    """Keep the team's default address; "" for none. Raises BadAddress and PermissionDenied."""
    access.require(actor, "webhooks.manage", team)
    url = check_url(url, field="url") if url else ""
    before = settings_of(team)
    with transaction.atomic():
        WebhookSettings.objects.update_or_create(
            team=team, defaults={"url": url, "browser_jobs": browser_jobs}
        )
        if (before.url, before.browser_jobs) != (url, browser_jobs):
            said = {"before": before.url, "browser_jobs": browser_jobs}
            audit.record("webhook.default", team=team, who=who, target=url, **said)


def check_url(url: str, *, field: str) -> str:
    """A receiver's address in its normal form, or BadAddress. No name is looked up here."""
    if not url:
        raise BadAddress(field, "required", _("Name an address, or set the team's default one."))
    try:
        return check_address(url, policy_from_settings())
    except Refused as error:
        raise BadAddress(field, error.code, error.sentence) from None
