"""Celery's doors: each calls one service."""

import functools
import threading
import uuid
from collections.abc import Callable
from typing import Any

from celery.signals import worker_ready, worker_shutting_down

from accounts import ledger, sales
from accounts.ledger import alerts
from jobs import deleting, execute, idempotency, leaving, lifecycle, media, nightly, outbox, remote, samples
from jobs.providers.embedded import EmbeddedProvider
from jobs.webhooks import deliver, queue, warn
from lipsyncweb.celery import app


@functools.cache
def provider() -> EmbeddedProvider:
    """This worker's render process: one, made when the first job comes and kept warm."""
    return EmbeddedProvider()


def at_most(count: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a task use so many of the light worker's threads and no more.

    What waits for strangers' servers must leave some for the sweeper. What is not done now is in a row, for the next.
    """

    def bound(work: Callable[..., None]) -> Callable[..., None]:
        free = threading.BoundedSemaphore(count)

        @functools.wraps(work)
        def run(*args: Any) -> None:
            if free.acquire(blocking=False):
                try:
                    work(*args)
                finally:
                    free.release()

        return run

    return bound


@app.task
def run_next() -> None:
    while execute.run_next(provider()):
        pass


@app.task
@at_most(6)
def fetch_next() -> None:
    while execute.fetch_next():
        pass


@app.task
@at_most(1)
def give_samples() -> None:
    while execute.give_sample():
        pass


@app.task
@at_most(1)
def make_samples(*names: str) -> None:
    for name in samples.missing(names):
        samples.find(name)


@app.task
@at_most(2)
def send_due() -> None:
    remote.send_due()


@app.task
@at_most(2)
def poll_providers() -> None:
    remote.poll_due()


@app.task
@at_most(2)
def collect_due() -> None:
    remote.collect_due()


@app.task
@at_most(1)
def attend(job_id: str) -> None:
    remote.attend(uuid.UUID(job_id))


@app.task
@at_most(2)
def deliver_due() -> None:
    deliver.deliver_due(stop=execute.stopping.is_set)


@app.task
@at_most(1)
def warn_teams() -> None:
    warn.warn_teams()


@app.task
@at_most(1)
def warn_of_low_purses() -> None:
    alerts.warn_of_low_purses()


@app.task
@at_most(1)
def settle_purchases() -> None:
    sales.settle_open()


@app.task
def sweep() -> None:
    lifecycle.requeue_expired()
    lifecycle.fail_overdue()


@app.task
def resend() -> None:
    outbox.resend_due()


@app.task
def expire() -> None:
    media.expire()
    deleting.clear_deleted()
    idempotency.expire()
    queue.expire()
    ledger.expire_credits()
    leaving.clear_closed()


@app.task
@at_most(1)
def clear_closed_teams() -> None:
    leaving.clear_closed()


@app.task
def reconcile() -> None:
    nightly.reconcile()


@worker_ready.connect
def look_for_work(**kwargs: Any) -> None:
    outbox.resend_all()


@worker_shutting_down.connect
def stop_the_job_in_hand(**kwargs: Any) -> None:
    """Runs in the worker's own process (its pool is threads), so that a long render does not hold up a stop."""
    execute.stopping.set()
