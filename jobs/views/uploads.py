"""Files that come in by a page: at once, or part by part; and their previews."""

import uuid
from http import HTTPStatus
from typing import Any

from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.http.request import UnreadablePostError
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import doors
from jobs import media, uploading, words
from jobs.catalog.base import ACCEPTS
from jobs.files import serve
from jobs.form_state import upload_value
from jobs.models import PartialUpload, Upload

# What an upload's own preview is served as, by its kind and the format that the probe found.
SUBTYPES = {"wav": "wav", "mp3": "mpeg", "mov": "mp4", "mkv": "webm"}
MOST_DIGITS = 18  # a number of bytes that every database can hold


@doors.team("media.upload")
@require_POST
def upload(request: HttpRequest) -> JsonResponse:
    """Keep one file: multipart `file` and `kind`. Answers what it is, or one sentence of what is wrong with it."""
    kind, file = request.POST.get("kind", ""), request.FILES.get("file")
    if kind not in ACCEPTS or file is None:
        return refusal("invalid", _("Send one file as “file”, and its kind as “kind”."), 400)
    try:
        kept = media.accept_upload(team=request.team, user=request.user, upload=file, kind=kind)
    except media.MediaRefused as refused:
        return _refused(refused)
    return answer(kept)


@doors.team("jobs.read")
@require_safe
def upload_file(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    """The team's own upload, for the preview of a form that comes back."""
    item = get_object_or_404(Upload, team=request.team, pk=pk)
    if not default_storage.exists(item.file):
        raise Http404
    response = serve(request, default_storage.open(item.file), etag=f'"{item.pk.hex}"')
    # A stranger's bytes under our address: never as a document. The sandbox keeps even a misread one inert.
    if response.status_code in (200, 206):
        response["Content-Type"] = f"{item.kind}/{SUBTYPES.get(item.format, item.format)}"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@doors.team("media.upload")
@require_POST
def partial_begin(request: HttpRequest) -> JsonResponse:
    """Begin a large file: `kind`, `name`, `size` in bytes. Answers where its parts go, or why it need not be sent."""
    kind, size = request.POST.get("kind", ""), _number(request.POST.get("size", ""))
    if kind not in ACCEPTS or not size:
        return refusal("invalid", _("Say the kind of the file as “kind”, and its bytes as “size”."), 400)
    try:
        partial = uploading.begin(
            team=request.team, user=request.user, kind=kind, name=request.POST.get("name", ""), size=size
        )
    except media.MediaRefused as refused:
        return _refused(refused)
    return _standing(partial, 201)


@doors.team("media.upload")
@never_cache
@require_http_methods(["GET", "HEAD", "PUT", "DELETE"])
def partial(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """GET: how far it has come. PUT: its next part, as the body, from the byte that `?at=` names. DELETE: forget it."""
    try:
        if request.method == "PUT":
            return _take_part(request, pk)
        if request.method == "DELETE":
            uploading.abandon(team=request.team, pk=pk)
            return HttpResponse(status=204)
        return _standing(uploading.standing(team=request.team, pk=pk))
    except uploading.NotThere:
        raise Http404 from None


@doors.team("media.upload")
@require_POST
def partial_finish(request: HttpRequest, pk: uuid.UUID) -> JsonResponse:
    """The last part is here: answers as `upload` does. May be asked again."""
    try:
        return answer(uploading.finish(team=request.team, pk=pk))
    except uploading.NotThere:
        raise Http404 from None
    except uploading.WrongPart as wrong:
        return _standing(wrong.partial, 422)
    except media.MediaRefused as refused:
        return _refused(refused)


def answer(kept: Upload) -> JsonResponse:
    """What the form is told of a file that it may now use."""
    return JsonResponse(
        {
            "value": upload_value(kept.pk),
            "name": kept.name,
            "kind": kept.kind,
            "seconds": kept.seconds,
            "width": kept.width,
            "height": kept.height,
            "bytes": kept.bytes,
            "facts": render_to_string("jobs/_upload_facts.html", {"upload": kept}).strip(),
            "url": reverse("upload_file", args=[kept.pk]),
        },
        status=201,
    )


def refusal(code: str, sentence: str, status: int) -> JsonResponse:
    return JsonResponse({"error": sentence, "code": code}, status=status)


def _refused(refused: media.MediaRefused) -> JsonResponse:
    return refusal(refused.code, words.failure(refused.code, refused.sentence), 422)


def _take_part(request: HttpRequest, pk: uuid.UUID) -> JsonResponse:
    at, length = _number(request.GET.get("at", "")), _number(request.META.get("CONTENT_LENGTH") or "")
    if at is None or not length:
        return refusal("invalid", _("Send one part as the body, and say where it begins as “at”."), 400)
    if length > uploading.PART_BYTES:  # before it is read
        return refusal(
            "too_large", _("A part may have %(most)s bytes.") % {"most": uploading.PART_BYTES}, 413
        )
    try:
        content = request.read(length)
    except UnreadablePostError:
        content = b""
    if len(content) != length:
        return refusal("cut_off", _("The part was cut off; send it again."), 400)
    try:
        return _standing(uploading.add_part(team=request.team, pk=pk, at=at, content=content))
    except uploading.WrongPart as wrong:
        return _standing(wrong.partial, HTTPStatus.CONFLICT)
    except media.MediaRefused as refused:
        return _refused(refused)


def _standing(partial: PartialUpload, status: int = 200) -> JsonResponse:
    """`received` bytes are here without a gap: the next part begins there, and has `expected` bytes."""
    facts: dict[str, Any] = {
        "id": str(partial.pk),
        "size": partial.size,
        "received": partial.received,
        "expected": uploading.expected(partial),
        "part": uploading.PART_BYTES,
        "url": reverse("partial", args=[partial.pk]),
        "finish": reverse("partial_finish", args=[partial.pk]),
    }
    return JsonResponse(facts, status=status)


def _number(text: str) -> int | None:
    """A count that was sent; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else None
