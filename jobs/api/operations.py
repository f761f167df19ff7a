"""The API's operations: parse, call the service, answer."""

import uuid
from collections.abc import Callable
from itertools import islice
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from ninja import Router
from ninja.security import HttpBearer

from accounts import access, keys
from accounts.models import ApiKey
from jobs import catalog, form_state, idempotency, queries, submit, wire
from jobs.api import schema
from jobs.api.body import read_object
from jobs.api.errors import ApiError
from jobs.catalog import ModelSpec
from jobs.models import Job
from jobs.problems import FieldProblem, Invalid

TOP_LEVEL = ("formState", "webhook", "provider")


class KeyAuth(HttpBearer):
    """`Authorization: Bearer sk_XXXX_YYYY`."""

    openapi_name = "key"

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey | None:
        key = keys.authenticate(token)
        if key:
            keys.note_use(key)
        return key


router = Router(auth=KeyAuth())


def _submit_operation(spec: ModelSpec) -> Callable[[HttpRequest], JsonResponse]:
    def operation(request: HttpRequest) -> JsonResponse:
        body = read_object(request)
        key: ApiKey = request.auth  # type: ignore[attr-defined]
        _refuse_unknown_keys(body)
        state = form_state.build(spec, body.get("formState"), source="api")
        job = submit.submit(
            team=key.team,
            actor=key,
            form_state=state,
            webhook=_text(body, "webhook"),
            provider=_text(body, "provider"),
            name=_name(request, body),
        )
        return JsonResponse(wire.submitted_document(job))

    return operation


def _refuse_unknown_keys(body: dict[str, Any]) -> None:
    problems = []
    if "formState" not in body:
        problems.append(
            FieldProblem("formState", "required", _("formState is required: an object with the parameters."))
        )
    unknown = (name for name in body if name not in TOP_LEVEL)
    for name in islice(unknown, form_state.SHOWN_AT_MOST):
        sentence = _("%(name)s is not a field of this request; it takes: %(known)s.") % {
            "name": name[:120],
            "known": ", ".join(TOP_LEVEL),
        }
        problems.append(FieldProblem(name[:120], "unknown_field", sentence))
    if problems:
        raise Invalid(problems)


def _text(body: dict[str, Any], name: str) -> str:
    """An optional top-level string; null and "" count as absent."""
    found = body.get(name)
    found = "" if found is None else found
    if not isinstance(found, str):
        raise Invalid([FieldProblem(name, "wrong_type", _("%(name)s must be a string.") % {"name": name})])
    return found


def _name(request: HttpRequest, body: dict[str, Any]) -> idempotency.Name | None:
    key = request.headers.get("Idempotency-Key")
    return (
        None if key is None else idempotency.Name.of(key, scope=f"{request.method} {request.path}", body=body)
    )


for _spec in catalog.MODELS.values():
    router.post(
        f"/{_spec.slug}",
        operation_id=_spec.slug.replace("-", "_"),
        summary=str(_spec.title),
        openapi_extra=schema.submit_operation(_spec),
    )(_submit_operation(_spec))


@router.get(
    "/jobs/{request_id}", operation_id="get_job", summary="Get a job", openapi_extra=schema.job_operation()
)
def get_job(request: HttpRequest, request_id: str) -> JsonResponse:
    key: ApiKey = request.auth  # type: ignore[attr-defined]
    access.require(key, "jobs.read", key.team)
    try:
        job = queries.for_api(key.team, uuid.UUID(request_id))
    except (ValueError, Job.DoesNotExist):
        raise ApiError(404, "not_found", _("There is no such job in this key's team.")) from None
    return JsonResponse(wire.job_document(job))
