"""The shapes of webhooks that were sent, as JSON Schema."""

from django.utils.translation import gettext_lazy as _

from jobs.api.schema import ID, TIME, UUID, WHOLE, or_null, record, ref
from jobs.models.deliveries import DeliveryStatus
from jobs.webhooks.answers import ANSWER_KEPT, CODES

_DELIVERY = {
    "id": UUID,
    "webhookId": {"type": "string", "description": _("The webhook-id header of all its attempts.")},
    "jobId": {**or_null(UUID), "description": _("Null for a test.")},
    "url": {"type": "string", "format": "uri"},
    "status": {
        "type": "string",
        "enum": DeliveryStatus.values,
        "description": _("Waiting for its first try, failed and tried again later, delivered, or given up."),
    },
    "attempts": WHOLE,
    "lastAttemptAt": or_null(TIME),
    "nextAttemptAt": {**or_null(TIME), "description": _("Null once it is delivered or given up.")},
    "createdAt": TIME,
}
_EXAMPLE = {
    "id": ID,
    "webhookId": f"msg_{ID.replace('-', '')}",
    "jobId": ID,
    "url": "https://example.com/hook",
    "status": DeliveryStatus.RETRYING.value,
    "attempts": 1,
    "lastAttemptAt": "2026-11-22T09:14:07.000000+00:00",
    "nextAttemptAt": "2026-11-22T09:14:12.000000+00:00",
    "createdAt": "2026-11-22T09:14:07.000000+00:00",
}
_ATTEMPT = {
    "number": {"type": "integer", "minimum": 1},
    "at": TIME,
    "durationMs": {
        "type": ["integer", "null"],
        "minimum": 0,
        "description": _("Null while it is under way, or when its worker was lost."),
    },
    "status": {"type": ["integer", "null"], "description": _("Of the answer; null when there was none.")},
    "code": {
        "type": "string",
        "enum": ["", *CODES],
        "description": _("Why it failed, as a stable word; empty for a success."),
    },
    "error": {"type": "string", "description": _("The same as a sentence. A redirect's names its target.")},
    "answer": {"type": "string", "maxLength": ANSWER_KEPT, "description": _("How the answer began.")},
    "nextAttemptAt": {**or_null(TIME), "description": _("When it was to be tried again; null for never.")},
}
COMPONENTS = {
    "Delivery": record(_DELIVERY, examples=[_EXAMPLE]),
    "DeliveryLog": record({**_DELIVERY, "log": {"type": "array", "items": ref("DeliveryAttempt")}}),
    "DeliveryAttempt": record(_ATTEMPT),
    "Deliveries": record(
        {
            "deliveries": {"type": "array", "items": ref("Delivery")},
            "nextCursor": {
                "type": ["string", "null"],
                "description": _("The cursor of the next page; null on the last one."),
            },
        }
    ),
    "Replayed": record({"replayed": WHOLE}, examples=[{"replayed": 17}]),
}
SINCE = {
    "type": "object",
    "required": ["since"],
    "additionalProperties": False,
    "properties": {
        "since": {
            **TIME,
            "description": _("What failed at this time or later and has not arrived since."),
            "examples": ["2026-11-22T06:00:00Z"],
        }
    },
}
TEST = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "url": {
            "type": ["string", "null"],
            "description": _("Where to; absent: the team's default address."),
            "examples": ["https://example.com/hook"],
        }
    },
}
