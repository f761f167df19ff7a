"""Buying a pack in Chromium, from the public page to Stripe's and back, with a stand-in for Stripe."""

import uuid
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import expect
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from accounts.models import Purchase
from lipsyncweb.livesite import LiveSite
from tests.accounts import stripe_shapes as shapes

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PACKS = """
from accounts.models import Pack
Pack.objects.create(name="Small", name_ru="Малый", purse="user", credits=500, price=499, currency="eur")
Pack.objects.create(name="Large", description="The best price", purse="user", credits=5000, price=3999, currency="eur")
Pack.objects.create(name="Programs", purse="api", credits=10000, price=6900, currency="eur")
"""
PAGE = """<!doctype html><title>Pay</title><link rel="icon" href="data:,">
<h1>Stripe</h1><a href="{paid}">Pay</a> <a href="{cancel}">Back</a>"""


class StandIn:
    """Makes checkouts, has a page for each, and tells the site when one is paid: as Stripe does."""

    def __init__(self, server: HTTPServer):
        self.server, self.site_url = server, ""
        self.asked: dict[str, dict[str, str]] = {}
        server.expect_request("/v1/checkout/sessions", method="POST").respond_with_handler(self.make)
        server.expect_request("/pay").respond_with_handler(self.page)
        server.expect_request("/paid").respond_with_handler(self.pay)

    @property
    def url(self) -> str:
        return self.server.url_for("").rstrip("/")

    def make(self, request: Request) -> Response:
        name = f"cs_test_{len(self.asked)}"
        self.asked[name] = request.form.to_dict()
        made = shapes.opened(self.purchase(name), f"{self.url}/pay?id={name}", id=name)
        return Response(shapes.text(made), mimetype="application/json")

    def page(self, request: Request) -> Response:
        form, name = self.asked[request.args["id"]], request.args["id"]
        text = PAGE.format(paid=f"/paid?id={name}", cancel=form["cancel_url"])
        return Response(text, mimetype="text/html")

    def pay(self, request: Request) -> Response:
        name = request.args["id"]
        event = shapes.event("checkout.session.completed", shapes.session(self.purchase(name), id=name))
        body = shapes.text(event)
        told = requests.post(
            f"{self.site_url}/webhooks/stripe", data=body, headers=shapes.signed(body), timeout=30
        )
        assert told.status_code == 200, told.text
        return Response(status=303, headers={"Location": self.asked[name]["success_url"]})

    def purchase(self, name: str) -> Purchase:
        form = self.asked[name]
        price = int(form["line_items[0][price_data][unit_amount]"])
        return Purchase(pk=uuid.UUID(form["client_reference_id"]), price=price, currency="eur")


@pytest.fixture(scope="module")
def stand_in() -> Iterator[StandIn]:
    with HTTPServer(host="127.0.0.1") as server:
        yield StandIn(server)


@pytest.fixture(scope="module")
def site(stand_in: StandIn, tmp_path_factory) -> Iterator[LiveSite]:
    """In place of the other browser tests' site: one that sells."""
    settings = {
        "DJANGO_SETTINGS_MODULE": "tests.browser.shop_settings",
        "STAND_IN_FOR_STRIPE": stand_in.url,
        "STRIPE_SECRET_KEY": "sk_test_1",
        "STRIPE_WEBHOOK_SECRET": shapes.SECRET,
    }
    with LiveSite(tmp_path_factory.mktemp("shop"), **settings) as site:
        stand_in.site_url = site.url
        site.manage("shell", "--no-imports", "-c", PACKS)
        yield site


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_pack_is_bought_and_its_credits_arrive(visit, size):
    visitor = visit(size)
    visitor.sign_up()
    visitor.go("/pricing")
    visitor.page.get_by_role("button", name="Buy Large").click()
    expect(visitor.page.get_by_role("heading", name="Stripe")).to_be_visible()
    visitor.page.get_by_role("link", name="Pay").click()
    expect(visitor.page.get_by_role("heading", name="Thank you")).to_be_visible()
    visitor.page.get_by_role("link", name="See the credits").click()
    expect(visitor.page.get_by_role("main")).to_contain_text("6,000")
    visitor.go("/purchases")
    expect(visitor.page.get_by_role("main")).to_contain_text("€39.99")


def test_payment_that_is_left_costs_nothing(visit):
    visitor = visit()
    visitor.sign_up()
    visitor.go("/pricing")
    visitor.page.get_by_role("button", name="Buy Small").click()
    visitor.page.get_by_role("link", name="Back").click()
    expect(visitor.page.get_by_role("heading", name="Nothing was paid")).to_be_visible()


def test_page_of_prices_fits_in_both_languages(visit):
    for size, locale in (("desktop", "ru-RU"), ("phone", "ru-RU"), ("phone", "en-GB")):
        visitor = visit(size, locale=locale)
        visitor.go("/pricing")
        assert visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
