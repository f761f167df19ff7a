"""What a worker says of the job in its hands: it lives, it costs, its files are here, it goes back."""

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts import ledger
from jobs import outbox
from jobs.lifecycle.moving import lease_end, move, source_of
from jobs.models import Job, State
from jobs.verbs import PRICE, READY, RELEASE, Claim


def heartbeat(claim: Claim, *, stage: str = "", percent: int = 0) -> bool:
    """Renew the lease and note progress. False: the job is no longer this worker's, and it should stop."""
    live = Job.objects.filter(claim.guard, pk=claim.job_id, state=State.RUNNING)
    if not live.update(lease_until=lease_end()):
        return False
    if stage:
        changed = live.exclude(stage=stage, progress__gte=percent)
        changed.update(stage=stage, progress=percent, version=F("version") + 1, changed_at=timezone.now())
    return True


def price(claim: Claim, *, seconds: int, amount: int) -> bool:
    """Reserve the exact price: `amount` credits for `seconds`, more or less than was reserved so far.

    Raises CannotPay, with nothing changed. False: the job is not this worker's any more.
    """
    with transaction.atomic():
        job = move(claim.job_id, PRICE, guard=claim.guard, billed_seconds=seconds)
        if job is None:
            return False
        more = amount - job.reserved
        adjust = ledger.reserve if more > 0 else ledger.give_back
        # The attempt is in the reference: what an address serves may have another length the next time.
        if more and adjust(
            team=job.team,
            kind=job.purse,
            amount=abs(more),
            reference=f"job:{job.pk}:exact:{job.attempt}",
            source=source_of(job),
        ):
            Job.objects.filter(pk=job.pk).update(reserved=F("reserved") + more)
    return True


def ready(claim: Claim, *, fetched: dict[str, str]) -> bool:
    """The job's inputs are here: it waits in line for its render."""
    with transaction.atomic():
        job = move(
            claim.job_id, READY, guard=claim.guard, ready=True, inputs=fetched, lease_until=None, stage=""
        )
        if job:
            outbox.promise(job)
    return job is not None


def release(claim: Claim, *, reason: str) -> bool:
    """Hand a running job back unharmed (the worker is being stopped); it does not count as lost."""
    with transaction.atomic():
        job = move(
            claim.job_id, RELEASE, guard=claim.guard, reason=reason, lease_until=None, stage="", progress=0
        )
        if job:
            outbox.promise(job)
    return job is not None
