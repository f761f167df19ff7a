"""quote() says what a request would cost; submit() accepts it in one transaction."""

import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import access, ledger
from accounts.access import Actor
from accounts.models import ApiKey, Team
from accounts.models.ledger import PurseKind
from jobs import connections, idempotency, inputs, key_limits, lifecycle, searching, trials
from jobs.catalog.base import Lengths
from jobs.catalog.pricing import MINIMUM_SECONDS, billed_seconds, credits_for
from jobs.form_state import FormState
from jobs.models import Job
from jobs.problems import FieldProblem, Invalid
from jobs.webhooks import queue


@dataclass(frozen=True)
class Quote:
    """What a generation costs. Not exact while `lengths` is None: then it is the least that it can be."""

    seconds: int  # billed
    credits: int
    lengths: Lengths | None

    @property
    def exact(self) -> bool:
        return self.lengths is not None


def quote(form_state: FormState, seconds: Mapping[str, float]) -> Quote:
    """The price of this request, with the lengths in seconds of those inputs that are known, by field."""
    lengths = form_state.spec.lengths(form_state.values, seconds)
    billed = billed_seconds(lengths.billed) if lengths else MINIMUM_SECONDS
    return Quote(billed, credits_for(billed, form_state.values["resolution"]), lengths)


@dataclass(frozen=True)
class Tag:
    """What a client calls its job, and what it wants kept with it; in the job document as they came."""

    reference: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """A request that nothing is wrong with, not saved yet, and what it would cost now."""

    job: Job
    price: Quote


def prepare(
    *,
    team: Team,
    actor: Actor,
    form_state: FormState,
    webhook: str = "",
    provider: str = "",
    tag: Tag | None = None,
    seconds: Mapping[str, float] | None = None,
) -> Prepared:
    """Everything that a request is refused for but its credits, with nothing written: for submits and estimates.

    `seconds` are lengths that the caller knows, by field; those of files that lie here are known better. Raises
    Invalid, PermissionDenied and KeyNotAllowed.
    """
    access.require(actor, "jobs.submit", team)
    key_limits.check(actor, form_state)
    job = _new_job(team, actor, form_state, tag or Tag())
    own = inputs.own_inputs(team, form_state)
    price = _price(form_state, own, seconds or {})
    job.webhook = queue.check_url(webhook, field="webhook") if webhook else queue.default_url(team, actor)
    job.form_state = form_state.to_json(label=inputs.label(form_state, own), provider=provider)
    job.search = searching.text_of(str(job.pk), job.form_state, job.reference)
    if job.is_test:
        price = replace(price, credits=0)
        _make_test(job, form_state, provider)
    else:
        any_usable = getattr(actor, "has_connections", True)  # the API reads it with the key
        job.connection = connections.choose(team, form_state, provider, any_usable=any_usable)
        _make_live(job, form_state, price, own)
    return Prepared(job, price)


def _price(form_state: FormState, own: Mapping[str, inputs.OwnFile], seconds: Mapping[str, float]) -> Quote:
    known = {name: file.seconds for name, file in own.items() if file.seconds is not None}
    price = quote(form_state, {**seconds, **known})
    refuse_too_long(form_state, price)
    return price


def submit(
    *,
    team: Team,
    actor: Actor,
    form_state: FormState,
    webhook: str = "",
    provider: str = "",
    tag: Tag | None = None,
    name: idempotency.Name | None = None,
) -> Job:
    """Accept a request: reserve its credits and write the job and its outbox row, all in one transaction.

    `provider` names who makes it, "" for the most preferred. `name` is the request's idempotency key: a repeat
    returns the job that is there. Raises CannotPay or Invalid, with nothing changed, KeyReused,
    PermissionDenied, KeyNotAllowed and KeyChanged.
    """
    access.require(actor, "jobs.submit", team)
    if name and isinstance(actor, ApiKey) and actor.is_test:
        name = replace(name, scope=f"test {name.scope}")  # a live job is no answer to a test
    try:
        prepared = prepare(
            team=team, actor=actor, form_state=form_state, webhook=webhook, provider=provider, tag=tag
        )
    except Invalid:
        if name and (earlier := idempotency.find(name, team=team)):
            return earlier  # whatever has changed here since
        raise
    return _accept(prepared, actor, name)


def _accept(prepared: Prepared, actor: Actor, name: idempotency.Name | None) -> Job:
    job = prepared.job
    with transaction.atomic():
        if name and (earlier := idempotency.claim(name, team=job.team, job=job)):
            return earlier
        if job.is_test:
            key_limits.require_unchanged(actor)
        else:
            _reserve(job, prepared.price, actor)
        lifecycle.begin(job)
    return job


def _make_test(job: Job, form_state: FormState, provider: str) -> None:
    """Nobody makes it and nothing pays for it; what is wrong with the request is wrong with a test, too."""
    trials.check(form_state.values)
    if provider:
        connections.choose(job.team, form_state, provider)
    job.ready = True
    if trials.SLOW in trials.words(form_state.values):
        job.not_before = timezone.now() + trials.SLOW_FOR


def _make_live(job: Job, form_state: FormState, price: Quote, own: Mapping[str, inputs.OwnFile]) -> None:
    job.callback_token = secrets.token_urlsafe(24) if job.connection else None
    job.ready = all(
        field.name in own for field in form_state.spec.media_fields if field.name in form_state.values
    )
    job.reserved = price.credits
    job.billed_seconds = price.seconds if price.exact else None


def _reserve(job: Job, price: Quote, actor: Actor) -> None:
    try:
        ledger.reserve_new(
            team=job.team,
            kind=job.purse,
            amount=price.credits,
            reference=f"job:{job.pk}:{'exact' if price.exact else 'minimum'}",
            source=ledger.Source(job_id=job.pk, key=job.key, person=job.person, model=job.model),
            only_if=key_limits.guard(actor),
        )
    except ledger.Overtaken:
        raise key_limits.KeyChanged from None


def _new_job(team: Team, actor: Actor, form_state: FormState, tag: Tag) -> Job:
    """Whose it is, what it is, and which purse pays: a key's API credits, a person's user credits."""
    by_key = isinstance(actor, ApiKey)
    return Job(
        team=team,
        key=actor if by_key else None,
        is_test=by_key and actor.is_test,
        person=None if by_key else actor.user,
        purse=PurseKind.API if by_key else PurseKind.USER,
        model=form_state.model,
        fingerprint=form_state.fingerprint,
        reference=tag.reference,
        metadata=tag.metadata,
        seed=_seed(form_state),
        deadline=timezone.now() + timedelta(seconds=settings.JOB_DEADLINE_SECONDS),
    )


def _seed(form_state: FormState) -> int:
    """The seed that was asked for, or a random one: chosen here, so that a second attempt uses the same."""
    asked = form_state.values.get("seed", -1)
    return asked if asked >= 0 else secrets.randbelow(2**31)


def refuse_too_long(form_state: FormState, price: Quote) -> None:
    """Raise Invalid when the output would be longer than the site makes."""
    # To the millisecond, as it is billed: the last bits of a float must not refuse ten minutes sharp.
    if price.lengths is None or round(price.lengths.output, 3) <= settings.OUTPUT_MAX_SECONDS:
        return
    spoken = next(
        field.name
        for field in form_state.spec.media_fields
        if field.kind == "audio" and field.name in form_state.values
    )
    sentence = _(
        "The video would be %(seconds)s s long, and the longest is %(limit)s s; use shorter audio."
    ) % {
        "seconds": math.ceil(price.lengths.output),
        "limit": settings.OUTPUT_MAX_SECONDS,
    }
    raise Invalid([FieldProblem(f"formState.{spoken}", "too_long", sentence)])
