"""Jobs of test keys: what their prompts may ask for, and the sample that each of them gives.

Nothing of them is fetched, rendered, sent elsewhere or charged. The words are looked for in `formState.prompt`, since
every client can set it; with any other key a prompt is only a prompt.
"""

import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobs.models import Job, WebhookDelivery
from jobs.problems import FieldProblem, Invalid

PREFIX = "test:"
FAIL, SLOW = "test:fail", "test:slow"
WEBHOOK_TWICE, WEBHOOK_FIRST = "test:webhook-twice", "test:webhook-first"
WORDS: dict[str, Promise] = {
    FAIL: gettext_lazy("The job fails, with the code test_failure."),
    SLOW: gettext_lazy("The job waits in line for 20 seconds."),
    WEBHOOK_TWICE: gettext_lazy(
        "The webhook is sent twice, the second time right after the first was received."
    ),
    WEBHOOK_FIRST: gettext_lazy(
        "The submit is answered after its webhook was sent: after 5 seconds at the latest, and at once where "
        "there is no webhook or two answers are held already."
    ),
}
SLOW_FOR = timedelta(seconds=20)
HELD_AT_MOST = 5.0  # seconds
LOOK_EVERY = 0.05  # seconds
# A held answer takes one of the few threads that serve the site. WORDS name both bounds.
_held = threading.BoundedSemaphore(2)


def words(values: Mapping[str, Any]) -> frozenset[str]:
    """What a request's parameters ask of a test."""
    prompt = str(values.get("prompt") or "")
    return frozenset(word for word in prompt.split() if word.startswith(PREFIX))


def check(values: Mapping[str, Any]) -> None:
    """Raise Invalid for a word that is none: a misspelt one would pass its test."""
    for word in sorted(words(values) - WORDS.keys()):
        sentence = _("formState.prompt: %(word)s is nothing that a test can do; there are: %(known)s.")
        found = sentence % {"word": word[:80], "known": ", ".join(WORDS)}
        raise Invalid([FieldProblem("formState.prompt", "not_a_choice", found)])


def sends_again(delivery: WebhookDelivery) -> bool:
    """Whether a webhook that was received at its first attempt is to be sent once more."""
    first = delivery.attempts - delivery.attempts_before == 1
    job = delivery.job
    return bool(first and job and job.is_test and WEBHOOK_TWICE in words(job.values))


def hold_answer(job: Job, *, at_most: float = HELD_AT_MOST) -> bool:
    """Let a new job's webhook come before the answer to its submit, where its test asks for that.

    For the door that answers. False when the answer need wait no longer without the webhook having been sent.
    """
    asked = job.is_test and job.webhook and WEBHOOK_FIRST in words(job.values)
    if not asked or not _held.acquire(blocking=False):
        return False
    try:
        ends = time.monotonic() + at_most
        while not (sent := _was_sent(job)) and time.monotonic() < ends:
            time.sleep(LOOK_EVERY)
        return sent
    finally:
        _held.release()


def _was_sent(job: Job) -> bool:
    return WebhookDelivery.objects.filter(job=job, log__duration_ms__isnull=False).exists()
