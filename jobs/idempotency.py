"""`Idempotency-Key`: a submit that is sent twice makes one job."""

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Team
from jobs.models import IdempotencyKey, Job
from jobs.problems import FieldProblem, Invalid

KEPT = timedelta(hours=24)
LONGEST = 255


class KeyReused(Exception):
    """The same key came with another body."""

    code = "idempotency_key_reused"

    @property
    def sentence(self) -> str:
        return _("This Idempotency-Key was used for another request; use a new key for a new request.")


class InFlight(Exception):
    """The first request with this key has not ended, or nobody can say yet how."""

    code = "idempotency_in_flight"

    @property
    def sentence(self) -> str:
        return _("A request with this Idempotency-Key is being worked on; send it again in a moment.")


@dataclass(frozen=True)
class Name:
    """What a client called its request, within a team."""

    key: str
    scope: str  # method and path
    fingerprint: str  # of the body

    @classmethod
    def of(cls, key: str, *, scope: str, body: dict[str, Any]) -> "Name":
        """Raises Invalid unless the key is 1 to 255 printable ASCII characters."""
        if not (0 < len(key) <= LONGEST and key.isascii() and key.isprintable()):
            sentence = _("Idempotency-Key must be 1 to 255 printable ASCII characters.")
            raise Invalid([FieldProblem("Idempotency-Key", "invalid", sentence)])
        text = json.dumps(body, sort_keys=True, separators=(",", ":"))
        return cls(key=key, scope=scope, fingerprint=hashlib.sha256(text.encode()).hexdigest())


def find(name: Name, *, team: Team) -> Job | None:
    """The job that was made under this name, if there is one. Raises KeyReused."""
    kept_since = timezone.now() - KEPT
    rows = IdempotencyKey.objects.filter(
        team=team, scope=name.scope, key=name.key, created_at__gte=kept_since
    )
    earlier = rows.select_related("job").first()
    if earlier and earlier.fingerprint != name.fingerprint:
        raise KeyReused
    return earlier.job if earlier else None


def claim(name: Name, *, team: Team, job: Job) -> Job | None:
    """Name `job`, in the transaction that saves it; the earlier job when the name is taken.

    Raises KeyReused, and InFlight when the name is taken by a job that cannot be seen.

    The insert comes first: a racer waits at the unique index until this transaction has ended, one way or the other.
    """
    rows = IdempotencyKey.objects.filter(team=team, scope=name.scope, key=name.key)
    rows.filter(created_at__lt=timezone.now() - KEPT).delete()
    try:
        with transaction.atomic():
            IdempotencyKey.objects.create(
                team=team, scope=name.scope, key=name.key, fingerprint=name.fingerprint, job_id=job.pk
            )
    except IntegrityError:
        if earlier := find(name, team=team):
            return earlier
        raise InFlight from None
    return None


def expire() -> int:
    """Forget the names that are older than a day."""
    count, _by_model = IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEPT).delete()
    return count
