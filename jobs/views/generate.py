"""The form of a model, its price and its uploads."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access, doors, ledger
from accounts.ledger import CannotPay
from jobs import catalog, media, queries, words
from jobs.catalog.base import ACCEPTS, ModelSpec
from jobs.catalog.pricing import MINIMUM_SECONDS
from jobs.files import serve
from jobs.forms import GenerateForm
from jobs.models import Job, Upload
from jobs.problems import Invalid
from jobs.submit import submit
from jobs.views.code import of_form

# What an upload's own preview is served as, by its kind and the format that the probe found.
SUBTYPES = {"wav": "wav", "mp3": "mpeg", "mov": "mp4", "mkv": "webm"}


@doors.team("jobs.read", post="jobs.submit")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def generate(request: HttpRequest, slug: str) -> HttpResponse:
    spec = _spec(slug)
    form = GenerateForm(spec, team=request.team, strings=request.POST or request.GET)
    if request.method != "POST":
        return _page(request, form, refilled=_fill(request, form))
    form.take_files(request.FILES, request.user)
    if "sample" in request.POST:
        form.use_sample(request.POST["sample"])
    if "sample" in request.POST or "check" in request.POST:  # browsers without scripts ask for the price so
        return _page(request, form)
    try:
        job = submit(
            team=request.team, actor=request.membership, form_state=form.build(), provider=form.provider
        )
    except Invalid as invalid:
        form.add_problems(invalid.fields)
    except CannotPay as error:
        form.trouble = error.sentence
    else:
        messages.success(request, _("Your video is in line. You may leave this page: the history keeps it."))
        return redirect("job", job.pk)
    return _page(request, form, status=422)


@doors.team("jobs.read")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def price(request: HttpRequest, slug: str) -> HttpResponse:
    """The price line for what stands in the form now. Changes nothing."""
    spec = _spec(slug)
    form = GenerateForm(spec, team=request.team, strings=request.POST or request.GET)
    return render(request, "jobs/_price.html", {**_price_context(request, form), "fragment": True})


@doors.team("media.upload")
@require_POST
def upload(request: HttpRequest) -> JsonResponse:
    """Keep one file: multipart `file` and `kind`. Answers what it is, or one sentence of what is wrong with it."""
    kind, file = request.POST.get("kind", ""), request.FILES.get("file")
    if kind not in ACCEPTS or file is None:
        return _refusal("invalid", _("Send one file as “file”, and its kind as “kind”."), 400)
    try:
        kept = media.accept_upload(team=request.team, user=request.user, upload=file, kind=kind)
    except media.MediaRefused as refusal:
        return _refusal(refusal.code, words.failure(refusal.code, refusal.sentence), 422)
    return JsonResponse(
        {
            "value": f"upload:{kept.pk}",
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


def _spec(slug: str) -> ModelSpec:
    try:
        return catalog.get(slug)
    except KeyError:
        raise Http404 from None


def _fill(request: HttpRequest, form: GenerateForm) -> Job | None:
    """By `example` or by `from`, a job of the team that is to be run again; that job."""
    if "example" in request.GET and not form.use_example(request.GET["example"]):
        messages.info(request, _("There is no such example here any more."))
    if "from" not in request.GET:
        return None
    try:
        job = queries.detail(request.team, uuid.UUID(request.GET["from"]))
    except (Job.DoesNotExist, ValueError):
        messages.warning(request, _("That job is not here any more, so the form is empty."))
        return None
    form.refill(job)
    return job


def _page(
    request: HttpRequest, form: GenerateForm, *, refilled: Job | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "form": form,
        "spec": form.spec,
        "models": catalog.MODELS.values(),
        "refilled": refilled,
        "example_name": request.GET.get("example", ""),
        "site": settings.SITE_URL,
        "may_submit": access.may(request.membership, "jobs.submit", request.team),
        "sees_keys": access.may(request.membership, "keys.read", request.team),
        "code": of_form(form),
        **_price_context(request, form),
    }
    return render(request, "jobs/generate.html", context, status=status)


def _price_context(request: HttpRequest, form: GenerateForm) -> dict[str, Any]:
    quote = form.quote()
    available = ledger.balances(request.team).user.available
    return {
        "quote": quote,
        "available": available,
        "remaining": available - quote.credits,
        "short_by": max(0, quote.credits - available),
        "timing": form.timing(),
        "may_buy": access.may(request.membership, "credits.buy", request.team),
        "too_long": form.too_long(),
        "minimum_seconds": MINIMUM_SECONDS,
        "price_url": reverse("price", args=[form.spec.slug]),
        "extended_rule": words.extended_rule(),
    }


def _refusal(code: str, sentence: str, status: int) -> JsonResponse:
    return JsonResponse({"error": sentence, "code": code}, status=status)
