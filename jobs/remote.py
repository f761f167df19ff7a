"""Jobs that another server makes: sent, asked for, and their results fetched and kept.

The webhook view and the poller both end in `attend`, which is told nothing but the job: whatever is known by then
is in the row, and a repeat finds nothing to do.
"""

import logging
import random
import tempfile
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from jobs import connections, execute, lifecycle, media, outbox
from jobs.engine.errors import InputError
from jobs.execute import Made, Postponed
from jobs.models import Connection, InboundWebhook, Job, State
from jobs.problems import JobFailure
from jobs.providers.base import Accepted, Failed, Outcome, RunContext
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
UNKNOWN_FOR = timedelta(
    minutes=2
)  # a job that the server does not know may be on its way to its own database


# --- sending --------------------------------------------------------------------------------------


def send_due() -> int:
    """Send jobs that wait in line for a connection; returns how many were tried."""
    now = timezone.now()
    line = Job.objects.filter(Q(not_before=None) | Q(not_before__lte=now), state=State.QUEUED)
    waiting = Connection.objects.filter(Exists(line.filter(connection=OuterRef("pk"))), is_active=True)
    return sum(_send_all(connection) for connection in waiting)


def _send_all(connection: Connection) -> int:
    count = 0
    while not execute.stopping.is_set() and connections.take_turn(connection):
        claim = lifecycle.claim_for(connection)
        if claim is None:
            break
        execute.run(claim, Sender(connection, claim))
        count += 1
    return count


class Sender:
    """The provider of one attempt: looks before it sends again, and counts what it sends."""

    def __init__(self, connection: Connection, claim: Claim):
        self._connection = connection
        self._claim = claim

    def run(self, context: RunContext) -> Outcome:
        """Raises Postponed."""
        job = Job.objects.get(pk=self._claim.job_id)
        try:
            self._remote = connections.remote(self._connection)
            if job.sends and (found := self._look(job)):
                return found
            return self._send(context)
        except Later as error:
            raise self._postponed(error) from error

    def _send(self, context: RunContext) -> Outcome:
        if not lifecycle.note_send(self._claim):
            raise Postponed(timezone.now(), "Another worker has the job.")
        try:
            outcome = self._remote.run(context)
        except Later as error:
            if not error.may_have_sent:
                lifecycle.note_send(self._claim, sent=False)
            raise
        connections.worked(self._connection)
        return outcome

    def _look(self, job: Job) -> Outcome | None:
        """What became of an earlier send whose answer was not heard. None: send it (again).

        A server that honours Idempotency-Key answers a second send with the first one's job.
        """
        if job.remote_document:
            return Accepted(job.remote_document["id"])
        for call in InboundWebhook.objects.filter(job=job):
            document = parse(bytes(call.body))
            if document and self._remote.ask(document["id"]):
                return Accepted(document["id"])
        if self._connection.idempotent:
            return None
        if job.sends >= BLIND_SENDS_AT_MOST:
            return Failed(
                "provider_unclear",
                f"{self._connection.name} did not say whether it took the job, and it is not sent a third time; "
                "nothing was charged here. Please submit it again.",
            )
        return None

    def _postponed(self, error: Later) -> Postponed:
        if error.is_failure:
            until = connections.failed(self._connection, why=error.why, retry_after=error.retry_after)
        else:
            until = connections.wait_until(self._connection, error.retry_after)
        if error.may_have_sent and not self._connection.idempotent:
            until = max(until, timezone.now() + UNCLEAR_WAIT)
        return Postponed(until, error.why)


# --- asking ---------------------------------------------------------------------------------------


def poll_due() -> int:
    """Have the jobs asked for whose time has come, at most so many a round for each connection; returns how many."""
    now = timezone.now()
    due = Job.objects.filter(state=State.WAITING, next_poll_at__lte=now)
    count = 0
    for connection in Connection.objects.filter(Exists(due.filter(connection=OuterRef("pk")))):
        if not _take_round(connection, now):
            continue
        budget = 1 if connection.failures else connection.polls_a_second * TICK
        jobs = due.filter(connection=connection).order_by("next_poll_at")
        for job_id in jobs.values_list("pk", flat=True)[:budget]:
            outbox.nudge_attend(job_id)
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
    """An unsigned call came: ask for the job now, at most once in five seconds."""
    now = timezone.now()
    waiting = Job.objects.filter(pk=job.pk, state=State.WAITING, remote_document__isnull=True)
    quiet = Q(asked_at=None) | Q(asked_at__lt=now - QUESTION_AT_MOST_EVERY)
    if waiting.filter(quiet).update(next_poll_at=now):
        outbox.nudge_attend(job.pk)


def attend(job_id: uuid.UUID) -> None:
    """Do what is due for a job that another server makes: ask, note progress, fetch its result, end it."""
    job = _take_job(job_id)
    if job is None:
        return
    try:
        document = job.remote_document or _ask(job)
        if document is None:
            _ask_again(job)
        elif document["status"] == "failed":
            _fail(job, document)
        elif document["status"] == "completed":
            _collect(job, document)
        else:
            lifecycle.note_remote_progress(job.pk, _percent(document.get("progress")))
            _ask_again(job)
    except Later as error:
        until = connections.failed(job.connection, why=error.why, retry_after=error.retry_after)
        _ask_again(job, at=until)
    except JobFailure as error:
        lifecycle.fail(job.pk, code=error.code, sentence=error.sentence)


def _take_job(job_id: uuid.UUID) -> Job | None:
    """The job, if it is due and nobody else attends to it: its time moves past the longest that this may take."""
    now = timezone.now()
    hold = timedelta(seconds=settings.MEDIA_FETCH_SECONDS + settings.PROVIDER_TIMEOUT_SECONDS + 60)
    due = Job.objects.filter(pk=job_id, state=State.WAITING, next_poll_at__lte=now)
    if not due.update(next_poll_at=now + hold):
        return None
    return Job.objects.select_related("connection", "team").get(pk=job_id)


def _ask(job: Job) -> dict[str, Any] | None:
    """The other server's word on the job; None when it is to be asked again later."""
    if not connections.take_turn(job.connection):
        return None
    Job.objects.filter(pk=job.pk).update(asked_at=timezone.now())
    document = connections.remote(job.connection).ask(job.external_id)
    connections.worked(job.connection)
    if document is None:
        return _unknown_there(job)
    if document["id"] != job.external_id:
        return None
    if document["status"] in ENDED:
        # Its first terminal word stays, were it this one or a webhook's that came meanwhile.
        lifecycle.note_remote_end(job.pk, document)
        job.refresh_from_db(fields=["remote_document", "remote_ended_at"])
        return job.remote_document
    return document


def _unknown_there(job: Job) -> None:
    since = job.started_at or job.created_at
    if timezone.now() - since > UNKNOWN_FOR:
        raise JobFailure(
            "provider_lost_job",
            f"{job.connection.name} took the job and does not know it any more; nothing was charged. "
            "Please submit it again.",
        )


def _ask_again(job: Job, *, at: datetime | None = None) -> None:
    """Every 5 to 10 s at first, more and more seldom as the job ages."""
    age = (timezone.now() - (job.started_at or job.created_at)).total_seconds()
    wait = min(max(age / 10, SHORTEST), LONGEST) * random.uniform(1, 2)  # noqa: S311
    when = max(at or timezone.now(), timezone.now() + timedelta(seconds=wait))
    Job.objects.filter(pk=job.pk, state=State.WAITING).update(next_poll_at=when)


def _percent(progress: Any) -> int:
    return min(max(progress, 0), 99) if type(progress) is int else 0


# --- ending ---------------------------------------------------------------------------------------


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
            found = media.probe_file(file, "video")
        except InputError as error:
            raise JobFailure("provider_bad_result", f"{job.connection.name}: {error.sentence}") from error
        except outbound.OutboundError as error:
            _fetch_again(job, error)
            return
        execute.publish(
            Claim(job.pk, job.attempt),
            Made(
                file=file,
                seconds=found.seconds or 0.0,
                width=found.width or 0,
                height=found.height or 0,
                seed=_whole(document.get("seed"), most=2**31 - 1),
                timings=_timings(document.get("timings")),
                warnings=[],
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
        )


def _fetch_again(job: Job, error: outbound.OutboundError) -> None:
    since = job.remote_ended_at or timezone.now()
    if timezone.now() - since > timedelta(seconds=settings.RESULT_FETCH_GIVE_UP_SECONDS):
        raise JobFailure("provider_result_lost", f"The finished video could not be fetched: {error.sentence}")
    log.warning("The result of job %s could not be fetched: %s", job.pk, error.sentence)
    _ask_again(job)


def _whole(value: Any, *, most: int) -> int | None:
    return value if type(value) is int and 0 <= value <= most else None


def _timings(value: Any) -> dict[str, int] | None:
    """Their stages, as far as they are names with milliseconds."""
    if not isinstance(value, dict):
        return None
    return {
        name[:40]: number
        for name, number in list(value.items())[:40]
        if type(number) is int and number >= 0 and "\0" not in name
    }
