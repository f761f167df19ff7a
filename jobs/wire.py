"""The seven-field job document: the polling answer and the webhook body are this function."""

from typing import Any

from jobs.line import queue_position
from jobs.models import Job, State

PROCESSING, COMPLETED, FAILED = STATUSES = ("processing", "completed", "failed")
STATUS = {
    State.QUEUED: PROCESSING,
    State.RUNNING: PROCESSING,
    State.WAITING: PROCESSING,
    State.COMPLETED: COMPLETED,
    State.FAILED: FAILED,
    State.CANCELED: FAILED,
}


def job_document(job: Job) -> dict[str, Any]:
    """What a client sees of a job. Fixed once the job has ended, so that a repeat is equal to the byte; but for
    `expiresAt`, which people move by keeping a video.

    The first seven fields are the contract; those after them are documented additions.
    """
    status = STATUS[State(job.state)]
    completed = status == COMPLETED
    return {
        "id": str(job.pk),
        "model": job.model,
        "status": status,
        "output": job.output_url if completed else None,
        "error": job.error,
        "executionTime": job.execution_ms if completed else None,
        "timings": job.timings if completed else None,
        "requestId": str(job.pk),
        "progress": job.progress,
        "queuePosition": queue_position(job),
        "test": job.is_test,
        "credits": job.credits,
        "seed": job.seed,
        "expiresAt": job.expires_at.isoformat() if job.expires_at else None,
        "code": job.error_code,
        "warnings": job.warnings,
        "promptWords": job.prompt_words,
        "reference": job.reference,
        "metadata": job.metadata,
        "createdAt": job.created_at.isoformat(),
    }


def submitted_document(job: Job) -> dict[str, Any]:
    """The answer to a submit. Real clients read `id` or `requestId`."""
    return {"id": str(job.pk), "requestId": str(job.pk), "status": PROCESSING}


def states(status: str) -> list[State]:
    """The states that are this word on the wire."""
    return [state for state, word in STATUS.items() if word == status]
