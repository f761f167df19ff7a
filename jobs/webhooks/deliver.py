"""Webhooks out: at least once, from rows, by a schedule; every attempt is kept.

The rows are read and written by one thread, and many requests are under way beside it. The line is fair between
teams, and between the receivers of each: the one that was served longest ago is next. Each has a few requests at once,
and the receivers that are not known to be sound, for failing or for having taken nothing yet, share a part of the
places, so that the dead delay none of the living, however many of them there are.
"""

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import Team
from jobs import trials
from jobs.models import DeliveryAttempt, Receiver, WebhookDelivery
from jobs.models.deliveries import DeliveryState
from jobs.webhooks import answers, message, rotation, signing
from jobs.webhooks.answers import Attempted
from lipsyncweb.http import outbound

log = logging.getLogger(__name__)

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
# What is waited after the first failure, the second, ...; after the last the delivery is given up.
RETRY_AFTER = (
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
JITTER = 0.1
LONGEST_RETRY_AFTER = 24 * HOUR
READ_BYTES = 65536

AT_ONCE = 16  # requests of one run
AT_MOST = 500  # deliveries of one run; the next nudge or timer starts another
PUT_OFF = 5 * MINUTE  # what cannot be claimed
LOOK_AGAIN = 0.5  # seconds; what comes due while others are under way
# Requests under way over all workers, for each ...
RECEIVER_AT_ONCE = 3
TEAM_AT_ONCE = 6
FAILING_RECEIVER_AT_ONCE = 1
FAILING_TEAM_AT_ONCE = 2
FAILING_AT_ONCE = 8  # ... and for all that are not sound, where workers that count at once may exceed it

BROKEN = Attempted(
    code="internal_error", error="Something went wrong on the site's side; see its log.", duration_ms=0
)


@dataclass(frozen=True)
class Letter:
    """One attempt as it leaves: nothing of it touches the database any more."""

    url: str
    body: str
    headers: dict[str, str]


def deliver_due(*, at_most: int = AT_MOST, stop: Callable[[], bool] = lambda: False) -> int:
    """Try the deliveries that are due until none is left; returns how many were tried."""
    count = 0
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook") as pool:
        under_way: dict[Future[Attempted], WebhookDelivery] = {}
        while True:
            while count < at_most and len(under_way) < AT_ONCE and not stop():
                if (taken := claim_next()) is None:
                    break
                count += 1
                under_way[pool.submit(_send, _prepared(taken))] = taken
            if not under_way:
                return count
            for done in wait(under_way, timeout=LOOK_AGAIN, return_when=FIRST_COMPLETED).done:
                _conclude_alone(under_way.pop(done), done)


def _prepared(taken: WebhookDelivery) -> Letter | Attempted:
    """The letter. One that breaks our own code is a failure like another, and stops nobody else's."""
    try:
        return _letter(taken)
    except Exception:
        log.exception("Webhook %s could not be written", taken.pk)
        return BROKEN


def _conclude_alone(taken: WebhookDelivery, done: Future[Attempted]) -> None:
    """As `conclude`: what goes wrong with one must not lose the others' answers."""
    try:
        tried = done.result()
    except Exception:
        log.exception("Webhook %s could not be sent", taken.pk)
        tried = BROKEN
    try:
        conclude(taken, tried)
    except DatabaseError:
        log.exception("The answer to webhook %s could not be kept; it is sent again", taken.pk)


def claim_next() -> WebhookDelivery | None:
    """A delivery that this worker alone may try now, or None when none is due that has a place."""
    while (first := _next_in_line()) is not None:
        if _claim_alone(first):
            with_rest = WebhookDelivery.objects.select_related("team", "job__connection", "receiver")
            if taken := with_rest.filter(pk=first.pk).first():  # else its team has just been deleted
                return taken
    return None


@dataclass(frozen=True)
class Places:
    """How many requests are under way, of all workers: for each receiver and team, and to those not sound."""

    receivers: Counter[int]
    teams: Counter[int]
    failing_teams: Counter[int]

    @classmethod
    def taken(cls) -> "Places":
        rows = WebhookDelivery.objects.filter(state=DeliveryState.DUE, held_until__gt=timezone.now())
        found = list(rows.values_list("receiver_id", "team_id", "receiver__sound"))
        return cls(
            Counter(receiver for receiver, _team, _sound in found),
            Counter(team for _receiver, team, _sound in found),
            Counter(team for _receiver, team, sound in found if not sound),
        )

    def with_room(self, receivers: QuerySet[Receiver]) -> QuerySet[Receiver]:
        """Those of the receivers that may have one more."""
        found = receivers.exclude(pk__in=_full(self.receivers, RECEIVER_AT_ONCE))
        found = found.exclude(team__in=_full(self.teams, TEAM_AT_ONCE))
        if self.failing_teams.total() >= FAILING_AT_ONCE:
            return found.filter(sound=True)
        found = found.exclude(pk__in=_full(self.receivers, FAILING_RECEIVER_AT_ONCE), sound=False)
        return found.exclude(team__in=_full(self.failing_teams, FAILING_TEAM_AT_ONCE), sound=False)


def _full(taken: Counter[int], at_once: int) -> Iterable[int]:
    return [pk for pk, count in taken.items() if count >= at_once]


def _next_in_line() -> WebhookDelivery | None:
    """First the receiver, then its oldest: what is asked for grows with the receivers and not with the backlog."""
    receiver = _next_receiver()
    return _due(receiver.pk).first() if receiver else None


def _next_receiver() -> Receiver | None:
    # One value of one row: a join or EXISTS would let PostgreSQL read all that is due.
    oldest = Subquery(_due(OuterRef("pk")).values("due_at")[:1])
    waiting = Receiver.objects.alias(oldest=oldest).filter(oldest__lte=timezone.now())
    team_served = (
        Receiver.objects.filter(team=OuterRef("team")).order_by("-served_at").values("served_at")[:1]
    )
    waiting = waiting.alias(team_served=Subquery(team_served))
    return Places.taken().with_room(waiting).order_by("team_served", "team", "served_at", "pk").first()


def _due(receiver: int | OuterRef) -> QuerySet[WebhookDelivery]:
    """What is to be sent to a receiver, that which comes due first at the head."""
    return WebhookDelivery.objects.filter(receiver=receiver, state=DeliveryState.DUE).order_by("due_at")


def _claim_alone(row: WebhookDelivery) -> bool:
    """As `_claim`: one that the database refuses would stay first in line, and keep all others from their turn."""
    try:
        return _claim(row)
    except DatabaseError:
        log.exception("Webhook %s could not be taken up; it is put off", row.pk)
    mine = WebhookDelivery.objects.filter(pk=row.pk, state=DeliveryState.DUE, attempts=row.attempts)
    mine.update(due_at=timezone.now() + PUT_OFF)
    return False


def _claim(row: WebhookDelivery) -> bool:
    """Hold it past the longest attempt, and write the attempt down before anything leaves.

    The places are counted again under the lock of the team, which its receivers have in common: workers that
    counted at once would exceed them.
    """
    with transaction.atomic():
        team = Team.objects.select_for_update(no_key=True).get(pk=row.team_id)
        if team.deleted_at:
            WebhookDelivery.objects.filter(pk=row.pk).delete()
            return False
        if not Places.taken().with_room(Receiver.objects.filter(pk=row.receiver_id)).exists():
            return False
        now = timezone.now()
        until = now + timedelta(seconds=settings.WEBHOOK_TIMEOUT_SECONDS * 2 + 30)
        mine = WebhookDelivery.objects.filter(
            pk=row.pk, state=DeliveryState.DUE, attempts=row.attempts, due_at__lte=now
        ).update(attempts=row.attempts + 1, due_at=until, held_until=until, tried_at=now)
        if mine:
            Receiver.objects.filter(pk=row.receiver_id).update(served_at=now)
            DeliveryAttempt.objects.create(delivery_id=row.pk, number=row.attempts + 1, at=now)
    return bool(mine)


def _letter(delivery: WebhookDelivery) -> Letter | Attempted:
    """What is to be sent, or why nothing can be."""
    try:
        secrets = rotation.signing_secrets(delivery.team)
    except ValueError as error:
        return Attempted(code="secret_unreadable", error=str(error), duration_ms=0)
    body = message.body(delivery)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "lipsyncweb-webhooks/1",
        **signing.headers(secrets=secrets, message_id=delivery.message_id, body=body),
    }
    return Letter(url=delivery.url, body=body, headers=headers)


def _send(letter: Letter | Attempted) -> Attempted:
    if isinstance(letter, Attempted):
        return letter
    began = time.monotonic()
    try:
        answer = outbound.post(
            letter.url,
            body=letter.body.encode(),
            headers=letter.headers,
            policy=outbound.policy_from_settings(),
            seconds=settings.WEBHOOK_TIMEOUT_SECONDS,
            read_bytes=READ_BYTES,
        )
    except outbound.OutboundError as error:
        return answers.unanswered(letter.url, error, duration_ms=_since(began))
    return answers.answered(letter.url, answer, duration_ms=_since(began))


def conclude(delivery: WebhookDelivery, tried: Attempted) -> None:
    """Complete the attempt and decide what is next, unless it was taken from this worker meanwhile."""
    now = timezone.now()
    state, due_at = _next(delivery, tried, now)
    again = state == DeliveryState.DUE
    with transaction.atomic():
        mine = WebhookDelivery.objects.filter(
            pk=delivery.pk,
            state=DeliveryState.DUE,
            attempts=delivery.attempts,
            held_until=delivery.held_until,
        ).update(state=state, due_at=due_at, held_until=None)
        DeliveryAttempt.objects.filter(delivery=delivery, number=delivery.attempts).update(
            duration_ms=tried.duration_ms,
            status=tried.status,
            code=tried.code,
            error=tried.error,
            answer=tried.answer,
            next_at=due_at if mine and again else None,
        )
        _note(delivery, tried, now)


def _note(delivery: WebhookDelivery, tried: Attempted, now: datetime) -> None:
    """How the receiver has been answering: any success ends a row of failures.

    What nobody pays for starts none, so that a test key sends no mail. By it, too, it is known whether a receiver is
    sound: else tests to one that hangs would take all places.
    """
    row = Receiver.objects.filter(pk=delivery.receiver_id)
    if tried.succeeded:
        row.filter(sound=False).update(sound=True, failures=0, failing_since=None, last_problem="")
    elif delivery.unpaid_at is not None:
        row.filter(sound=True).update(sound=False)
    else:
        row.update(
            sound=False,
            failures=F("failures") + 1,
            failing_since=Coalesce(F("failing_since"), now),
            last_problem=tried.error,
        )


def _next(delivery: WebhookDelivery, tried: Attempted, now: datetime) -> tuple[str, datetime]:
    if tried.succeeded:
        return DeliveryState.DUE if trials.sends_again(delivery) else DeliveryState.DELIVERED, now
    tries = delivery.attempts - delivery.attempts_before
    if tried.status == answers.GONE or tries > len(RETRY_AFTER) or delivery.is_test:
        return DeliveryState.EXHAUSTED, now
    wait_for = RETRY_AFTER[tries - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
    asked = min(tried.retry_after or timedelta(), LONGEST_RETRY_AFTER)
    return DeliveryState.DUE, now + max(wait_for, asked)


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
