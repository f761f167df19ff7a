"""Every stable code that the API can say, with its status and its sentence. A test finds those that are not here."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from jobs import words
from jobs.api.errors import BY_STATUS


@dataclass(frozen=True)
class Code:
    """where : "answer", "field" (in an answer's `fields`) or "job" (one that failed after it was taken)."""

    code: str
    where: str
    status: int | None
    sentence: Promise

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "where": self.where,
            "status": self.status,
            "error": str(self.sentence),
        }


ANSWERS: dict[str, tuple[int, Promise]] = {
    **{code: (status, sentence) for status, (code, sentence) in BY_STATUS.items()},
    "malformed_json": (400, _("The body is not valid JSON.")),
    "malformed_form": (400, _("The body is not a valid multipart form.")),
    "unauthorized": (401, _("The API key is missing or not valid; send it as Authorization: Bearer sk_….")),
    "address_not_allowed": (403, _("The key may not be used from this address.")),
    "model_not_allowed": (403, _("The key may not use this model.")),
    "resolution_not_allowed": (403, _("The key may not ask for this resolution.")),
    "not_enough_credits": (402, _("The team has too few API credits for this.")),
    "spending_cap_reached": (402, _("The team has spent what it may of its API credits this month.")),
    "key_limit_reached": (402, _("The key has used the credits that it may, for today or in all.")),
    "idempotency_in_flight": (
        409,
        _("A request with this Idempotency-Key is being worked on; send it again."),
    ),
    "key_changed": (409, _("The key or its limits were changed at this very moment; send it again.")),
    "being_sent": (409, _("The webhook is being sent right now; see what becomes of it.")),
    "too_old": (409, _("The webhook is too old to be sent again.")),
    "sent_too_often": (409, _("The webhook was tried too often to be sent again.")),
    "job_ended": (409, _("The job has ended already; it cannot be canceled.")),
    "upload_quota": (413, words.FAILURES["upload_quota"]),
    "not_json": (415, _("Send the body as JSON, with Content-Type: application/json.")),
    "not_multipart": (415, _("Send the file as multipart/form-data.")),
    "invalid": (422, _("Some fields do not fit; fields lists each of them.")),
    "idempotency_key_reused": (422, _("This Idempotency-Key was used for another request.")),
    "busy": (503, _("The site is busy; please try again in a minute.")),
    "storage_full": (503, words.FAILURES["storage_full"]),
}
FIELDS: dict[str, Promise] = {
    "required": _("The field must be there."),
    "unknown_field": _("There is no such field; the sentence names the nearest one that there is."),
    "wrong_type": _("The value has another JSON type than the field."),
    "out_of_range": _("The number or time is outside the field's bounds."),
    "not_a_choice": _("The value is not one of those that the field takes."),
    "too_long": _("The value, or the video that it would make, is longer than the site takes."),
    "invalid": _("The value does not fit in a way that the sentence tells."),
    "idempotency_key_reused": _("This Idempotency-Key was used for another request."),
    **{
        code: words.FAILURES[code]
        for code in (
            "url_not_allowed",
            "upload_not_found",
            "unsupported_format",
            "image_unreadable",
            "audio_unreadable",
            "video_unreadable",
        )
    },
}
JOBS: dict[str, Promise] = {**words.FAILURES, "canceled": _("Canceled")}


def everything() -> Iterator[Code]:
    for code, (status, sentence) in sorted(ANSWERS.items(), key=lambda item: (item[1][0], item[0])):
        yield Code(code, "answer", status, sentence)
    for code, sentence in sorted(FIELDS.items()):
        yield Code(code, "field", 422, sentence)
    for code, sentence in sorted(JOBS.items()):
        yield Code(code, "job", None, sentence)
