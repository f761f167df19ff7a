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


def body(delivery: WebhookDelivery) -> str:
    """What is signed and sent, the same to the byte each time: the job's document, or what a test was written with."""
    return delivery.document or _written(job_document(delivery.job))


def document(delivery: WebhookDelivery) -> dict[str, Any]:
    """What the body holds: equal to the polling answer."""
    found: dict[str, Any] = json.loads(body(delivery))
    return found


def _written(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def sample() -> str:
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
    return _written(job_document(job))
