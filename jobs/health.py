"""How a connection has been answering, and so whether it may be asked now.

Sending and asking are judged apart: a server that takes no new jobs may well tell of those that it has. One that
fails is tried again after a growing wait, by one request and not by every job that waits.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, QuerySet
from django.utils import timezone

from jobs.models import Connection

LONGEST_WAIT = 600.0  # seconds
LONGEST_RETRY_AFTER = timedelta(hours=1)
WAIT_UNASKED = timedelta(seconds=30)  # after a 402 or 429 that does not say how long


@dataclass(frozen=True)
class Gate:
    """One of the two ways to talk to a server, by the names of its fields."""

    failures: str
    after: str

    def seen(self, connection: Connection) -> dict[str, object]:
        """What this worker knows of the gate: an UPDATE that names it cannot undo what another has learnt since."""
        return {name: getattr(connection, name) for name in (self.failures, self.after)}


SENDING = Gate("send_failures", "send_after")
ASKING = Gate("failures", "retry_at")


def take_turn(connection: Connection, gate: Gate) -> bool:
    """Whether this server may be asked now. Once it has failed, one request at a time tries it again."""
    connection.refresh_from_db(fields=[gate.failures, gate.after])
    now = timezone.now()
    failures, after = getattr(connection, gate.failures), getattr(connection, gate.after)
    if after and after > now:
        return False
    if not failures:
        return True
    # Longer than the one request may take, so that nobody else tries meanwhile.
    until = now + timedelta(seconds=settings.PROVIDER_TIMEOUT_SECONDS + 30)
    won = _row(connection, gate).update(**{gate.after: until})
    setattr(connection, gate.after, until)
    return bool(won)


def worked(connection: Connection, gate: Gate) -> None:
    """It answered: nothing that was known when it was asked holds the others back any more."""
    if getattr(connection, gate.failures) or getattr(connection, gate.after):
        _row(connection, gate).update(**{gate.failures: 0, gate.after: None})
        sound = Connection.objects.filter(pk=connection.pk, failures=0, send_failures=0)
        sound.update(failing_since=None, last_error="")


def failed(connection: Connection, gate: Gate, *, why: str, retry_after: timedelta | None = None) -> datetime:
    """It did not: returns when it may be asked again. Failures of requests that ran together count as one."""
    now = timezone.now()
    failures = getattr(connection, gate.failures)
    wait = min(LONGEST_WAIT, settings.PROVIDER_RETRY_SECONDS * 2 ** min(failures, 10))
    wait *= random.uniform(1, 1.5)  # noqa: S311
    until = now + max(timedelta(seconds=wait), min(retry_after or timedelta(), LONGEST_RETRY_AFTER))
    row = Connection.objects.filter(pk=connection.pk, **{gate.failures: failures})
    row.update(**{gate.failures: F(gate.failures) + 1, gate.after: until, "last_error": why[:500]})
    Connection.objects.filter(pk=connection.pk, failing_since=None).update(failing_since=now)
    return until


def asked_to_wait(connection: Connection, gate: Gate, retry_after: timedelta | None) -> datetime:
    """It answers but takes nothing now (402, 429): nothing more goes there before that, and it is no failure."""
    wait = min(WAIT_UNASKED if retry_after is None else retry_after, LONGEST_RETRY_AFTER)
    until = timezone.now() + max(wait, timedelta(seconds=1)) * random.uniform(1, 1.2)  # noqa: S311
    Connection.objects.filter(pk=connection.pk).update(**{gate.after: until})
    return until


def _row(connection: Connection, gate: Gate) -> QuerySet[Connection]:
    return Connection.objects.filter(pk=connection.pk, **gate.seen(connection))
