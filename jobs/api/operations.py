"""Submitting, and asking what it would cost: parse, call the service, answer."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from ninja import Router

from accounts import access, ledger
from jobs import catalog, form_state, idempotency, submit, trials, wire
from jobs.api import describe, lengths, strict, tags
from jobs.api.auth import KeyAuth, key_of
from jobs.api.body import read_object
from jobs.catalog import ModelSpec
from jobs.problems import FieldProblem, Invalid

SUBMIT = ("formState", "webhook", "provider", "reference", "metadata")
ESTIMATE = (*SUBMIT, "seconds")

router = Router(auth=KeyAuth())


def _submit_operation(spec: ModelSpec) -> Callable[[HttpRequest], JsonResponse]:
    def operation(request: HttpRequest) -> JsonResponse:
        body = read_object(request)
        key = key_of(request)
        asked = _asked(spec, body, SUBMIT)
        job = submit.submit(team=key.team, actor=key, name=_name(request, body), **asked)
        trials.hold_answer(job)
        return JsonResponse(wire.submitted_document(job))

    return operation


def _estimate_operation(spec: ModelSpec) -> Callable[[HttpRequest], JsonResponse]:
    def operation(request: HttpRequest) -> JsonResponse:
        body = read_object(request)
        key = key_of(request)
        asked = _asked(spec, body, ESTIMATE)
        found = submit.prepare(team=key.team, actor=key, seconds=lengths.read(spec, body), **asked)
        told = access.may(key, "credits.read", key.team)
        available = ledger.balances(key.team).api.available if told else None
        return JsonResponse(_estimate_document(spec, found.price, available=available))

    return operation


def _estimate_document(spec: ModelSpec, price: submit.Quote, *, available: int | None) -> dict[str, Any]:
    """Credits are the least that it can be where the price is not exact. Lengths in seconds, null if unknown.

    available : None for a test key, whose jobs cost nothing and which is told nothing of the team's credits.
    """
    found = price.lengths
    return {
        "model": spec.slug,
        "credits": price.credits,
        "billedSeconds": price.seconds,
        "exact": price.exact,
        "outputSeconds": round(found.output, 3) if found else None,
        "trimmedSeconds": round(found.trimmed, 3) if found else None,
        "extendedSeconds": round(found.extended, 3) if found else None,
        "available": available,
        "enough": available is None or price.credits <= available,
    }


def _asked(spec: ModelSpec, body: dict[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    """What both read alike, by the names that submit.submit() and submit.prepare() have for it. Raises Invalid."""
    _refuse_unknown_keys(body, known)
    return {
        "form_state": form_state.build(spec, body.get("formState")),
        "webhook": strict.text(body, "webhook"),
        "provider": strict.text(body, "provider"),
        "tag": tags.read(body),
    }


def _refuse_unknown_keys(body: dict[str, Any], known: tuple[str, ...]) -> None:
    problems = []
    if "formState" not in body:
        problems.append(
            FieldProblem("formState", "required", _("formState is required: an object with the parameters."))
        )
    problems += strict.unknown(body, known)
    if problems:
        raise Invalid(problems)


def _name(request: HttpRequest, body: dict[str, Any]) -> idempotency.Name | None:
    key = request.headers.get("Idempotency-Key")
    return (
        None if key is None else idempotency.Name.of(key, scope=f"{request.method} {request.path}", body=body)
    )


for _spec in catalog.MODELS.values():
    _name_of = _spec.slug.replace("-", "_")
    router.post(
        f"/{_spec.slug}",
        operation_id=_name_of,
        summary=_spec.title,
        tags=["Generate"],
        openapi_extra=describe.submit(_spec),
    )(_submit_operation(_spec))
    router.post(
        f"/{_spec.slug}/estimate",
        operation_id=f"estimate_{_name_of}",
        summary=format_lazy(gettext_lazy("Estimate: {title}"), title=_spec.title),
        tags=["Generate"],
        openapi_extra=describe.estimate(_spec),
    )(_estimate_operation(_spec))
