"""Files from clients that have no public address for them."""

from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from ninja import Router

from accounts import access
from jobs import media
from jobs.api import describe, strict
from jobs.api.auth import KeyAuth, key_of
from jobs.api.errors import ApiError
from jobs.catalog.base import ACCEPTS
from jobs.form_state import upload_value
from jobs.models import Upload
from jobs.problems import Invalid

FORM = "multipart/form-data"
STATUS = {"too_large": 413, "upload_quota": 413, "busy": 503, "storage_full": 503}
BESIDE = 100_000  # bytes of a request that are not its file

router = Router(auth=KeyAuth(), tags=["Files"])


@router.post(
    "/uploads", operation_id="upload", summary=gettext_lazy("Send a file"), openapi_extra=describe.upload()
)
def upload(request: HttpRequest) -> JsonResponse:
    key = key_of(request)
    access.require(key, "media.upload", key.team)
    kind, file = _read(request)
    try:
        kept = media.accept_upload(team=key.team, user=None, upload=file, kind=kind, is_test=key.is_test)
    except media.MediaRefused as refusal:
        status = STATUS.get(refusal.code)
        if status is None:
            raise strict.wrong("file", refusal.code, refusal.sentence) from refusal
        headers = {"Retry-After": "60"} if status == 503 else {}
        raise ApiError(status, refusal.code, refusal.sentence, headers=headers) from refusal
    return JsonResponse(_document(kept), status=201)


def _document(kept: Upload) -> dict[str, Any]:
    return {
        "id": str(kept.pk),
        "value": upload_value(kept.pk),
        "kind": kept.kind,
        "name": kept.name,
        "bytes": kept.bytes,
        "seconds": kept.seconds,
        "width": kept.width,
        "height": kept.height,
        "expiresAt": kept.expires_at.isoformat() if kept.expires_at else None,
    }


def _read(request: HttpRequest) -> tuple[str, UploadedFile]:
    """The kind and the file. Raises ApiError and Invalid."""
    if request.content_type != FORM:
        raise ApiError(415, "not_multipart", _("Send the file as multipart/form-data."))
    most = max(media.limits_for(kind).bytes for kind in ACCEPTS) + BESIDE
    # Before it is read: what is too large for any kind need not arrive.
    if int(request.META.get("CONTENT_LENGTH") or 0) > most:
        raise ApiError(413, "too_large", _("The request's body is too large."))
    try:
        fields, files = request.POST, request.FILES
    except RequestDataTooBig:
        raise ApiError(413, "too_large", _("The request's body is too large.")) from None
    except (MultiPartParserError, SuspiciousOperation):
        raise ApiError(400, "malformed_form", _("The body is not a valid multipart form.")) from None
    problems = strict.unknown([*fields, *files], ("kind", "file"))
    if problems:
        raise Invalid(problems)
    kinds, sent = fields.getlist("kind"), files.getlist("file")
    if len(kinds) != 1 or kinds[0] not in ACCEPTS:
        sentence = _("%(path)s must be one of: %(choices)s.")
        choices = {"path": "kind", "choices": ", ".join(ACCEPTS)}
        raise strict.wrong("kind", "not_a_choice" if kinds else "required", sentence % choices)
    if len(sent) != 1:
        raise strict.wrong("file", "required", _("Send one file, as the part named file."))
    return kinds[0], sent[0]
