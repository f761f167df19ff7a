"""What OpenAPI says of the operations, read off the catalog's declarations."""

from typing import Any

from jobs.catalog import ModelSpec

JOB = {
    "type": "object",
    "required": ["id", "model", "status", "output", "error", "executionTime", "timings"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "model": {"type": "string"},
        "status": {"type": "string", "enum": ["processing", "completed", "failed"]},
        "output": {"type": ["string", "null"], "format": "uri"},
        "error": {"type": "string"},
        "executionTime": {"type": ["integer", "null"], "description": "Milliseconds."},
        "timings": {
            "type": ["object", "null"],
            "additionalProperties": {"type": "integer"},
            "description": "Milliseconds by stage.",
        },
        "requestId": {"type": "string", "format": "uuid"},
        "progress": {"type": "integer", "minimum": 0, "maximum": 100},
        "credits": {"type": "integer", "description": "Set aside while processing, spent at the end."},
        "seed": {"type": ["integer", "null"]},
        "expiresAt": {"type": ["string", "null"], "format": "date-time"},
        "code": {"type": "string", "description": "A stable word for the error; empty without one."},
        "warnings": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Stable words for what is odd about the result, such as silent_audio.",
        },
        "promptWords": {
            "type": "array",
            "items": {"type": "string"},
            "description": "What of the prompt the performance followed.",
        },
    },
}
SUBMITTED = {
    "type": "object",
    "required": ["id", "requestId", "status"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "requestId": {"type": "string", "format": "uuid"},
        "status": {"type": "string", "const": "processing"},
    },
}
ERROR = {
    "type": "object",
    "required": ["error", "code", "fields"],
    "properties": {
        "error": {"type": "string", "description": "One sentence."},
        "code": {"type": "string", "description": "A stable word."},
        "fields": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {name: {"type": "string"} for name in ("field", "code", "message")},
            },
        },
    },
}
REFUSALS = {
    400: "Malformed JSON",
    401: "No key, or one that is not valid",
    402: "Too few credits",
    403: "The key may not do this",
    404: "Not there, or another team's",
    413: "Too large",
    415: "Not JSON",
    422: "Fields that do not fit",
}


def submit_operation(spec: ModelSpec) -> dict[str, Any]:
    body = {
        "type": "object",
        "required": ["formState"],
        "additionalProperties": False,
        "properties": {
            "webhook": {
                "type": ["string", "null"],
                "format": "uri",
                "description": "Called when the job ends.",
            },
            "provider": {
                "type": ["string", "null"],
                "description": "Who makes it: embedded, or a connection's name. Absent: the most preferred.",
            },
            "formState": spec.parameters.model_json_schema(),
        },
    }
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "1 to 255 printable characters, kept for 24 hours: the same request again, the same job.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    }
    return {
        "description": str(spec.summary),
        "parameters": [key],
        "requestBody": {"required": True, "content": _json(body)},
        "responses": _responses(SUBMITTED, 400, 401, 402, 403, 413, 415, 422),
    }


def job_operation() -> dict[str, Any]:
    return {"responses": _responses(JOB, 401, 403, 404)}


def _responses(success: dict[str, Any], *refusals: int) -> dict[int, Any]:
    found: dict[int, Any] = {200: {"description": "OK", "content": _json(success)}}
    for status in refusals:
        found[status] = {"description": REFUSALS[status], "content": _json(ERROR)}
    return found


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
