"""One job from the claim to its end, and whatever interrupts it in between."""

import errno
import logging
import random
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from accounts.ledger import CannotPay
from jobs import derived, inputs, lifecycle, media, submit, trials
from jobs.engine.errors import Canceled, EngineDied
from jobs.form_state import FormState
from jobs.models import Job
from jobs.problems import Invalid, JobFailure
from jobs.providers.base import Accepted, Elsewhere, Errand, Failed, Outcome, Provider, RunContext
from jobs.verbs import Claim, Result

log = logging.getLogger(__name__)

PROGRESS_EVERY = 1.0  # seconds between two writes of a job's progress
# A crash of the render process may be the file's fault (then again it may be the machine's): one more try.
CRASHES_AT_MOST = 2
FIRST_QUESTION = 5.0  # seconds after another server took a job, at the least; twice that at the most

# Set while the worker is being stopped: the job in hand goes back in line instead of being lost.
stopping = threading.Event()


class Postponed(Exception):
    """The provider cannot take the job now: back in line until `until`."""

    def __init__(self, until: datetime, reason: str):
        super().__init__(reason)
        self.until = until
        self.reason = reason


def run_next(provider: Provider) -> bool:
    """Claim the job that is next in line and bring it to its end. False when nobody waits."""
    if stopping.is_set():
        return False
    claim = lifecycle.claim_next()
    if claim is None:
        return False
    run(claim, provider)
    return True


def fetch_next() -> bool:
    """Claim the next job whose inputs lie elsewhere and bring them here. False when there is none."""
    claim = None if stopping.is_set() else lifecycle.claim_to_fetch()
    if claim is None:
        return False
    with _guarded(claim) as lease:
        job, _state, found = _prepare(claim, lease)
        # Another server fetches them itself; here it was for their lengths.
        kept = {} if job.connection_id else inputs.keep(job, found)
        if not lifecycle.ready(claim, fetched=kept):
            inputs.drop(job)
    return True


def give_sample() -> bool:
    """Claim the next job of a test key and end it as its prompt asks. False when there is none."""
    claim = None if stopping.is_set() else lifecycle.claim_to_sample()
    if claim is None:
        return False
    with _guarded(claim):
        job = Job.objects.get(pk=claim.job_id)
        if trials.FAIL in trials.words(job.values):
            sentence = f"This test failed because its prompt asks for it: {trials.FAIL}."
            raise JobFailure("test_failure", sentence)
        stored, found = media.store_sample()
        seen = (found.seconds or 0.0, found.width or 0, found.height or 0)
        if lifecycle.succeed(claim, _result(claim, stored, Made(*seen))):
            derived.give_poster(claim.job_id)
    return True


def run(claim: Claim, provider: Provider) -> None:
    """Bring a claimed job as far as its provider does."""
    with _guarded(claim) as lease:
        _run(claim, provider, lease)


@contextmanager
def _guarded(claim: Claim) -> Iterator["Lease"]:
    """Hold the lease, and turn whatever goes wrong into the job's next state."""
    with Lease(claim) as lease:
        try:
            yield lease
        except Canceled:
            _hand_back(claim)
        except Postponed as error:
            lifecycle.postpone(claim, until=error.until, reason=error.reason)
        except EngineDied as error:
            log.warning("The render process of job %s ended: %s", claim.job_id, error)
            lifecycle.lose(claim, reason="The render process ended.", at_most=CRASHES_AT_MOST)
        except JobFailure as error:
            lifecycle.fail_claimed(claim, code=error.code, sentence=error.sentence)
        except Exception as error:  # noqa: BLE001 - the job must end, whatever went wrong
            _fail_unexpectedly(claim, error)
        finally:
            shutil.rmtree(media.work_folder(claim.job_id, claim.attempt), ignore_errors=True)


def _prepare(claim: Claim, lease: "Lease") -> tuple[Job, FormState, inputs.Inputs]:
    """The job with its inputs in its temporary folder and its exact price reserved."""
    job = _load(claim)
    state = FormState.from_json(job.form_state)
    lease.progress("fetch", 0.0)
    folder = media.work_folder(job.pk, claim.attempt)
    found = inputs.gather(job, folder, is_canceled=lease.is_over)
    _settle_price(claim, state, found.seconds)
    return job, state, found


def _load(claim: Claim) -> Job:
    """The job, after what its earlier attempts left was removed."""
    media.drop_work(claim.job_id, up_to=claim.attempt - 1)
    media.drop_results(claim.job_id, up_to=claim.attempt - 1)
    return Job.objects.select_related("team", "key", "person", "connection").get(pk=claim.job_id)


def _run(claim: Claim, provider: Provider, lease: "Lease") -> None:
    job, state, found = _prepare(claim, lease)
    context = RunContext(
        job_id=job.pk,
        attempt=claim.attempt,
        model=job.model,
        values=state.values,
        inputs=found.paths,
        seconds=_output_seconds(state, found.seconds),
        max_seconds=float(settings.OUTPUT_MAX_SECONDS),
        seed=job.seed or 0,
        folder=media.work_folder(job.pk, claim.attempt),
        on_progress=lease.progress,
        is_canceled=lease.is_over,
    )
    _conclude(claim, provider.run(context))


def hand_on(claim: Claim, provider: Elsewhere) -> None:
    """Bring a claimed job to another server. Its price was settled when its inputs were fetched."""
    with _guarded(claim):
        job = _load(claim)
        errand = Errand(
            job_id=job.pk,
            model=job.model,
            values=job.values,
            addresses=inputs.outside_addresses(job),
            seed=job.seed or 0,
            callback=_callback(job),
        )
        _conclude(claim, provider.send(errand))


def _callback(job: Job) -> str:
    if job.connection is None or not job.connection.callback_base:
        return ""
    return f"{job.connection.callback_base}/webhooks/provider/{job.callback_token}"


def _output_seconds(state: FormState, seconds: dict[str, float]) -> float:
    lengths = state.spec.lengths(state.values, seconds)
    return lengths.output if lengths else float(settings.OUTPUT_MAX_SECONDS)


def _settle_price(claim: Claim, state: FormState, seconds: dict[str, float]) -> None:
    price = submit.quote(state, seconds)
    try:
        submit.refuse_too_long(state, price)
        held = lifecycle.price(claim, seconds=price.seconds, amount=price.credits)
    except Invalid as error:
        raise JobFailure(error.fields[0].code, error.fields[0].message) from error
    except CannotPay as error:
        raise JobFailure(error.code, error.sentence) from error
    if not held:
        raise Canceled


def _conclude(claim: Claim, outcome: Outcome) -> None:
    if isinstance(outcome, Failed):
        raise JobFailure(outcome.code, outcome.sentence)
    if isinstance(outcome, Accepted):
        soon = timezone.now() + timedelta(seconds=FIRST_QUESTION * random.uniform(1, 2))  # noqa: S311
        lifecycle.hand_off(claim, external_id=outcome.external_id, ask_at=soon)
        return
    report = outcome.report
    made = Made(
        seconds=report.seconds,
        width=report.width,
        height=report.height,
        seed=report.seed,
        timings=report.timings,
        warnings=report.warnings,
        prompt_words=report.prompt_words,
    )
    publish(claim, outcome.file, made)


@dataclass(frozen=True)
class Made:
    """What is known of a finished video beside its file."""

    seconds: float
    width: int
    height: int
    seed: int | None = None
    timings: dict[str, int] | None = None
    warnings: list[str] = field(default_factory=list)
    prompt_words: list[str] = field(default_factory=list)
    execution_ms: int | None = None


def publish(claim: Claim, file: Path, made: Made) -> None:
    """Store the file, then end the job. A worker that was fenced out meanwhile removes its file again."""
    stored = media.store_result(claim.job_id, claim.attempt, file)
    if lifecycle.succeed(claim, _result(claim, stored, made)):
        media.drop_results(claim.job_id, up_to=claim.attempt, keep=stored.name)
        derived.give_poster(claim.job_id)
    else:
        media.delete(stored.name)


def _result(claim: Claim, stored: media.StoredFile, made: Made) -> Result:
    """The video under a new address that nobody can guess."""
    token = secrets.token_urlsafe(24)
    return Result(
        file=stored.name,
        url=f"{settings.SITE_URL}/files/{claim.job_id}/{token}.mp4",
        token=token,
        sha256=stored.sha256,
        bytes=stored.bytes,
        **vars(made),
    )


def _hand_back(claim: Claim) -> None:
    """The render stopped because the worker is being stopped, or because the job is no longer ours."""
    if stopping.is_set():
        lifecycle.release(claim, reason="The worker was stopped.")


def _fail_unexpectedly(claim: Claim, error: Exception) -> None:
    """A fault of ours: the job ends with a code, its credits return, and the log has the whole story."""
    log.exception("Job %s, attempt %s", claim.job_id, claim.attempt)
    if isinstance(error, DatabaseError):
        return  # nothing can be written now; the lease runs out and the job goes back in line
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    code = "storage_full" if full else "internal_error"
    sentence = (
        "The site has no room left for files; nothing was charged. Please try again later."
        if full
        else "Something went wrong on the site's side; nothing was charged. Please try again."
    )
    lifecycle.fail_claimed(claim, code=code, sentence=sentence)


class Lease:
    """Renews a claim from a thread of its own while a `with` block runs, and carries the job's progress.

    The thread has its own database connection, and lives on while the block waits for a network or a render.
    """

    def __init__(self, claim: Claim):
        self._claim = claim
        self._ended = threading.Event()
        self._lost = threading.Event()
        self._written = 0.0
        self._stage, self._percent = "", 0
        self._thread = threading.Thread(target=self._renew, name=f"lease-{claim.job_id}", daemon=True)

    def __enter__(self) -> "Lease":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def progress(self, stage: str, fraction: float) -> None:
        """Note how far the job is; written at most once a second."""
        self._stage, self._percent = stage, min(99, int(fraction * 100))
        now = time.monotonic()
        if now - self._written >= PROGRESS_EVERY:
            self._written = now
            self._beat()

    def is_over(self) -> bool:
        """Whether the work should stop: the job was canceled or taken over, or the worker is being stopped."""
        return self._lost.is_set() or stopping.is_set()

    def _beat(self) -> None:
        """A database that does not answer now is no reason to stop: the lease lasts several beats."""
        try:
            if not lifecycle.heartbeat(self._claim, stage=self._stage, percent=self._percent):
                self._lost.set()
        except DatabaseError as error:
            log.warning("The lease of job %s could not be renewed: %s", self._claim.job_id, error)
            connection.close()

    def _renew(self) -> None:
        try:
            while not self._ended.wait(settings.LEASE_RENEW_SECONDS):
                self._beat()
        finally:
            connection.close()
