"""Buying: Stripe is asked over HTTP by its own library."""

import json
import threading
import uuid

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils import timezone
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from accounts import sales
from accounts.models import AuditEvent, Purchase, Role
from accounts.payments import client
from tests.accounts import stripe_shapes as shapes
from tests.accounts.selling import KEY, available, make_pack, make_purchase, open_shop, state
from tests.conftest import character

CHECKOUT = "https://checkout.stripe.com/c/pay/cs_test_a1"
SESSIONS = "/v1/checkout/sessions"
START = 1000


def starts(server: HTTPServer, *, url: str = CHECKOUT, session_id: str = "cs_test_a1") -> list[Request]:
    """Answer the creation of a checkout as Stripe does; returns the requests as they come."""
    asked: list[Request] = []

    def answer(request: Request) -> Response:
        asked.append(request)
        price = request.form["line_items[0][price_data][unit_amount]"]
        purchase = Purchase(
            pk=uuid.UUID(request.form["client_reference_id"]), price=int(price), currency="eur"
        )
        return Response(shapes.text(shapes.opened(purchase, url, id=session_id)), mimetype="application/json")

    server.expect_request(SESSIONS, method="POST").respond_with_handler(answer)
    return asked


def buy(who, pack, **options):
    return who.client.post(reverse("buy"), {"pack": pack.pk}, **options)


def said(answer) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


# --- begun ----------------------------------------------------------------------------------------


def test_buying_leads_to_stripes_page(owner, stripe_site):
    asked = starts(stripe_site)
    pack = make_pack(name_ru="Малый")
    answer = buy(owner, pack, headers={"accept-language": "ru"})
    assert (answer.status_code, answer["Location"]) == (302, CHECKOUT)
    purchase = Purchase.objects.get()
    assert (purchase.team, purchase.person, purchase.state) == (owner.team, owner.user, "open")
    assert (purchase.credits, purchase.price, purchase.currency) == (500, 1000, "eur")
    assert purchase.session_id == "cs_test_a1"
    assert available(owner) == START

    [request] = asked
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["Idempotency-Key"] == f"purchase-{purchase.pk}"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert "platform" not in json.loads(request.headers["X-Stripe-Client-User-Agent"])
    form = request.form.to_dict()
    ends = int(form.pop("expires_at"))
    assert 22 * 3600 < ends - timezone.now().timestamp() < 24 * 3600
    assert form == {
        "mode": "payment",
        "client_reference_id": str(purchase.pk),
        "metadata[purchase]": str(purchase.pk),
        "payment_intent_data[metadata][purchase]": str(purchase.pk),
        "payment_intent_data[description]": "Малый",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "eur",
        "line_items[0][price_data][unit_amount]": "1000",
        "line_items[0][price_data][product_data][name]": "Малый",
        "adaptive_pricing[enabled]": "false",
        "success_url": f"http://localhost:8000/purchases/{purchase.pk}",
        "cancel_url": f"http://localhost:8000/purchases/{purchase.pk}/canceled",
        "locale": "ru",
        "customer_email": "owner@example.com",
    }
    assert AuditEvent.objects.get(action="credits.buy").details == {"purchase": str(purchase.pk)}


def test_address_that_stripe_would_refuse_is_not_sent(db, stripe_site):
    operator = character("operator@localhost")
    asked = starts(stripe_site)
    buy(operator, make_pack())
    assert "customer_email" not in asked[0].form


def test_no_log_holds_a_key(owner, stripe_site, caplog):
    caplog.set_level("DEBUG")
    starts(stripe_site)
    buy(owner, make_pack())
    assert "stripe" in caplog.text.lower()
    assert KEY not in caplog.text
    assert shapes.SECRET not in caplog.text


def test_later_change_of_the_pack_does_not_change_what_was_bought(owner, stripe_site):
    starts(stripe_site)
    pack = make_pack()
    buy(owner, pack)
    pack.price, pack.credits = 1, 1
    pack.save()
    pack.delete()
    purchase = Purchase.objects.get()
    assert (purchase.credits, purchase.price, purchase.pack) == (500, 1000, None)


def test_page_of_an_own_payment_domain_is_a_link(owner, stripe_site):
    starts(stripe_site, url="https://pay.video.example.com/c/1")
    answer = buy(owner, make_pack())
    assert answer.status_code == 200
    assert 'href="https://pay.video.example.com/c/1"' in answer.content.decode()


@pytest.mark.parametrize("url", ["javascript:alert(1)", "", "http://checkout.stripe.com/x", "//evil.example"])
def test_address_that_is_no_payment_page_is_never_followed(owner, stripe_site, url):
    starts(stripe_site, url=url)
    answer = buy(owner, make_pack())
    assert answer["Location"] == reverse("purchase", args=[Purchase.objects.get().pk])


@pytest.mark.parametrize(
    ("status", "error", "calls", "sentence"),
    [
        (
            401,
            {"type": "invalid_request_error", "message": "Invalid API Key provided"},
            1,
            "Payments are not working",
        ),
        (403, {"type": "invalid_request_error", "message": "Not permitted"}, 1, "Payments are not working"),
        (
            429,
            {"type": "invalid_request_error", "code": "rate_limit", "message": "Slow"},
            1,
            "payment service is busy",
        ),
        (
            400,
            {"type": "invalid_request_error", "message": "Amount too small"},
            1,
            "did not accept this purchase of €10",
        ),
        (500, {"type": "api_error", "message": "Oops"}, 2, "payment service does not answer"),
    ],
)
def test_refusal_of_stripe_is_a_sentence_and_nothing_is_owed(
    owner, stripe_site, status, error, calls, sentence
):
    stripe_site.expect_request(SESSIONS).respond_with_json({"error": error}, status=status)
    answer = buy(owner, make_pack())
    assert answer["Location"] == reverse("pricing")
    [shown] = said(answer)
    assert sentence in shown
    assert "nothing was paid" in shown
    assert len(stripe_site.log) == calls
    assert len({request.headers["Idempotency-Key"] for request, _answer in stripe_site.log}) == 1
    assert Purchase.objects.get().state == "expired"


def test_answer_that_is_no_json_is_a_sentence(owner, stripe_site):
    stripe_site.expect_request(SESSIONS).respond_with_data("<html>hello</html>")
    assert "does not answer" in said(buy(owner, make_pack()))[0]


def test_stripe_that_does_not_answer_in_time_is_given_up(owner, stripe_site, monkeypatch):
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.2)
    released = threading.Event()
    stripe_site.expect_request(SESSIONS).respond_with_handler(
        lambda request: released.wait(20) or Response("late")
    )
    answer = buy(owner, make_pack())
    released.set()
    assert "does not answer" in said(answer)[0]
    assert Purchase.objects.get().state == "expired"


def test_stripe_that_is_not_there_is_a_sentence(owner, settings):
    open_shop(settings)
    assert "does not answer" in said(buy(owner, make_pack()))[0]


def test_only_owners_and_admins_buy(owner, teammate, stripe_site):
    starts(stripe_site)
    admin = character("admin@example.com", team=owner.team, role=Role.ADMIN)
    pack = make_pack()
    assert buy(teammate, pack).status_code == 403
    assert Purchase.objects.count() == 0
    assert buy(admin, pack)["Location"] == CHECKOUT


@pytest.mark.parametrize("number", ["", "0", "-1", "x", "²", "99999999999999999999", "9" * 5000])
def test_pack_that_is_not_sold_is_not_found(owner, stripe_site, number):
    make_pack(on_sale=False)
    assert owner.client.post(reverse("buy"), {"pack": number}).status_code == 404


def test_pack_that_is_off_sale_is_not_found(owner, stripe_site):
    assert buy(owner, make_pack(on_sale=False)).status_code == 404


def test_site_without_stripe_sells_nothing_and_says_so(owner):
    answer = buy(owner, make_pack())
    assert "ask its operator" in said(answer)[0]
    assert Purchase.objects.count() == 0


def test_team_cannot_begin_purchases_without_end(owner, stripe_site):
    for _ in range(sales.BEGUN_AN_HOUR):
        make_purchase(owner)
    assert "many purchases within an hour" in said(buy(owner, make_pack()))[0]


# --- coming back ----------------------------------------------------------------------------------


def test_return_page_grants_nothing_by_itself(owner, stripe_site):
    purchase = make_purchase(owner)
    page = owner.client.get(reverse("purchase", args=[purchase.pk])).content.decode()
    assert "Waiting for the payment" in page
    assert available(owner) == START
    assert stripe_site.log == []


def test_return_page_thanks_once_it_is_paid(owner, stripe_site):
    purchase = make_purchase(owner, state="paid", receipt_url="https://pay.stripe.com/receipts/1")
    for name in ("purchase", "purchase_card"):
        page = owner.client.get(reverse(name, args=[purchase.pk])).content.decode()
        assert "Thank you" in page
        assert 'href="https://pay.stripe.com/receipts/1"' in page
        assert "hx-get" not in page


def test_receipt_is_for_those_who_may_buy(owner, teammate, stripe_site):
    purchase = make_purchase(owner, state="paid", receipt_url="https://pay.stripe.com/receipts/1")
    for address in (reverse("purchase", args=[purchase.pk]), reverse("purchases")):
        assert purchase.receipt_url in owner.client.get(address).content.decode()
        assert purchase.receipt_url not in teammate.client.get(address).content.decode()


def test_canceled_page_says_that_nothing_was_paid(owner, stripe_site):
    purchase = make_purchase(owner)
    page = owner.client.get(reverse("purchase_canceled", args=[purchase.pk])).content.decode()
    assert "Nothing was paid" in page
    assert state(purchase) == "open"  # its page can still be paid until it runs out


def test_purchases_are_their_teams_alone(owner, teammate, stranger, stripe_site):
    purchase = make_purchase(owner, pack_name="Owlpack")
    assert "Owlpack" in teammate.client.get(reverse("purchases")).content.decode()
    assert "Owlpack" not in stranger.client.get(reverse("purchases")).content.decode()
    for name in ("purchase", "purchase_card", "purchase_canceled"):
        assert stranger.client.get(reverse(name, args=[purchase.pk])).status_code == 404


# --- the operator ------------------------------------------------------------------------------


def test_no_page_or_list_of_the_operators_shows_the_keys(owner, stripe_site):
    owner.user.is_staff = owner.user.is_superuser = True
    owner.user.save()
    purchase = make_purchase(owner)
    for name, args in [
        ("accounts_purchase_changelist", []),
        ("accounts_purchase_change", [purchase.pk]),
        ("accounts_pack_changelist", []),
        ("accounts_pack_add", []),
        ("accounts_paymentevent_changelist", []),
    ]:
        page = owner.client.get(reverse(f"admin:{name}", args=args))
        assert page.status_code == 200
        assert KEY not in page.content.decode()
    assert owner.client.get(reverse("admin:accounts_purchase_add")).status_code == 403
    assert owner.client.post(reverse("admin:accounts_purchase_delete", args=[purchase.pk])).status_code == 403


def test_operator_edits_packs_in_the_admin(owner, stripe_site):
    owner.user.is_staff = owner.user.is_superuser = True
    owner.user.save()
    form = {
        "name": "Big",
        "purse": "api",
        "credits": "5000",
        "price": "4000",
        "currency": "eur",
        "position": "1",
    }
    add = reverse("admin:accounts_pack_add")
    assert owner.client.post(add, {**form, "currency": "EUR"}).status_code == 200  # with the reason
    assert owner.client.post(add, {**form, "on_sale": "on"}).status_code == 302
    assert sales.packs_on_sale().get().per_credit_shown == "€0.008"
