"""`Idempotency-Key`: a submit that is sent twice makes one job."""

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
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


# What bulk_create(ignore_conflicts=True) would send, which does not tell whether it was this row that was written.
INSERT = """INSERT INTO jobs_idempotencykey (team_id, scope, key, fingerprint, job_id, created_at)
    VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"""


def claim(name: Name, *, team: Team, job: Job) -> Job | None:
    """Name `job`, in the transaction that saves it; the earlier job when the name is taken.

    Raises KeyReused, and InFlight when the name is taken by a job that cannot be seen.

    The insert comes first: a racer waits at the unique index until this transaction has ended, one way or the other.
    """
    row = IdempotencyKey(
        team=team, scope=name.scope, key=name.key, fingerprint=name.fingerprint, job_id=job.pk
    )
    if _insert(row) or _take_over(row):
        return None
    if earlier := find(name, team=team):
        return earlier
    raise InFlight


def _insert(row: IdempotencyKey) -> bool:
    names = ("team", "scope", "key", "fingerprint", "job", "created_at")
    fields = [IdempotencyKey._meta.get_field(name) for name in names]
    values = [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(INSERT, values)
        return cursor.rowcount == 1


def _take_over(row: IdempotencyKey) -> bool:
    """Use the name anew where it is too old to count, and expire() has not come by yet."""
    old = IdempotencyKey.objects.filter(team=row.team, scope=row.scope, key=row.key)
    changes = {"fingerprint": row.fingerprint, "job": row.job_id, "created_at": row.created_at}
    return bool(old.filter(created_at__lt=timezone.now() - KEPT).update(**changes))


def expire() -> int:
    """Forget the names that are older than a day."""
    count, _by_model = IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEPT).delete()
    return count
