"""The API as one object for the URL map: version 1, its exceptions turned into the error document."""

import logging
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from ninja import NinjaAPI
from ninja.errors import AuthenticationError
from ninja.responses import Response

from accounts.ledger import CannotPay
from jobs.api import account, catalog, describe, jobs, operations, uploads, webhooks
from jobs.api.errors import ApiError, answer, answer_status
from jobs.idempotency import InFlight, KeyReused
from jobs.key_limits import KeyChanged, KeyNotAllowed
from jobs.problems import FieldProblem, Invalid

log = logging.getLogger(__name__)


class Api(NinjaAPI):
    def get_openapi_schema(self, **where: Any) -> Any:
        return describe.complete(super().get_openapi_schema(**where))


api = Api(
    title="lipsyncweb",
    version="1",
    description=gettext_lazy("Lip-sync video: submit a job, then wait for its webhook or ask for it."),
    docs_url=None,
    openapi_url=None,  # the operation below: ninja's own takes any method
    urls_namespace="api",
)


@api.get("/openapi.json", include_in_schema=False, url_name="openapi")
def openapi(request: HttpRequest) -> HttpResponse:
    return Response(api.get_openapi_schema())


for module in (operations, jobs, uploads, webhooks, account, catalog):
    api.add_router("", module.router)


@api.exception_handler(ApiError)
def _refused(request: HttpRequest, error: ApiError) -> HttpResponse:
    return answer(error.status, error.code, error.sentence, headers=error.headers)


@api.exception_handler(Invalid)
def _invalid(request: HttpRequest, error: Invalid) -> HttpResponse:
    return answer(422, "invalid", str(error), fields=error.fields)


@api.exception_handler(CannotPay)
def _cannot_pay(request: HttpRequest, error: CannotPay) -> HttpResponse:
    return answer(402, error.code, error.sentence)


@api.exception_handler(KeyNotAllowed)
def _not_for_this_key(request: HttpRequest, error: KeyNotAllowed) -> HttpResponse:
    return answer(403, error.code, error.sentence)


@api.exception_handler(KeyChanged)
def _key_changed(request: HttpRequest, error: KeyChanged) -> HttpResponse:
    return answer(409, error.code, error.sentence, headers={"Retry-After": "1"})


@api.exception_handler(KeyReused)
def _reused(request: HttpRequest, error: KeyReused) -> HttpResponse:
    field = FieldProblem("Idempotency-Key", error.code, error.sentence)
    return answer(422, error.code, error.sentence, fields=[field])


@api.exception_handler(InFlight)
def _in_flight(request: HttpRequest, error: InFlight) -> HttpResponse:
    return answer(409, error.code, error.sentence, headers={"Retry-After": "1"})


@api.exception_handler(OperationalError)
def _database_is_busy(request: HttpRequest, error: OperationalError) -> HttpResponse:
    """The database could not be had in time, or went away: nothing was committed, so a repeat is safe."""
    log.exception("%s %s", request.method, request.path)
    if "locked" in str(error) and "Idempotency-Key" in request.headers:
        return _in_flight(request, InFlight())  # most likely by the first of these very requests
    return answer(
        503, "busy", _("The site is busy; please try again in a minute."), headers={"Retry-After": "5"}
    )


@api.exception_handler(AuthenticationError)
def _unknown_key(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    sentence = _("The API key is missing or not valid; send it as Authorization: Bearer sk_XXXX_YYYY.")
    return answer(401, "unauthorized", sentence, headers={"WWW-Authenticate": "Bearer"})


@api.exception_handler(PermissionDenied)
def _forbidden(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    return answer(403, "forbidden", _("This key may not do this."))


@api.exception_handler(Http404)
def _not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    return answer_status(404)


@api.exception_handler(SuspiciousOperation)
def _malformed(request: HttpRequest, error: SuspiciousOperation) -> HttpResponse:
    """What Django refuses to take apart, such as hundreds of query parameters."""
    return answer_status(400)


@api.exception_handler(Exception)
def _broken(request: HttpRequest, error: Exception) -> HttpResponse:
    log.exception("%s %s", request.method, request.path)
    return answer_status(500)
