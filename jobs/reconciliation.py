"""The invariants of credits, checked against the rows (I1, I2, I3 and I11 of the reliability rules)."""

from collections.abc import Iterator

from django.db import transaction
from django.db.models import F, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce

from accounts.models import Entry, Purse
from accounts.models.ledger import EntryKind
from jobs.models import Job, State
from jobs.models.jobs import ACTIVE_STATES


def findings() -> list[str]:
    """One sentence for each thing that does not add up. Read in one transaction, so that a busy site adds up too."""
    with transaction.atomic():
        return [*_balances(), *_reservations(), *_jobs()]


def _balances() -> Iterator[str]:
    """I1 and I11: a balance equals the sum of its entries, and is not below zero."""
    purses = Purse.objects.annotate(
        available_sum=_sum_of("available_change"), reserved_sum=_sum_of("reserved_change")
    )
    for purse in purses.exclude(available=F("available_sum"), reserved=F("reserved_sum")):
        yield (
            f"Purse {purse.pk} holds {purse.available} available and {purse.reserved} reserved, "
            f"but its entries add up to {purse.available_sum} and {purse.reserved_sum}."
        )
    for purse in Purse.objects.filter(available__lt=0) | Purse.objects.filter(reserved__lt=0):
        yield f"Purse {purse.pk} is below zero."


def _sum_of(field: str) -> Coalesce:
    entries = Entry.objects.filter(purse=OuterRef("pk")).order_by().values("purse")
    return Coalesce(Subquery(entries.annotate(total=Sum(field)).values("total")), 0)


def _reservations() -> Iterator[str]:
    """I2: what a purse has reserved is what its unfinished jobs reserved."""
    for purse in Purse.objects.all():
        jobs = Job.objects.filter(team=purse.team_id, purse=purse.kind, state__in=ACTIVE_STATES)
        held = jobs.aggregate(total=Sum("reserved"))["total"] or 0
        if held != purse.reserved:
            yield f"Purse {purse.pk} has {purse.reserved} reserved, but its unfinished jobs hold {held}."


def _jobs() -> Iterator[str]:
    """I3: a completed job has exactly one charge, and any other that ended a net of zero."""
    for job in Job.objects.exclude(state__in=ACTIVE_STATES).iterator():
        lines = list(Entry.objects.filter(job_id=job.pk))
        charges = [line for line in lines if line.kind == EntryKind.CHARGE]
        spent = -sum(line.available_change for line in lines)
        expected = (1, job.charged) if job.state == State.COMPLETED else (0, 0)
        if (len(charges), spent) != expected:
            yield f"Job {job.pk} ({job.state}) has {len(charges)} charges and cost {spent}, not {expected}."
