"""What is in a file that stands in a form: faces, warnings, and the picture that a mask is painted on."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import doors
from jobs import looking
from jobs.engine.errors import EngineDied, InputError
from jobs.looking import Look
from jobs.models import Upload
from jobs.turns import NoTurn
from jobs.views import look_words


@doors.team("jobs.read")
@never_cache
@require_safe
def upload_look(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Faces and warnings as a piece of the form; empty (204) where there is nothing to say."""
    upload = get_object_or_404(Upload, team=request.team, pk=pk)
    try:
        return _seen(request, looking.at_upload(upload))
    except NoTurn:
        return _later()


@doors.team("jobs.read")
@never_cache
@require_safe
def sample_look(request: HttpRequest, name: str) -> HttpResponse:
    """As `upload_look`, for one of the site's own files."""
    try:
        return _seen(request, looking.at_sample(name, team=request.team))
    except KeyError:
        raise Http404 from None
    except NoTurn:
        return _later()


@doors.team("jobs.read")
@require_safe
def upload_picture(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """A JPEG of the picture, or of the video's first one, as the engine sees it."""
    upload = get_object_or_404(Upload, team=request.team, pk=pk)
    if upload.kind == "audio":
        raise Http404
    try:
        return _jpeg(looking.picture_of_upload(upload))
    except (InputError, EngineDied, OSError):
        return _no_picture()
    except NoTurn:
        return _later()


@doors.team("jobs.read")
@require_safe
def sample_picture(request: HttpRequest, name: str) -> HttpResponse:
    """As `upload_picture`, for one of the site's own files."""
    try:
        if looking.kind_of_sample(name) == "audio":
            raise Http404
        return _jpeg(looking.picture_of_sample(name, team=request.team))
    except KeyError:
        raise Http404 from None
    except (InputError, EngineDied, OSError):
        return _no_picture()
    except NoTurn:
        return _later()


def _jpeg(data: bytes) -> HttpResponse:
    response = HttpResponse(data, content_type="image/jpeg")
    response["Cache-Control"] = "private, max-age=86400, immutable"  # the file of an upload never changes
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def _no_picture() -> HttpResponse:
    return HttpResponse(_("The picture could not be opened."), content_type="text/plain", status=422)


def _later() -> HttpResponse:
    """Others are looked at right now; the page asks again by itself."""
    return HttpResponse(status=202, headers={"Retry-After": "2"})


def _seen(request: HttpRequest, found: Look | None) -> HttpResponse:
    model = request.GET.get("model", "")
    context = {"notes": [], "faces": []} if found is None else shown(found, model=model)
    if not context["notes"] and not context["faces"]:
        return HttpResponse(status=204)
    return render(request, "jobs/generate/_seen.html", context)


def shown(found: Look, *, model: str) -> dict[str, Any]:
    """What the template draws: the outlines in pixels of the picture, and the notes."""
    return {
        "notes": list(_notes(found, model)),
        "faces": list(_drawn(found, model)),
        "is_pair": model == looking.PAIR,
        "width": found.get("width"),
        "height": found.get("height"),
        # The preview is some 15 letters high and 22 wide: a label is as large in a picture of any shape.
        "letter": max(found["width"] / 22, found["height"] / 15) if "width" in found else 0,
    }


def _notes(found: Look, model: str) -> Iterator[dict[str, Any]]:
    numbers = {"seconds": number_format(found.get("later") or 0, 1)}
    for code in looking.codes(found, model=model):
        level, sentence = look_words.NOTES[code]
        yield {"code": code, "level": level, "sign": look_words.SIGNS[level], "text": sentence % numbers}


def _drawn(found: Look, model: str) -> Iterator[dict[str, Any]]:
    if "width" not in found:
        return
    width, height = found["width"], found["height"]
    for face in looking.faces(found, model=model):
        middle = sum(x for x, _ in face.outline) / len(face.outline)
        # A label near an edge of the picture reads inwards.
        anchor, x = (
            ("start", 0.01) if middle < 0.18 else ("end", 0.99) if middle > 0.82 else ("middle", middle)
        )
        yield {
            "role": face.role,
            "large": face.large,
            "middle": face.middle,
            "label": look_words.ROLES[face.role],
            "points": " ".join(f"{x * width:.1f},{y * height:.1f}" for x, y in face.outline),
            "anchor": anchor,
            "x": f"{x * width:.1f}",
            "y": f"{min(y for _, y in face.outline) * height:.1f}",
            "mouth": json.dumps(face.mouth),
            "region": json.dumps(face.region),
        }
