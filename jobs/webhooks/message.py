"""What a delivery sends: one body for all its attempts."""

import json
import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from jobs.models import Job, State, WebhookDelivery
from jobs.wire import job_document

TEST_CODE = "test"


def document(delivery: WebhookDelivery) -> dict[str, Any]:
    """The job's document, equal to the polling answer, or what was written for a test."""
    if delivery.document is not None:
        found: dict[str, Any] = delivery.document
        return found
    return job_document(delivery.job)


def body(delivery: WebhookDelivery) -> str:
    """The document as it is signed and sent, the same to the byte each time."""
    return json.dumps(document(delivery), ensure_ascii=False, separators=(",", ":"))


def sample_document() -> dict[str, Any]:
    """A completed job that never was: its id is nobody's, its `code` is "test", its output is a sample."""
    now = timezone.now()
    job = Job(
        pk=uuid.uuid4(),
        model="lipsync-image",
        state=State.COMPLETED,
        is_test=True,
        error_code=TEST_CODE,
        progress=100,
        execution_ms=1234,
        timings={"test": 1234},
        seed=1,
        output_url=f"{settings.SITE_URL}/samples/clip.mp4",
        expires_at=now + timedelta(days=settings.RESULT_DAYS),
    )
    return job_document(job)
