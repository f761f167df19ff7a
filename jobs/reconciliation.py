"""Invariants of credits and of webhooks, checked against the rows (I1, I2, I3, I6, I11 of the reliability rules).

Each is one statement, which sees one moment of a busy site, whatever the database's isolation; where there are two,
they are read in the order in which nothing that happens in between looks wrong.
"""

import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts import ledger
from accounts.ledger.counting import day_of, outstanding
from accounts.models import ApiKey, Entry, Purchase, Purse, Team
from accounts.models.ledger import EntryKind, PurseKind
from accounts.models.sales import PURCHASE, PurchaseState
from accounts.sales import reversals
from jobs.models import Job, State, WebhookDelivery
from jobs.models.deliveries import DeliveryState
from jobs.models.jobs import ACTIVE_STATES

Row = TypeVar("Row")
COUNTED = (EntryKind.RESERVE, EntryKind.GIVE_BACK)  # what counts as spent, and what no longer does
# The references of what goes back; see accounts/sales/reversals.py.
REVERSED = Q(reference__startswith="refund:") | Q(reference__startswith="dispute:")
AT_ONCE = 500  # purchases or their lines that are held in memory
KEPT_FOR = timedelta(hours=1)  # of an event of Stripe's whose payment is known
TAKEN_UP_WITHIN = timedelta(days=1)  # after it is due; its receiver may have a long line


def findings() -> list[str]:
    """One sentence for each thing that does not add up."""
    checks = (
        _balances,
        _purses,
        _reservations,
        _unfinished_jobs,
        _ended_jobs,
        _months,
        _keys,
        _purchases,
        _unpaid,
        _reversals,
        _kept,
        _webhooks,
    )
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


def _months() -> Iterator[str]:
    """What each purse has counted in its month is what its lines say."""
    # Before the lines are read: what was counted then has its lines by now.
    counted = dict(Purse.objects.exclude(month_spent=0).values_list("pk", "month_spent"))
    for purse_id, counter, spent in _counters("purse", "month", "month_spent"):
        counted.pop(purse_id, None)
        if counter != spent:
            yield f"Purse {purse_id} counts {counter} spent in its month, but its entries say {spent}."
    for purse_id, counter in counted.items():
        yield f"Purse {purse_id} counts {counter} spent in its month, but it has no entries of it."


def _keys() -> Iterator[str]:
    """What each key with a limit has counted, on its day and in all, is what its lines say and what it carried over."""
    lines = Entry.objects.filter(key=OuterRef("pk"), kind__in=COUNTED)
    keys = ApiKey.objects.filter(ledger.that_count_credits()).annotate(
        spent=-_one(lines, "key", Sum("available_change"))
    )
    for key in keys.exclude(spent_in_all=F("spent") + F("carried_in_all")).order_by("pk"):
        counted = key.spent_in_all - key.carried_in_all
        yield f"Key {key.public_id} counts {counted} spent in all, but its entries say {key.spent}."
    carried = dict(ApiKey.objects.filter(carried_day=F("spent_day")).values_list("pk", "carried_on_day"))
    counted_keys = ledger.that_count_credits("key")
    for key_id, counter, spent in _counters("key", "spent_day", "spent_on_day", counted_keys):
        counted = counter - carried.get(key_id, 0)
        if counted != spent:
            yield f"Key number {key_id} counts {counted} spent on its day, but its entries say {spent}."


def _counters(
    owner: str, since: str, counter: str, within: Q | None = None
) -> Iterator[tuple[int, int, int]]:
    """Of each owner with a reservation since the day that its counter began on: its number, what it has counted, and
    what was reserved since then and has not been given back."""
    began = f"{owner}__{since}"
    also = Entry.objects.filter(
        kind=EntryKind.RESERVE, job_id=OuterRef("job_id"), created_at__gte=OuterRef(began)
    )
    lines = (
        Entry.objects.filter(within or Q(), kind__in=COUNTED)
        .filter(Q(created_at__gte=F(began)) | Exists(also))
        .annotate(began=F(began), counter=F(f"{owner}__{counter}"))
        .order_by(f"{owner}_id", "job_id", "pk")
    )
    for owner_id, of_owner in groupby(lines.iterator(), key=attrgetter(f"{owner}_id")):
        counted = spent = 0
        for job_id, of_job in groupby(of_owner, key=attrgetter("job_id")):
            of_one = list(of_job)
            began_on, counted = of_one[0].began, of_one[0].counter
            # What was reserved without a job goes on counting.
            kept = of_one if job_id else [line for line in of_one if line.kind == EntryKind.RESERVE]
            spent += sum(amount for at, amount in outstanding(kept) if day_of(at) >= began_on)
        yield owner_id, counted, spent


def _purchases() -> Iterator[str]:
    """Each purchase that was paid has its one entry, of as many credits."""
    for some in _chunks(Purchase.objects.filter(state=PurchaseState.PAID).order_by().iterator()):
        lines = Entry.objects.filter(kind=EntryKind.PURCHASE, reference__in=[each.reference for each in some])
        bought = {line.reference: line for line in lines.select_related("purse")}
        for purchase in some:
            line = bought.get(purchase.reference)
            if line is None:
                yield f"Purchase {purchase.pk} was paid, but has no entry."
            elif _gets(line) != (purchase.team_id, purchase.purse, purchase.credits):
                yield f"Purchase {purchase.pk} is of {purchase.credits} credits, but entry {line.pk} is another."


def _unpaid() -> Iterator[str]:
    """And no other purchase has an entry."""
    for some in _chunks(Entry.objects.filter(kind=EntryKind.PURCHASE).order_by().iterator()):
        names = {line.pk: _uuid(line.reference.removeprefix(PURCHASE)) for line in some}
        paid = Purchase.objects.filter(pk__in=filter(None, names.values()), state=PurchaseState.PAID)
        found = set(paid.values_list("pk", flat=True))
        for line in some:
            if names[line.pk] not in found:
                yield f"Entry {line.pk} is of a purchase ({line.reference}) that was not paid."


def _reversals() -> Iterator[str]:
    """What was taken back of each purchase, and returned, is what its lines of refunds and disputes say."""
    said = dict(Purchase.objects.exclude(credits_taken=0).values_list("pk", "credits_taken"))
    lines: Counter[uuid.UUID | None] = Counter()
    back = Entry.objects.filter(kind__in=[EntryKind.REFUND, EntryKind.ADJUST]).filter(REVERSED)
    for reference, change in back.order_by().values_list("reference", "available_change").iterator():
        lines[_uuid(reference.split(":")[1])] -= change
    for name in said.keys() | lines.keys():
        if said.get(name, 0) != lines[name]:
            yield from _reversal(name)


def _reversal(name: uuid.UUID | None) -> Iterator[str]:
    """Looked at again while its row is held: it may have gone on in between."""
    with transaction.atomic():
        Purchase.objects.filter(pk=name).update(credits_taken=F("credits_taken"))
        taken = Purchase.objects.filter(pk=name).values_list("credits_taken", flat=True).first() or 0
        of_it = Q(reference__startswith=f"refund:{name}:") | Q(reference__startswith=f"dispute:{name}:")
        lines = -(Entry.objects.filter(of_it).aggregate(sum=Sum("available_change"))["sum"] or 0)
    if taken != lines:
        yield f"Purchase {name} had {taken} credits taken back, but its entries say {lines}."


def _kept() -> Iterator[str]:
    """Nothing that was told of a payment waits for it once it is known."""
    for event in reversals.left_behind().filter(received_at__lt=timezone.now() - KEPT_FOR).order_by("pk"):
        yield f"Event {event.event_id} ({event.kind}) is of a payment that is known, but nothing came of it."


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while some := list(islice(rows, AT_ONCE)):
        yield some


def _gets(line: Entry) -> tuple[int, str, int]:
    return line.purse.team_id, line.purse.kind, line.available_change


def _uuid(name: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(name)
    except ValueError:
        return None


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
