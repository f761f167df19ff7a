"""The three ends of a job. Credits are charged or returned, and the webhook written, in the same transaction."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts import ledger
from jobs import inputs, media, outbox, retention
from jobs.lifecycle.moving import move, source_of
from jobs.models import Job, State
from jobs.verbs import CANCEL, FAIL, SUCCEED, Claim, Result
from jobs.webhooks import queue


def succeed(claim: Claim, result: Result) -> bool:
    """Publish the result and charge what was reserved."""
    now = timezone.now()
    end = now + timedelta(days=retention.of_job(claim.job_id).results)
    with transaction.atomic():
        job = move(claim.job_id, SUCCEED, guard=claim.guard, expires_at=end, **_published(result, now))
        if job is None:
            return False
        elapsed = now - (job.started_at or job.created_at)
        measured = max(0, round(elapsed.total_seconds() * 1000))  # the clock may have been set back
        Job.objects.filter(pk=job.pk).update(
            execution_ms=measured if result.execution_ms is None else result.execution_ms
        )
        _tidy(job)
        if not job.is_test:
            ledger.charge(**_entry_of(job))
        queue.announce(job)
    return True


def fail(job_id: uuid.UUID, *, code: str, sentence: str, guard: Q | None = None) -> bool:
    """End the job without a result and give back what was reserved."""
    with transaction.atomic():
        job = move(job_id, FAIL, guard=guard, reason=code, **_ended(code, sentence))
        return _settle_without_charge(job)


def fail_claimed(claim: Claim, *, code: str, sentence: str) -> bool:
    """End a job that this worker runs; nothing when it has been taken away meanwhile, be it only back in line."""
    return fail(claim.job_id, code=code, sentence=sentence, guard=claim.guard & Q(state=State.RUNNING))


def cancel(job_id: uuid.UUID, *, reason: str = "") -> bool:
    """End an unfinished job at its owner's wish and give back what was reserved."""
    with transaction.atomic():
        job = move(job_id, CANCEL, reason=reason, **_ended("canceled", "Canceled"))
        return _settle_without_charge(job)


def _published(result: Result, now: datetime) -> dict[str, Any]:
    return {
        "output_file": result.file,
        "output_url": result.url,
        "output_token": result.token,
        "output_sha256": result.sha256,
        "output_bytes": result.bytes,
        "output_seconds": result.seconds,
        "width": result.width,
        "height": result.height,
        "seed": F("seed") if result.seed is None else result.seed,
        "timings": result.timings,
        "warnings": result.warnings,
        "prompt_words": result.prompt_words,
        "charged": F("reserved"),
        "progress": 100,
        "stage": "",
        "lease_until": None,
        "finished_at": now,
    }


def _ended(code: str, sentence: str) -> dict[str, Any]:
    now = timezone.now()
    return {
        "error_code": code,
        "error": sentence,
        "stage": "",
        "lease_until": None,
        "finished_at": now,
        "started_at": Coalesce(F("started_at"), now),
    }


def _settle_without_charge(job: Job | None) -> bool:
    if job is None:
        return False
    outbox.keep(job)
    # A worker may have died between storing its result and saying so.
    transaction.on_commit(lambda: media.drop_results(job.pk, up_to=job.attempt))
    _tidy(job)
    if not job.is_test:
        ledger.give_back(**_entry_of(job))
    queue.announce(job)
    return True


def _tidy(job: Job) -> None:
    """After the end: drop what was fetched, and let the next job have the place at the connection."""
    retention.prolong_inputs(job)
    transaction.on_commit(lambda: inputs.drop(job))
    if job.connection_id:
        transaction.on_commit(outbox.nudge_send)


def _entry_of(job: Job) -> dict[str, Any]:
    """What the ledger writes of a job's end."""
    return {
        "team": job.team,
        "kind": job.purse,
        "amount": job.reserved,
        "reference": f"job:{job.pk}",
        "source": source_of(job),
    }
