"""What OpenAPI says of each operation, and of the webhook that this site sends."""

from datetime import timedelta
from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from jobs import catalog, idempotency, wire
from jobs.api import codes, lengths, schema, strict, tags, webhook_schema
from jobs.api.schema import ref
from jobs.catalog import ModelSpec
from jobs.catalog.base import ACCEPTS
from jobs.models.deliveries import DeliveryStatus

Part = dict[str, Any]

# By status: what a refusal means, for OpenAPI and the documentation page alike.
REFUSALS = {
    400: _("The body cannot be read."),
    401: _("There is no key, or it is wrong or revoked."),
    402: _("Too few API credits, or the team or the key has spent what it may."),
    403: _("The key may not do this."),
    404: _("Not there, or another team's."),
    405: _("This address does not take this method; Allow names those that it takes."),
    409: _("The state of things forbids it: the same Idempotency-Key is in flight, or the job has ended."),
    413: _("The body or the file is too large."),
    415: _("The body is not sent as what it should be: JSON, or a multipart form for a file."),
    422: _("Some fields do not fit; each is listed."),
    429: _("Too many requests; Retry-After says when to come back."),
    503: _("The site is busy; Retry-After says when to come back."),
}
WITH_KEY = (401, 403, 422, 429)
WITH_BODY = (400, 413, 415)
USAGE_DAYS = 30  # without a first day


def _header(description: Any, kind: str = "string", **more: Any) -> Part:
    return {"description": description, "schema": {"type": kind, **more}}


RETRY_AFTER = {"Retry-After": _header(_("Seconds to wait."), "integer", minimum=0)}
RATE_LIMIT = {
    "RateLimit-Policy": _header(_("The limit: q requests in w seconds.")),
    "RateLimit": _header(_("What is left of it: r requests in the next t seconds.")),
}
HEADERS: dict[int, Part] = {
    401: {"WWW-Authenticate": _header(_("Bearer."))},
    405: {"Allow": _header(_("The methods that this address takes."))},
    429: {**RETRY_AFTER, **RATE_LIMIT},
    503: RETRY_AFTER,
}
ETAG = {
    "ETag": _header(_("Send it back as If-None-Match; 304 says that nothing has changed.")),
    "Cache-Control": _header("private, no-cache"),
}


def _json(shape: Part) -> Part:
    return {"application/json": {"schema": shape}}


def _refusal(status: int) -> Part:
    """The answer that a refusal of this status is, with one of its codes as the example."""
    content = _json(ref("Error"))
    if status != 422:  # the shape's own example is one
        code, sentence = next((code, each) for code, (its, each) in codes.ANSWERS.items() if its == status)
        content["application/json"]["example"] = {"error": sentence, "code": code, "fields": []}
    return {"description": REFUSALS[status], "content": content, "headers": HEADERS.get(status, {})}


def _responses(success: str, *refusals: int, status: int = 200, headers: Part | None = None) -> Part:
    found: Part = {status: {"description": "OK", "content": _json(ref(success))}}
    headers = {**(headers or {}), **(RATE_LIMIT if 429 in refusals else {})}
    if headers:
        found[status]["headers"] = headers
    for each in sorted(refusals):
        found[each] = _refusal(each)
    return found


def _body(spec: ModelSpec, properties: Part, **example: Any) -> Part:
    shape = {
        "type": "object",
        "required": ["formState"],
        "additionalProperties": False,
        "properties": properties,
    }
    content = _json(shape)
    # One that works as it stands, with the samples of this site.
    samples = {each.name: f"{schema.SITE}/samples/{each.sample}" for each in spec.media_fields if each.sample}
    content["application/json"]["example"] = {"formState": samples, **example}
    return {"required": True, "content": content}


def _query(name: str, description: Any, **shape: Any) -> Part:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": shape}


def _limit(description: Any) -> Part:
    bounds = {"minimum": 1, "maximum": strict.MOST_A_PAGE, "default": strict.DEFAULT_A_PAGE}
    return _query("limit", description, type="integer", **bounds)


def submit(spec: ModelSpec) -> Part:
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": format_lazy(
            _(
                "1 to {most} printable characters, kept for {hours} hours: the same request again, the same job."
            ),
            most=idempotency.LONGEST,
            hours=idempotency.KEPT // timedelta(hours=1),
        ),
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": idempotency.LONGEST,
            "pattern": "^[ -~]*$",
        },
    }
    return {
        "description": spec.summary,
        "parameters": [key],
        "requestBody": _body(spec, schema.request(spec), reference="order-1042"),
        "responses": _responses("Submitted", 402, 409, 503, *WITH_KEY, *WITH_BODY),
        "callbacks": {"jobEnded": {"{$request.body#/webhook}": WEBHOOKS["jobEnded"]}},
    }


def estimate(spec: ModelSpec) -> Part:
    timed = lengths.names(spec)
    length = {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": lengths.LONGEST}
    seconds = {
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": dict.fromkeys(timed, length),
        "description": _(
            "How long your files are, by field, as far as you know. Those of uploads and samples are known here."
        ),
        "examples": [dict.fromkeys(timed, 12.5)],
    }
    return {
        "description": _(
            "The price of a request, and what happens to its video, before anything is spent. "
            "It takes what a submit takes, and is refused where that would be, but for credits. "
            "A test key pays nothing."
        ),
        "requestBody": _body(spec, {**schema.request(spec), "seconds": seconds}),
        "responses": _responses("Estimate", *WITH_KEY, *WITH_BODY),
    }


def job() -> Part:
    known = {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": _("The ETag of an earlier answer: 304 without a body while nothing has changed."),
        "schema": {"type": "string"},
    }
    responses = _responses("Job", 401, 403, 404, 429, headers=ETAG)
    responses[304] = {"description": _("Nothing has changed."), "headers": ETAG}
    return {"parameters": [known], "responses": responses}


def list_jobs() -> Part:
    return {
        "description": _(
            "The team's jobs, newest first, as the documents that each of them has. "
            "Send nextCursor as cursor, and the same filters, for the next page."
        ),
        "parameters": [
            _query("status", _("Only these."), type="string", enum=list(wire.STATUSES)),
            _query("model", _("Only this model's."), type="string", enum=list(catalog.MODELS)),
            _query(
                "reference",
                _("Only those that were submitted with exactly this reference."),
                type="string",
                maxLength=tags.REFERENCE_LENGTH,
            ),
            _query("createdAfter", _("Submitted at this time or later."), type="string", format="date-time"),
            _query("createdBefore", _("Submitted before this time."), type="string", format="date-time"),
            _limit(_("Jobs a page.")),
            _query("cursor", _("The nextCursor of the page before."), type="string"),
        ],
        "responses": _responses("Jobs", *WITH_KEY),
    }


def cancel() -> Part:
    return {
        "description": _(
            "Ends a job that has not ended; its credits return, and it is failed with the error Canceled. "
            "Canceling again changes nothing."
        ),
        "responses": _responses("Job", 404, 409, *WITH_KEY, *WITH_BODY),
    }


def upload() -> Part:
    form = {
        "type": "object",
        "required": ["kind", "file"],
        "additionalProperties": False,
        "properties": {
            "kind": {"type": "string", "enum": list(ACCEPTS)},
            "file": {"type": "string", "contentMediaType": "application/octet-stream"},
        },
    }
    return {
        "description": _(
            "For a client without a public address: the answer's value stands for the file in formState, "
            "for this team alone."
        ),
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}},
        "responses": _responses("Upload", 503, *WITH_KEY, *WITH_BODY, status=201),
    }


def key() -> Part:
    return {
        "description": _("Which key this is, what it may do, and what of it is used."),
        "responses": _responses("Key", *WITH_KEY),
    }


def key_format() -> Part:
    return {
        "description": _("What a key looks like, so that one that lies where it should not can be found."),
        "responses": _responses("KeyFormat", 422),
    }


def balance() -> Part:
    return {
        "description": _("The API credits of the key's team, which its requests spend."),
        "responses": _responses("Balance", *WITH_KEY),
    }


def usage() -> Part:
    return {
        "description": _("What the team's keys spent, from the ledger, by day in UTC and by model."),
        "parameters": [
            _query(
                "from",
                format_lazy(_("The first day; {days} days in all without it."), days=USAGE_DAYS),
                type="string",
                format="date",
            ),
            _query("to", _("The last day; today without it."), type="string", format="date"),
        ],
        "responses": _responses("Usage", *WITH_KEY),
    }


def errors() -> Part:
    return {
        "description": _("Every stable code, with its sentence in the language of Accept-Language."),
        "responses": _responses("Errors", 422),
    }


def models() -> Part:
    return {
        "description": _("Every model with its parameters and prices."),
        "responses": _responses("Models", 422),
    }


def list_deliveries() -> Part:
    return {
        "description": _("The team's webhooks and tests, newest first."),
        "parameters": [
            _query(
                "status",
                _("Only these."),
                type="string",
                enum=DeliveryStatus.values,
            ),
            _limit(_("Webhooks a page.")),
            _query("cursor", _("The nextCursor of the page before."), type="string"),
        ],
        "responses": _responses("Deliveries", *WITH_KEY),
    }


def delivery() -> Part:
    return {"responses": _responses("DeliveryLog", 404, *WITH_KEY)}


def replay_delivery() -> Part:
    return {
        "description": _(
            "The same message, with the same webhook-id, at once and by the whole schedule. "
            "Refused while it is being sent, and when it is too old to have a log."
        ),
        "responses": _responses("DeliveryLog", 404, 409, *WITH_KEY, *WITH_BODY, status=202),
    }


def replay_failed() -> Part:
    return {
        "description": _("All that were given up or wait for another try, after your receiver was down."),
        "requestBody": {"required": True, "content": _json(webhook_schema.SINCE)},
        "responses": _responses("Replayed", *WITH_KEY, *WITH_BODY, status=202),
    }


def test_webhook() -> Part:
    return {
        "description": _(
            "A made-up job, signed like any other, whose test is true and whose code is test. "
            "It is tried once; ask for the delivery to see what became of it."
        ),
        "requestBody": {"required": True, "content": _json(webhook_schema.TEST)},
        "responses": _responses("DeliveryLog", *WITH_KEY, *WITH_BODY, status=202),
    }


SIGNED = {
    "webhook-id": _header(_("The same for every attempt, so that a repeat can be told.")),
    "webhook-timestamp": _header(_("Seconds since 1970: refuse what is older than five minutes.")),
    "webhook-signature": _header(
        _("v1, and the base64 of an HMAC-SHA256; two of them, with a space between, while secrets rotate.")
    ),
}
WEBHOOKS: Part = {
    "jobEnded": {
        "post": {
            "operationId": "job_ended",
            "summary": _("A job has completed or failed"),
            "description": _(
                "Sent to the webhook of a submit, signed by the Standard Webhooks specification. "
                "Any 2xx is success; anything else, a redirect too, is tried again; 410 ends it."
            ),
            "parameters": [
                {"name": name, "in": "header", "required": True, **part} for name, part in SIGNED.items()
            ],
            "requestBody": {"required": True, "content": _json(ref("Job"))},
            "responses": {
                "2XX": {"description": _("Received.")},
                "410": {"description": _("Not wanted any more: it is not sent again.")},
            },
            "security": [],
        }
    }
}
TAGS = [
    {"name": "Generate", "description": _("Submit a job, or ask what it would cost.")},
    {"name": "Jobs", "description": _("Follow, find and cancel jobs.")},
    {"name": "Files", "description": _("Send files that have no public address.")},
    {"name": "Webhooks", "description": _("See what became of webhooks, and send them again.")},
    {"name": "Account", "description": _("The key and its team's credits.")},
    {"name": "Catalog", "description": _("What there is; needs no key.")},
]
ID_IN_PATH = {
    "name": "request_id",
    "in": "path",
    "required": True,
    "description": _("The id that the submit answered with."),
    "schema": {"type": "string", "format": "uuid"},
}
DELIVERY_IN_PATH = {
    **ID_IN_PATH,
    "name": "delivery_id",
    "description": _("The id that the list of webhooks gives."),
}
IN_PATH = {part["name"]: part for part in (ID_IN_PATH, DELIVERY_IN_PATH)}


def complete(document: Part) -> Part:
    """ninja's document with the shapes, the webhooks, and what it cannot know of the operations."""
    for path in document["paths"].values():
        for operation in path.values():
            _correct(operation)
    shapes = document["components"].get("schemas", {})
    document["components"]["schemas"] = {**shapes, **schema.COMPONENTS, **webhook_schema.COMPONENTS}
    document["servers"] = [{"url": "/"}]
    document["tags"] = TAGS
    document["webhooks"] = WEBHOOKS
    return document


def _correct(operation: Part) -> None:
    operation["parameters"] = [IN_PATH.get(each["name"], each) for each in operation["parameters"]]
    # ninja adds a bare 200 to an operation that answers otherwise.
    if not operation["responses"].get(200, {}).get("content"):
        operation["responses"].pop(200, None)
