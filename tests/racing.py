"""Work that is done at the same moment, each in a thread and on a connection of its own."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection

LONGEST_WAIT = 20


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Start all of them together; returns what each returned, or raised."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        try:
            barrier.wait()
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        futures = [pool.submit(run, work) for work in works]
    return [future.exception() or future.result() for future in futures]


def until_waited(done: Callable[[], bool] = lambda: False) -> None:
    """Return once a statement in this PostgreSQL database waits for another's lock, or when `done`."""
    until = time.monotonic() + LONGEST_WAIT
    while not done() and not _waits() and time.monotonic() < until:
        time.sleep(0.01)


def _waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return cursor.fetchone()[0] > 0
