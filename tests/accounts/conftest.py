"""A site that sells, to which Stripe's webhook posts."""

import pytest
import requests
from django.urls import reverse
from pytest_httpserver import HTTPServer

from accounts.models import Purchase
from tests.accounts import stripe_shapes as shapes
from tests.accounts.selling import make_purchase, open_shop


@pytest.fixture
def shop(settings):
    open_shop(settings)


@pytest.fixture
def stripe_site(settings, httpserver: HTTPServer) -> HTTPServer:
    """A server that stands where Stripe's is."""
    open_shop(settings)
    settings.STRIPE_API_BASE = httpserver.url_for("").rstrip("/")
    return httpserver


@pytest.fixture
def purchase(owner, shop) -> Purchase:
    return make_purchase(owner)


@pytest.fixture
def post(live_server):
    """Post an event as Stripe does; returns the answer."""

    def post(event: dict | str, headers: dict | None = None) -> requests.Response:
        body = event if isinstance(event, str) else shapes.text(event)
        address = live_server.url + reverse("stripe_webhook")
        return requests.post(address, data=body.encode(), headers=headers or shapes.signed(body), timeout=30)

    return post
