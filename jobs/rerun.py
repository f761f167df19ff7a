"""Submitting jobs again: each as it was asked for, of whom it was asked, at today's price, paid by whoever asks."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.ledger import CannotPay
from accounts.models import Membership, Team
from jobs import catalog, form_state, idempotency
from jobs.form_state import FormState
from jobs.models import Job
from jobs.problems import Invalid
from jobs.submit import Quote, prepare, submit

SCOPE = "again"


@dataclass(frozen=True)
class Copy:
    """A job that may be submitted again: what it would cost, or the sentence that says why it cannot be."""

    job: Job
    state: FormState | None = None
    price: Quote | None = None
    problem: str = ""


def look(*, team: Team, actor: Membership, jobs: Iterable[Job]) -> list[Copy]:
    """What submitting each of these again would mean. Writes nothing."""
    return [_look(team, actor, job) for job in jobs]


def run(*, team: Team, actor: Membership, copies: Iterable[Copy], name: str) -> list[Copy]:
    """Submit those that can be, oldest first, so that they stand in line as they did; returns them as they ended.

    `name` is this wish's own: the same wish sent twice makes nothing twice.
    """
    return [_run(team, actor, copy, name) for copy in reversed(list(copies))][::-1]


def _look(team: Team, actor: Membership, job: Job) -> Copy:
    spec = catalog.MODELS.get(job.model)
    if spec is None:
        return Copy(job, problem=_("Its model is not offered here any more."))
    try:
        state = form_state.build(spec, job.values)
        prepared = prepare(team=team, actor=actor, form_state=state, provider=job.asked_provider)
    except Invalid as invalid:
        return Copy(job, problem=invalid.fields[0].message)
    return Copy(job, state, prepared.price)


def _run(team: Team, actor: Membership, copy: Copy, name: str) -> Copy:
    if copy.state is None:
        return copy
    try:
        once = idempotency.Name.of(
            f"{name}:{copy.job.pk}", scope=SCOPE, body={"job": str(copy.job.pk), "person": actor.user_id}
        )
        provider = copy.job.asked_provider
        job = submit(team=team, actor=actor, form_state=copy.state, provider=provider, name=once)
    except Invalid as invalid:
        return Copy(copy.job, problem=invalid.fields[0].message)
    except (CannotPay, idempotency.InFlight, idempotency.KeyReused) as error:
        return Copy(copy.job, problem=error.sentence)
    return Copy(job, copy.state, copy.price)
