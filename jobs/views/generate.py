"""The form of a model, its price and its uploads."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import access, doors, ledger
from accounts.ledger import CannotPay
from jobs import catalog, outbox, queries, samples, words
from jobs.catalog.base import ModelSpec
from jobs.catalog.pricing import MINIMUM_SECONDS
from jobs.forms import GenerateForm
from jobs.models import Job
from jobs.problems import Invalid
from jobs.submit import submit
from jobs.views.code import of_form
from jobs.views.speech import take_speech


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
    if "speak" in request.POST:
        take_speech(request, form)
    if {"sample", "speak", "check"} & request.POST.keys():  # browsers without scripts ask for the price so
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
    if missing := samples.missing(field.sample for field in form.spec.media_fields if field.sample):
        outbox.nudge_samples(missing)  # the reader may take them in a moment
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
