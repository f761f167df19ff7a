"""Finished videos by their signed address, with Range answers (Safari will not play without)."""

import hmac
import re
import uuid
from collections.abc import Iterator
from typing import BinaryIO

from django.core.files.storage import default_storage
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.utils import timezone
from django.utils.http import content_disposition_header, http_date
from django.views.decorators.http import require_safe

from accounts import doors
from jobs import derived, inputs
from jobs.models import Job, State

CHUNK = 256 * 1024
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


@doors.public  # whoever has the signed address
@require_safe
def result_file(request: HttpRequest, job_id: uuid.UUID, signature: str) -> HttpResponseBase:
    """Serve a result to whoever holds its address; 404 once it is expired, deleted or the address altered."""
    job = _signed(job_id, signature)
    if not default_storage.exists(job.output_file):
        raise Http404
    response = serve(request, default_storage.open(job.output_file), etag=f'"{job.output_sha256}"')
    is_download = "download" in request.GET
    response["Content-Disposition"] = content_disposition_header(is_download, job.download_name)
    if job.finished_at:
        response["Last-Modified"] = http_date(job.finished_at.timestamp())
    return response


@doors.public  # whoever has the signed address
@require_safe
def poster_file(request: HttpRequest, job_id: uuid.UUID, signature: str) -> HttpResponseBase:
    """The poster of a result, for as long as the result is served; made now where there is none yet."""
    job = _signed(job_id, signature)
    try:
        name = derived.poster_of(job)
    except derived.NotMade:
        raise Http404 from None
    return serve(
        request,
        default_storage.open(name),
        etag=f'"{job.output_sha256[:32]}-poster"',
        content_type=derived.POSTER.content_type,
    )


def _signed(job_id: uuid.UUID, signature: str) -> Job:
    """The finished job whose result has this address; Http404 once that is expired, deleted or altered."""
    found = Job.objects.filter(
        pk=job_id, state=State.COMPLETED, deleted_at=None, team__deleted_at=None
    ).exclude(output_file="")
    job = found.first()
    if job is None or not hmac.compare_digest(job.output_token.encode(), signature.encode()):
        raise Http404
    if job.expires_at and job.expires_at < timezone.now():
        raise Http404
    return job


@doors.public  # whoever has the signed address
@require_safe
def input_file(request: HttpRequest, token: str) -> HttpResponseBase:
    """Serve an upload to the server that makes its job. Never shown in a browser: it is somebody's raw file."""
    upload = inputs.signed_upload(token)
    if upload is None or not default_storage.exists(upload.file):
        raise Http404
    return FileResponse(
        default_storage.open(upload.file),
        as_attachment=True,
        filename=f"{upload.pk}.{upload.format}",
        content_type="application/octet-stream",
    )


def serve(
    request: HttpRequest, file: BinaryIO, *, etag: str, content_type: str = "video/mp4"
) -> HttpResponseBase:
    """Answer with the whole file, the one range that was asked for (206), or 416. Closes `file`."""
    size = file.seek(0, 2)
    file.seek(0)
    wanted = _wanted_range(request, size=size, etag=etag)
    if request.headers.get("If-None-Match") == etag:
        file.close()
        response: HttpResponseBase = HttpResponse(status=304)
    elif wanted is None:
        response = FileResponse(file, content_type=content_type)
        response["Content-Length"] = str(size)
    elif len(wanted) == 0:
        file.close()
        response = HttpResponse(status=416)
        response["Content-Range"] = f"bytes */{size}"
    else:
        response = _part(file, wanted, size, content_type)
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = etag
    response["Cache-Control"] = "private, max-age=3600"
    return response


def _part(file: BinaryIO, wanted: range, size: int, content_type: str) -> HttpResponseBase:
    file.seek(wanted.start)
    response = StreamingHttpResponse(_read(file, len(wanted)), status=206, content_type=content_type)
    response._resource_closers.append(file.close)  # when nobody reads it, too
    response["Content-Length"] = str(len(wanted))
    response["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
    return response


def _wanted_range(request: HttpRequest, *, size: int, etag: str) -> range | None:
    """The bytes that are asked for: None for all of them, an empty range when they cannot be had.

    Several ranges in one request are refused: no player asks for them, and each would cost a part.
    """
    header = request.headers.get("Range", "")
    if not header.startswith("bytes=") or request.headers.get("If-Range", etag) != etag:
        return None
    match = RANGE.fullmatch(header.replace(" ", ""))
    if match is None or not any(match.groups()):
        return range(0)
    first, last = match.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    return range(min(int(first), size), min(int(last) + 1 if last else size, size))


def _read(file: BinaryIO, length: int) -> Iterator[bytes]:
    with file:
        while length > 0 and (chunk := file.read(min(CHUNK, length))):
            length -= len(chunk)
            yield chunk
