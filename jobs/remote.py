"""Jobs that another server makes: sent, asked for, and their results fetched and kept.

The webhook view and the poller both end in a job's row: its `remote_document` is the other server's last word, and
`collect_due` acts on it. Whatever came how often and in which order, a repeat finds nothing to do.
"""

import logging
import random
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from jobs import connections, execute, health, lifecycle, media, outbox
from jobs.engine.errors import EngineDied, InputError
from jobs.execute import Made, Postponed
from jobs.health import ASKING, SENDING
from jobs.models import Connection, InboundWebhook, Job, State
from jobs.problems import JobFailure
from jobs.providers.base import Accepted, Errand, Failed, Outcome
from jobs.providers.remote import ENDED, Later, parse
from jobs.verbs import Claim
from lipsyncweb.http import outbound

log = logging.getLogger(__name__)

TICK = 5  # seconds between two rounds of questions; lipsyncweb/celery.py keeps to it
SHORTEST, LONGEST = 5.0, 300.0  # seconds between two questions for one job, before the jitter
QUESTION_AT_MOST_EVERY = timedelta(seconds=5)  # for one job, however often its webhook calls
# A server without Idempotency-Key that may have taken a job is sent it once more, and only after this.
UNCLEAR_WAIT = timedelta(seconds=60)
BLIND_SENDS_AT_MOST = 2
LOOKED_AT = 3  # ids that unsigned calls named
ROUND_SECONDS = 20  # of one connection's questions in a row
# A job that the server has taken and does not know may be on its way to its own database.
UNKNOWN_FOR = timedelta(minutes=2)


# --- sending --------------------------------------------------------------------------------------


def send_due() -> int:
    """Send jobs that wait in line for a connection, one for each in turn; returns how many were tried."""
    count = 0
    while sent := sum(_send_one(connection) for connection in _with_a_line()):
        count += sent
    return count


def _with_a_line() -> QuerySet[Connection]:
    now = timezone.now()
    line = Job.objects.filter(Q(not_before=None) | Q(not_before__lte=now), state=State.QUEUED, ready=True)
    # One that was switched off is sent nothing more, and still asked for what it has.
    return Connection.objects.filter(Exists(line.filter(connection=OuterRef("pk"))), is_active=True)


def _send_one(connection: Connection) -> bool:
    with _sending.held(connection.pk) as free:
        # First whether there is something to send: a turn at a failing server is not to be wasted.
        if not free or execute.stopping.is_set() or not lifecycle.next_for(connection):
            return False
        if not health.take_turn(connection, SENDING):
            return False
        claim = lifecycle.claim_for(connection)
        if claim:
            execute.hand_on(claim, Sender(connection, claim))
        return claim is not None


class InHand:
    """The connections that this process is busy with, so that a slow one takes no second of its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy: set[int] = set()

    def busy(self) -> set[int]:
        with self._lock:
            return set(self._busy)

    @contextmanager
    def held(self, connection_id: int) -> Iterator[bool]:
        """Hold the connection while the block runs; False when somebody else does."""
        with self._lock:
            free = connection_id not in self._busy
            self._busy.add(connection_id)
        try:
            yield free
        finally:
            if free:
                with self._lock:
                    self._busy.discard(connection_id)


_sending, _collecting = InHand(), InHand()


class Sender:
    """One attempt: looks before it sends again, and counts what it sends. Implements Elsewhere."""

    def __init__(self, connection: Connection, claim: Claim):
        self._connection = connection
        self._claim = claim

    def send(self, errand: Errand) -> Outcome:
        """Raises Postponed."""
        job = Job.objects.get(pk=self._claim.job_id)
        try:
            if job.sends and (found := self._look(job)):
                return found
            return self._send(errand)
        except Later as error:
            raise self._postponed(error) from error

    def _send(self, errand: Errand) -> Outcome:
        server = connections.remote(self._connection)
        if not lifecycle.note_send(self._claim):
            raise Postponed(timezone.now(), "Another worker has the job.")
        try:
            outcome = server.send(errand)
        except Later as error:
            if not error.may_have_sent:
                lifecycle.note_send(self._claim, sent=False)
            raise
        if not (
            isinstance(outcome, Failed) and outcome.code == outbound.Refused.code
        ):  # nothing went out then
            health.worked(self._connection, SENDING)
        return outcome

    def _look(self, job: Job) -> Outcome | None:
        """What became of an earlier send whose answer was not heard. None: send it (again).

        A server that honours Idempotency-Key answers a second send with the first one's job.
        """
        if job.remote_document:
            return Accepted(job.remote_document["id"])
        if found := self._look_among_calls(job):
            return found
        if self._connection.idempotent:
            return None
        clear_at = (job.sent_at or job.created_at) + UNCLEAR_WAIT
        if timezone.now() < clear_at:
            raise Postponed(clear_at, "It may have been taken; its webhook is waited for.")
        if job.sends >= BLIND_SENDS_AT_MOST:
            return Failed(
                "provider_unclear",
                f"{self._connection.name} did not say whether it took the job, and it is not sent a third time; "
                "nothing was charged here. Please submit it again.",
            )
        return None

    def _look_among_calls(self, job: Job) -> Outcome | None:
        """An unsigned call may have named the job: ask whether it is there."""
        documents = [parse(bytes(call.body)) for call in InboundWebhook.objects.filter(job=job)]
        for external_id in list({each["id"]: None for each in documents if each})[:LOOKED_AT]:
            if connections.remote(self._connection).ask(external_id):
                return Accepted(external_id)
        return None

    def _postponed(self, error: Later) -> Postponed:
        if error.is_failure:
            until = health.failed(self._connection, SENDING, why=error.why, retry_after=error.retry_after)
        else:
            until = health.asked_to_wait(self._connection, SENDING, error.retry_after)
        if error.may_have_sent and not self._connection.idempotent:
            until = max(until, timezone.now() + UNCLEAR_WAIT)
        return Postponed(until, error.why)


# --- asking ---------------------------------------------------------------------------------------


def poll_due() -> int:
    """Ask for the jobs whose time has come, at most so many a round for each connection; returns how many."""
    now = timezone.now()
    due = Job.objects.filter(state=State.WAITING, next_poll_at__lte=now, remote_document__isnull=True)
    count = 0
    for connection in Connection.objects.filter(Exists(due.filter(connection=OuterRef("pk")))):
        if not _take_round(connection, now):
            continue
        jobs = due.filter(connection=connection).order_by("next_poll_at").values_list("pk", flat=True)
        ends = time.monotonic() + ROUND_SECONDS
        for job_id in jobs[: 1 if connection.failures else connection.polls_a_second * TICK]:
            if time.monotonic() > ends or not attend(job_id):
                break
            count += 1
    return count


def _take_round(connection: Connection, now: datetime) -> bool:
    """Whether this round is ours: with two timers, or one that stutters, a connection still has one a tick."""
    if connection.retry_at and connection.retry_at > now:
        return False
    last = now - timedelta(seconds=TICK - 0.5)
    row = Connection.objects.filter(Q(polled_at=None) | Q(polled_at__lte=last), pk=connection.pk)
    return bool(row.update(polled_at=now))


def question_soon(job: Job) -> None:
    """An unsigned call came: ask for the job now, or as soon as five seconds have passed since the last question."""
    now = timezone.now()
    waiting = Job.objects.filter(pk=job.pk, state=State.WAITING, remote_document__isnull=True)
    quiet = Q(asked_at=None) | Q(asked_at__lt=now - QUESTION_AT_MOST_EVERY)
    if waiting.filter(quiet).update(next_poll_at=now):
        outbox.nudge_attend(job.pk)
    elif job.asked_at:
        soon = job.asked_at + QUESTION_AT_MOST_EVERY
        waiting.filter(next_poll_at__gt=soon).update(next_poll_at=soon)


def attend(job_id: uuid.UUID) -> bool:
    """Ask for a job that another server makes, if it is due, and act on the answer. False: the server is in trouble."""
    job = _take_job(Job.objects.filter(pk=job_id, remote_document__isnull=True))
    if job is None:
        return True
    try:
        document = _ask(job)
    except Later as error:
        _ask_again(job, at=_trouble(job.connection, error))
        return False
    except JobFailure as error:
        lifecycle.fail(job.pk, code=error.code, sentence=error.sentence)
        return True
    if document is None or document["status"] not in ENDED:
        lifecycle.note_remote_progress(job.pk, _percent((document or {}).get("progress")))
        _ask_again(job)
    elif lifecycle.note_remote_end(job.pk, document):
        outbox.nudge_collect()
    return True


def _take_job(jobs: QuerySet[Job]) -> Job | None:
    """The first of these that is due and that nobody else attends to: its time moves past the longest that it takes."""
    now = timezone.now()
    hold = timedelta(seconds=settings.MEDIA_FETCH_SECONDS + settings.PROVIDER_TIMEOUT_SECONDS + 60)
    due = jobs.filter(state=State.WAITING, next_poll_at__lte=now).order_by("next_poll_at")
    for job_id in due.values_list("pk", flat=True)[:TICK]:
        taken = Job.objects.filter(pk=job_id, state=State.WAITING, next_poll_at__lte=now)
        if taken.update(next_poll_at=now + hold):
            return Job.objects.select_related("connection", "team").get(pk=job_id)
    return None


def _ask(job: Job) -> dict[str, Any] | None:
    """The other server's word on the job; None when it has none yet. Raises Later and JobFailure."""
    connection = job.connection
    if not health.take_turn(connection, ASKING):
        raise Later("It is not asked before its time.", may_have_sent=False, is_failure=False)
    Job.objects.filter(pk=job.pk).update(asked_at=timezone.now())
    document = connections.remote(connection).ask(job.external_id)
    health.worked(connection, ASKING)
    if document is None:
        _unknown_there(job)
    return document if document and document["id"] == job.external_id else None


def _trouble(connection: Connection, error: Later) -> datetime | None:
    """When the server may be asked again."""
    if error.is_failure:
        return health.failed(connection, ASKING, why=error.why, retry_after=error.retry_after)
    if error.retry_after is not None:
        return health.asked_to_wait(connection, ASKING, error.retry_after)
    return connection.retry_at


def _unknown_there(job: Job) -> None:
    since = job.accepted_at or job.created_at
    if timezone.now() - since > UNKNOWN_FOR:
        raise JobFailure(
            "provider_lost_job",
            f"{job.connection.name} took the job and does not know it any more; nothing was charged. "
            "Please submit it again.",
        )


def _ask_again(job: Job, *, at: datetime | None = None) -> None:
    """Every 5 to 10 s at first, more and more seldom as the job ages."""
    age = (timezone.now() - (job.accepted_at or job.created_at)).total_seconds()
    wait = min(max(age / 10, SHORTEST), LONGEST) * random.uniform(1, 2)  # noqa: S311
    when = max(at or timezone.now(), timezone.now() + timedelta(seconds=wait))
    waiting = Job.objects.filter(pk=job.pk, state=State.WAITING, remote_document__isnull=True)
    waiting.update(next_poll_at=when)


def _percent(progress: Any) -> int:
    return min(max(progress, 0), 99) if type(progress) is int else 0


# --- ending ---------------------------------------------------------------------------------------


def collect_due() -> int:
    """End the jobs whose end is known: fetch their results, or say why there is none; returns how many were tried.

    One connection at a time in each worker, so that a server that sends slowly holds up its own jobs alone.
    """
    count = 0
    ended = Job.objects.filter(remote_document__isnull=False)
    while not execute.stopping.is_set():
        job = _take_job(ended.exclude(connection__in=_collecting.busy()))
        if job is None:
            break
        with _collecting.held(job.connection_id) as free:
            if free:
                _end(job, job.remote_document)
            else:  # another thread took one of this connection's at the same moment
                Job.objects.filter(pk=job.pk, state=State.WAITING).update(next_poll_at=timezone.now())
        count += free
    return count


def _end(job: Job, document: dict[str, Any]) -> None:
    try:
        if document["status"] == "failed":
            _fail(job, document)
        _collect(job, document)
    except JobFailure as error:
        lifecycle.fail(job.pk, code=error.code, sentence=error.sentence)
    except EngineDied as error:
        _fetch_again(job, str(error))
    except OSError as error:
        log.exception("The result of job %s could not be kept", job.pk)
        sentence = f"The site could not keep the finished video ({error.strerror}); nothing was charged."
        lifecycle.fail(job.pk, code="storage_full", sentence=sentence)


def _fail(job: Job, document: dict[str, Any]) -> None:
    said = document.get("error")
    sentence = said if isinstance(said, str) and said else "It failed there without a word."
    raise JobFailure("provider_failed", f"{job.connection.name}: {sentence[:500]}")


def _collect(job: Job, document: dict[str, Any]) -> None:
    """Fetch the result, look whether it is a video, keep it, and end the job."""
    with tempfile.TemporaryDirectory(dir=media.work_folder()) as folder:
        file = Path(folder) / "result"
        try:
            _fetch(job, document, file)
            found = media.probe_file(
                file, "video", limits=replace(media.limits_for("video"), bytes=settings.RESULT_MAX_BYTES)
            )
        except (InputError, outbound.TooLarge) as error:
            raise JobFailure("provider_bad_result", f"{job.connection.name}: {error.sentence}") from error
        except outbound.OutboundError as error:
            _fetch_again(job, error.sentence)
            return
        if found.format not in ("mp4", "mov"):
            raise JobFailure("provider_bad_result", f"{job.connection.name} sent a video that is no MP4.")
        execute.publish(
            Claim(job.pk, job.attempt),
            file,
            Made(
                seconds=found.seconds or 0.0,
                width=found.width or 0,
                height=found.height or 0,
                seed=_whole(document.get("seed"), most=2**31 - 1),
                timings=_timings(document.get("timings")),
                warnings=_words(document.get("warnings")),
                prompt_words=_words(document.get("promptWords")),
                execution_ms=_whole(document.get("executionTime"), most=2**31 - 1),
            ),
        )


def _fetch(job: Job, document: dict[str, Any], file: Path) -> None:
    address = document.get("output")
    if not isinstance(address, str):
        raise JobFailure("provider_bad_result", f"{job.connection.name} completed the job without a video.")
    with file.open("wb") as target:
        outbound.download(
            address,
            target,
            policy=connections.policy(job.connection),
            max_bytes=settings.RESULT_MAX_BYTES,
            seconds=settings.MEDIA_FETCH_SECONDS,
            pace=outbound.Pace(settings.MEDIA_FETCH_LEAST_RATE),
        )


def _fetch_again(job: Job, why: str) -> None:
    since = job.remote_ended_at or timezone.now()
    if timezone.now() - since > timedelta(seconds=settings.RESULT_FETCH_GIVE_UP_SECONDS):
        raise JobFailure("provider_result_lost", f"The finished video could not be fetched: {why}")
    log.warning("The result of job %s could not be fetched: %s", job.pk, why)
    later = timezone.now() + timedelta(seconds=SHORTEST * random.uniform(1, 2))  # noqa: S311
    Job.objects.filter(pk=job.pk, state=State.WAITING).update(next_poll_at=later)


def _whole(value: Any, *, most: int) -> int | None:
    return value if type(value) is int and 0 <= value <= most else None


def _words(value: Any) -> list[str]:
    """Their codes and words, as far as they are short texts."""
    return [word[:40] for word in value[:20] if isinstance(word, str)] if isinstance(value, list) else []


def _timings(value: Any) -> dict[str, int] | None:
    """Their stages, as far as they are names with milliseconds."""
    if not isinstance(value, dict):
        return None
    return {
        name[:40]: number
        for name, number in list(value.items())[:40]
        if type(number) is int and 0 <= number < 2**53
    }
