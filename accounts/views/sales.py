"""Buying credits: the way to Stripe's page and back, and what the team has bought."""

import time
import uuid
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import audit, doors, sales
from accounts.models import Purchase
from lipsyncweb.http.numbers import row_number

NEWEST = 100
WATCHED_SECONDS = 600  # a page left open asks no longer: a bank transfer takes days


@doors.team("credits.buy")
@require_POST
def buy(request: HttpRequest) -> HttpResponse:
    """POST `pack`: keep the purchase and lead to Stripe's page."""
    pack = get_object_or_404(sales.packs_on_sale(), pk=row_number(request.POST.get("pack", "")))
    try:
        purchase = sales.begin(team=request.team, actor=request.membership, who=audit.who(request), pack=pack)
        checkout = sales.open_checkout(purchase, _places(purchase))
    except sales.CannotBuy as trouble:
        messages.error(request, trouble.sentence)
        return redirect("pricing")
    if _may_be_sent_to(checkout):
        return redirect(checkout)
    if not checkout.startswith("https://"):
        return redirect("purchase", purchase.pk)
    # The content policy lets a form lead to Stripe's own host; an owner's own payment domain is a link.
    return render(request, "accounts/purchase_go.html", {"purchase": purchase, "checkout": checkout})


def _places(purchase: Purchase) -> sales.Places:
    return sales.Places(
        success=settings.SITE_URL + reverse("purchase", args=[purchase.pk]),
        cancel=settings.SITE_URL + reverse("purchase_canceled", args=[purchase.pk]),
    )


def _may_be_sent_to(checkout: str) -> bool:
    """What the form's page says of form-action (jobs/views/pricing.py)."""
    there = urlsplit(checkout)
    return f"{there.scheme}://{there.netloc}" == settings.STRIPE_CHECKOUT


@doors.team("credits.read")
@never_cache
@require_safe
def purchase_list(request: HttpRequest) -> HttpResponse:
    bought = sales.purchases(request.team)[:NEWEST]
    return render(request, "accounts/purchases.html", {"purchases": bought, "newest": NEWEST})


@doors.team("credits.read")
@never_cache
@require_safe
def purchase_page(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Where Stripe sends the buyer back to. It grants nothing: it shows what Stripe has told so far."""
    until = int(time.time()) + WATCHED_SECONDS
    return render(request, "accounts/purchase.html", {"purchase": _own(request, pk), "watch_until": until})


@doors.team("credits.read")
@never_cache
@require_safe
def purchase_card(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The changing part of it: 204 while nothing has come of it yet; after `until`, a card that asks no more."""
    purchase = _own(request, pk)
    if purchase.is_open and time.time() < (row_number(request.GET.get("until", "")) or 0):
        return HttpResponse(status=204)
    return render(request, "accounts/_purchase_card.html", {"purchase": purchase})


@doors.team("credits.read")
@never_cache
@require_safe
def purchase_canceled(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Where Stripe's page leads back to without a payment."""
    return render(request, "accounts/purchase_canceled.html", {"purchase": _own(request, pk)})


def _own(request: HttpRequest, pk: uuid.UUID) -> Purchase:
    return get_object_or_404(sales.purchases(request.team), pk=pk)
