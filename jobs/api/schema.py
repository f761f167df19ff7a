"""The shapes of what the API takes and answers, as JSON Schema, read off the catalog where it declares them."""

from typing import Any

from django.conf import settings
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from jobs.api import tags
from jobs.catalog import MODELS, FieldSpec, ModelSpec
from jobs.catalog.base import ACCEPTS
from jobs.catalog.pricing import CREDITS_A_SECOND
from jobs.line import COUNTED_AT_MOST
from jobs.wire import COMPLETED, PROCESSING, STATUSES

Schema = dict[str, Any]

ID = "0c7c9a4e-6f0e-4a54-9d25-6f2f6a1f3b52"
SITE = settings.SITE_URL
UUID: Schema = {"type": "string", "format": "uuid"}
TIME: Schema = {"type": "string", "format": "date-time"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
WORDS: Schema = {"type": "array", "items": {"type": "string"}}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def record(properties: dict[str, Schema], **more: Any) -> Schema:
    """An object that has all of these, always."""
    return {"type": "object", "required": list(properties), "properties": properties, **more}


def or_null(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


JOB_EXAMPLE = {
    "id": ID,
    "model": "lipsync-image",
    "status": COMPLETED,
    "output": f"{SITE}/files/{ID}/Vb3kPq9sTfWn2RzYxLc7Jg.mp4",
    "error": "",
    "executionTime": 6120,
    "timings": {"warp": 3310, "encode": 1480},
    "requestId": ID,
    "progress": 100,
    "queuePosition": None,
    "test": False,
    "credits": 12,
    "seed": 1637522962,
    "expiresAt": "2026-12-22T09:14:07.000000+00:00",
    "code": "",
    "warnings": [],
    "promptWords": [],
    "reference": "order-1042",
    "metadata": {"customer": 17},
    "createdAt": "2026-11-22T09:14:00.000000+00:00",
}

JOB = record(
    {
        "id": UUID,
        "model": {"type": "string", "enum": list(MODELS)},
        "status": {"type": "string", "enum": list(STATUSES)},
        "output": {
            "type": ["string", "null"],
            "format": "uri",
            "description": _("The video, once it is completed: an MP4 that opens without a key."),
        },
        "error": {"type": "string", "description": _("A sentence when it failed, else empty.")},
        "executionTime": {"type": ["integer", "null"], "description": _("Milliseconds, once completed.")},
        "timings": {
            "type": ["object", "null"],
            "additionalProperties": {"type": "integer"},
            "description": _("Milliseconds by stage, once completed."),
        },
        "requestId": {**UUID, "description": _("The same as id.")},
        "progress": {"type": "integer", "minimum": 0, "maximum": 100, "description": _("Percent.")},
        "queuePosition": {
            "type": ["integer", "null"],
            "minimum": 1,
            "maximum": COUNTED_AT_MOST,
            "description": _("1 for the job that is next in line; null once it is taken up."),
        },
        "test": {
            "type": "boolean",
            "description": _("Whether a test key made it: free, and its output a sample."),
        },
        "credits": {**WHOLE, "description": _("Set aside while processing, spent at the end.")},
        "seed": {
            "type": ["integer", "null"],
            "description": _("The one that is used, be it asked for or random."),
        },
        "expiresAt": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": _(
                "Until when the output can be fetched; null where there is none, and while the team keeps it."
            ),
        },
        "code": {
            "type": "string",
            "description": _("A stable word for the error, listed by GET /errors; empty without one."),
        },
        "warnings": {
            **WORDS,
            "description": _("Stable words for what is odd about the result, such as silent_audio."),
        },
        "promptWords": {**WORDS, "description": _("What of the prompt the performance followed.")},
        "reference": {"type": "string", "description": _("As it came with the submit.")},
        "metadata": {"type": "object", "description": _("As it came with the submit.")},
        "createdAt": {**TIME, "description": _("When it was submitted.")},
    },
    description=_(
        "A job: the answer to a question, and the body of its webhook. "
        "The first seven fields never change their meaning."
    ),
    examples=[JOB_EXAMPLE],
)
SUBMITTED = record(
    {"id": UUID, "requestId": UUID, "status": {"type": "string", "const": PROCESSING}},
    examples=[{"id": ID, "requestId": ID, "status": PROCESSING}],
)
JOBS = record(
    {
        "jobs": {"type": "array", "items": ref("Job")},
        "nextCursor": {
            "type": ["string", "null"],
            "description": _("The cursor of the next page; null on the last one."),
        },
    }
)
ESTIMATE = record(
    {
        "model": {"type": "string", "enum": list(MODELS)},
        "credits": {**WHOLE, "description": _("What it costs, or the least that it can cost.")},
        "billedSeconds": WHOLE,
        "exact": {
            "type": "boolean",
            "description": _("Whether all lengths that the price depends on are known."),
        },
        "outputSeconds": {"type": ["number", "null"], "description": _("How long the video will be.")},
        "trimmedSeconds": {
            "type": ["number", "null"],
            "description": _("How much of the source video is left out at its end."),
        },
        "extendedSeconds": {
            "type": ["number", "null"],
            "description": _("For how long the source video plays on, to and fro."),
        },
        "available": {
            **or_null(WHOLE),
            "description": _("API credits that the team has now; null for a test key, whose jobs are free."),
        },
        "enough": {"type": "boolean", "description": _("Whether they are enough for that.")},
    },
    examples=[
        {
            "model": "lipsync-video",
            "credits": 40,
            "billedSeconds": 20,
            "exact": True,
            "outputSeconds": 20.0,
            "trimmedSeconds": 12.5,
            "extendedSeconds": 0.0,
            "available": 990,
            "enough": True,
        }
    ],
)
UPLOAD = record(
    {
        "id": UUID,
        "value": {
            "type": "string",
            "description": _("What stands for the file in a formState of this team."),
            "examples": [f"upload:{ID}"],
        },
        "kind": {"type": "string", "enum": list(ACCEPTS)},
        "name": {"type": "string"},
        "bytes": WHOLE,
        "seconds": {"type": ["number", "null"]},
        "width": {"type": ["integer", "null"]},
        "height": {"type": ["integer", "null"]},
        "expiresAt": {
            **or_null(TIME),
            "description": _("When the site forgets it; null while a kept video holds it."),
        },
    }
)
KEY = record(
    {
        "id": {"type": "string", "description": _("The key's public part.")},
        "name": {"type": "string"},
        "label": {"type": "string", "examples": ["sk_4fQz81LmNc0P_…"]},
        "team": {"type": "string"},
        "test": {"type": "boolean", "description": _("Whether its jobs are free and give samples.")},
        "createdAt": TIME,
        "lastUsedAt": {**or_null(TIME), "description": _("Noted once a minute.")},
        "expiresAt": {**or_null(TIME), "description": _("From then on it opens nothing; null for never.")},
        "limits": record(
            {
                "models": {**WORDS, "description": _("The models that it may use; empty for all.")},
                "resolutions": {
                    **WORDS,
                    "description": _("The resolutions that it may ask for; empty for all."),
                },
                "addresses": {
                    **WORDS,
                    "description": _("Addresses and networks that it may be used from; empty for any."),
                },
                "requestsAMinute": {
                    **or_null(WHOLE),
                    "description": _("Its own or the site's, whichever is less; null for none."),
                },
                "dailyCredits": {
                    **or_null(WHOLE),
                    "description": _("In a day, in UTC; null for any number."),
                },
                "totalCredits": {**or_null(WHOLE), "description": _("In all; null for any number.")},
            }
        ),
        "spent": {
            **or_null(
                record(
                    {
                        "today": {**WHOLE, "description": _("Set aside or spent today, in UTC.")},
                        "inAll": {**WHOLE, "description": _("Set aside or spent ever.")},
                    }
                )
            ),
            "description": _("What counts towards its limits of credits; null for a key without one."),
        },
    }
)
KEY_FORMAT = record(
    {
        "pattern": {
            "type": "string",
            "description": _("A regular expression that every key matches, for secret scanners."),
        },
        "prefixes": WORDS,
        "checksum": {
            "type": "string",
            "description": _("How to tell a key from what only looks like one, in a sentence."),
        },
    }
)
BALANCE = record(
    {
        "available": WHOLE,
        "reserved": {**WHOLE, "description": _("Set aside for jobs that have not ended.")},
    },
    examples=[{"available": 978, "reserved": 12}],
)
DAY: Schema = {"type": "string", "format": "date"}
USAGE = record(
    {
        "from": DAY,
        "to": DAY,
        "jobs": WHOLE,
        "credits": WHOLE,
        "days": {
            "type": "array",
            "items": record({"date": DAY, "model": {"type": "string"}, "jobs": WHOLE, "credits": WHOLE}),
        },
    }
)
ERROR = record(
    {
        "error": {"type": "string", "description": _("One sentence, in the language of Accept-Language.")},
        "code": {"type": "string", "description": _("A stable word.")},
        "fields": {
            "type": "array",
            "items": record({name: {"type": "string"} for name in ("field", "code", "message")}),
        },
    },
    examples=[
        {
            "error": "formState.audio is required.",
            "code": "invalid",
            "fields": [
                {"field": "formState.audio", "code": "required", "message": "formState.audio is required."}
            ],
        }
    ],
)
ERRORS = record(
    {
        "errors": {
            "type": "array",
            "items": record(
                {
                    "code": {"type": "string"},
                    "where": {
                        "type": "string",
                        "enum": ["answer", "field", "job"],
                        "description": _(
                            "The code of an answer, of one of its fields, or of a job that failed."
                        ),
                    },
                    "status": {
                        "type": ["integer", "null"],
                        "description": _("Of the answer; null for a job, which failed after it."),
                    },
                    "error": {"type": "string"},
                }
            ),
        },
        "warnings": {
            "type": "array",
            "items": record({"code": {"type": "string"}, "warning": {"type": "string"}}),
        },
    }
)
CATALOG = record(
    {
        "models": {
            "type": "array",
            "items": record(
                {
                    "model": {"type": "string"},
                    "title": {"type": "string"},
                    "summary": {"type": "string"},
                    "creditsASecond": record(dict.fromkeys(CREDITS_A_SECOND, WHOLE)),
                    "minimumSeconds": WHOLE,
                    "parameters": {"type": "array", "items": ref("Parameter")},
                }
            ),
        }
    }
)
PARAMETER = record(
    {
        "name": {"type": "string"},
        "kind": {"type": "string", "enum": ["image", "audio", "video", "choice", "text", "integer"]},
        "required": {"type": "boolean"},
        "default": {"type": ["string", "integer", "null"]},
        "choices": WORDS,
        "minimum": {"type": ["integer", "null"]},
        "maximum": {"type": ["integer", "null"]},
        "maxLength": {"type": ["integer", "null"]},
        "label": {"type": "string"},
        "help": {"type": "string"},
    }
)


def parameters(spec: ModelSpec) -> Schema:
    """The schema of a model's formState, with what people read beside each parameter."""
    found = spec.parameters.model_json_schema()
    found["properties"] = {field.name: _parameter(field, found) for field in spec.fields}
    return {name: value for name, value in found.items() if name not in ("title", "description")}


def _parameter(field: FieldSpec, found: Schema) -> Schema:
    schema = {name: value for name, value in found["properties"][field.name].items() if name != "title"}
    schema["description"] = format_lazy("{}. {}", field.label, field.help) if field.help else field.label
    if field.sample:
        schema["examples"] = [f"{SITE}/samples/{field.sample}"]
    return schema


def request(spec: ModelSpec) -> dict[str, Schema]:
    """What a submit takes, by name. `formState` alone is required."""
    return {
        "formState": ref(spec.parameters.__name__),
        "webhook": {
            "type": ["string", "null"],
            "description": _("An HTTPS address that is told when the job has ended."),
            "examples": ["https://example.com/hook"],
        },
        "provider": {
            "type": ["string", "null"],
            "description": _("Who makes it: embedded, or a connection's name. Absent: the most preferred."),
        },
        "reference": {
            "type": ["string", "null"],
            "maxLength": tags.REFERENCE_LENGTH,
            "description": _(
                "Your own name for the job; the list can be searched by it. Need not be unique."
            ),
            "examples": ["order-1042"],
        },
        "metadata": {
            "type": ["object", "null"],
            "maxProperties": tags.METADATA_KEYS,
            "description": format_lazy(
                _("Whatever you want kept with the job: at most {bytes} bytes of JSON, {depth} deep."),
                bytes=tags.METADATA_BYTES,
                depth=tags.METADATA_DEPTH,
            ),
            "examples": [{"customer": 17}],
        },
    }


COMPONENTS = {
    "Job": JOB,
    "Submitted": SUBMITTED,
    "Jobs": JOBS,
    "Estimate": ESTIMATE,
    "Upload": UPLOAD,
    "Key": KEY,
    "KeyFormat": KEY_FORMAT,
    "Balance": BALANCE,
    "Usage": USAGE,
    "Error": ERROR,
    "Errors": ERRORS,
    "Models": CATALOG,
    "Parameter": PARAMETER,
    **{spec.parameters.__name__: parameters(spec) for spec in MODELS.values()},
}
