"""Invariants of credits and of webhooks, checked against the rows (I1, I2, I3, I6, I11 of the reliability rules).

Each is one statement, which sees one moment of a busy site, whatever the database's isolation.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import Entry, Purse, Team
from accounts.models.ledger import EntryKind, PurseKind
from jobs.models import Job, State, WebhookDelivery
from jobs.models.deliveries import DeliveryState
from jobs.models.jobs import ACTIVE_STATES

TAKEN_UP_WITHIN = timedelta(days=1)  # after it is due; its receiver may have a long line


def findings() -> list[str]:
    """One sentence for each thing that does not add up."""
    checks = (_balances, _purses, _reservations, _unfinished_jobs, _ended_jobs, _webhooks)
    return [sentence for check in checks for sentence in check()]


def _balances() -> Iterator[str]:
    """I1 and I11: a balance equals the sum of its entries, and is not below zero."""
    entries = Entry.objects.filter(purse=OuterRef("pk"))
    purses = Purse.objects.annotate(
        available_sum=_one(entries, "purse", Sum("available_change")),
        reserved_sum=_one(entries, "purse", Sum("reserved_change")),
    )
    fits = Q(available=F("available_sum"), reserved=F("reserved_sum"), available__gte=0, reserved__gte=0)
    for purse in purses.exclude(fits):
        yield (
            f"Purse {purse.pk} holds {purse.available} available and {purse.reserved} reserved, "
            f"but its entries add up to {purse.available_sum} and {purse.reserved_sum}."
        )


def _purses() -> Iterator[str]:
    """Each team has its two purses, and nothing is set aside in those of a team that was deleted."""
    purses = Purse.objects.filter(team=OuterRef("pk"))
    teams = Team.objects.annotate(
        purses_count=_one(purses, "team", Count("pk")), held=_one(purses, "team", Sum("reserved"))
    )
    for team in teams.exclude(purses_count=len(PurseKind.values)):
        yield f"Team {team.pk} has {team.purses_count} purses, not {len(PurseKind.values)}."
    for team in teams.filter(deleted_at__isnull=False).exclude(held=0):
        yield f"Team {team.pk} was deleted, but has {team.held} reserved."


def _reservations() -> Iterator[str]:
    """I2: what a purse has reserved is what its unfinished jobs reserved."""
    jobs = Job.objects.filter(team=OuterRef("team"), purse=OuterRef("kind"), state__in=ACTIVE_STATES)
    purses = Purse.objects.annotate(held=_one(jobs, "team", Sum("reserved")))
    for purse in purses.exclude(reserved=F("held")):
        yield f"Purse {purse.pk} has {purse.reserved} reserved, but its unfinished jobs hold {purse.held}."


def _unfinished_jobs() -> Iterator[str]:
    """I2 for each: what an unfinished job reserved is what its entries have set aside, and nothing was charged."""
    entries = Entry.objects.filter(job_id=OuterRef("pk"))
    jobs = Job.objects.filter(state__in=ACTIVE_STATES).annotate(
        held=_one(entries, "job_id", Sum("reserved_change")),
        moved=_one(entries, "job_id", Sum("available_change")),
    )
    for job in jobs.exclude(held=F("reserved"), moved=-F("reserved"), charged=0):
        yield (
            f"Job {job.pk} ({job.state}) reserved {job.reserved} and was charged {job.charged}, "
            f"but its entries hold {job.held} and cost {-job.moved}."
        )


def _ended_jobs() -> Iterator[str]:
    """I3: a completed job has exactly one charge, and any other that ended, or was a test, a net of zero."""
    entries = Entry.objects.filter(job_id=OuterRef("pk"))
    jobs = Job.objects.exclude(state__in=ACTIVE_STATES).annotate(
        charges=_one(entries.filter(kind=EntryKind.CHARGE), "job_id", Count("pk")),
        moved=_one(entries, "job_id", Sum("available_change")),
        held=_one(entries, "job_id", Sum("reserved_change")),
    )
    paid = Q(state=State.COMPLETED, is_test=False)
    completed = paid & Q(charges=1, moved=-F("charged"))
    for job in jobs.exclude(Q(held=0) & (completed | (~paid & Q(charges=0, moved=0, charged=0)))):
        held = f", and still holds {job.held}" if job.held else ""
        yield (
            f"Job {job.pk} ({job.state}) has {job.charges} charges and cost {-job.moved}, "
            f"not {job.charged}{held}."
        )


def _webhooks() -> Iterator[str]:
    """I6: a job that ended has its webhook delivered, given up, or due and taken up in time."""
    deliveries = WebhookDelivery.objects.filter(job=OuterRef("pk"))
    overdue = deliveries.filter(state=DeliveryState.DUE, due_at__lt=timezone.now() - TAKEN_UP_WITHIN)
    jobs = Job.objects.exclude(state__in=ACTIVE_STATES).exclude(webhook="")
    for job in jobs.annotate(lost=~Exists(deliveries)).filter(Q(lost=True) | Exists(overdue)):
        why = "was never put into the line" if job.lost else "is due and nobody takes it up"
        yield f"Job {job.pk} ({job.state}) has a webhook that {why}."


def _one(rows: QuerySet[Any], by: str, total: Any) -> Coalesce:
    """The total of the rows that belong to the outer one; 0 for none."""
    return Coalesce(Subquery(rows.order_by().values(by).annotate(total=total).values("total")), 0)
