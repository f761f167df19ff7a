"""The public page of prices: what it says, in whose words, and what can be bought from it."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from jobs import catalog
from jobs.catalog.pricing import CREDITS_A_SECOND, MINIMUM_SECONDS
from jobs.form_state import FormState
from jobs.submit import quote
from jobs.views import pricing
from tests.accounts.selling import make_pack, open_shop

RUSSIAN = {"accept-language": "ru"}


def text_of(answer) -> str:
    """The page's words, without its tags."""
    assert answer.status_code == 200
    page = re.sub(r"<script.*?</script>|<svg.*?</svg>|<[^>]+>", " ", answer.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", page)


def page(client: Client, **options) -> str:
    return text_of(client.get(reverse("pricing"), **options))


def policy(client: Client, name: str = "pricing") -> str:
    header = client.get(reverse(name))["Content-Security-Policy"]
    return re.search(r"form-action ([^;]*)", header).group(1)


@pytest.mark.django_db
def test_rates_and_rules_come_from_the_catalog(client):
    words = page(client)
    for resolution, rate in CREDITS_A_SECOND.items():
        assert f"{resolution} {rate} credits a second" in words
    assert f"at least {MINIMUM_SECONDS} seconds" in words
    assert "A job that fails or is canceled costs nothing." in words


@pytest.mark.django_db
def test_examples_are_the_contracts_and_what_a_submit_would_cost(client):
    found = {(each.words, each.resolution): (each.seconds, each.credits) for each in pricing.examples()}
    assert found["A portrait and 3 s of speech", "720p"] == (5, 20)
    assert found["A portrait and 10 s of speech", "480p"] == (10, 20)
    assert found["A portrait and 10.2 s of speech", "480p"] == (11, 22)
    assert found["A video of 30 s and 12 s of speech: the video is cut", "480p"] == (12, 24)
    assert found["Two people, 8 s and 12 s, both at once", "480p"] == (12, 24)
    assert found["Two people, 8 s and 12 s, one after the other", "480p"] == (20, 40)
    words = page(client)
    for (sentence, resolution), (seconds, price) in found.items():
        assert f"{sentence} {resolution} {seconds} s {price} credits" in words


@pytest.mark.parametrize("number", range(len(pricing.EXAMPLES)))
def test_example_costs_what_the_estimate_says(number):
    _sentence, slug, values, lengths = pricing.EXAMPLES[number]
    given = {field.name: field.default for field in catalog.get(slug).fields if field.default is not None}
    given |= dict.fromkeys(lengths, "https://example.com/file") | values
    asked = quote(FormState(model=slug, values=given), lengths)
    assert list(pricing.examples())[number].credits == asked.credits


@pytest.mark.django_db
@pytest.mark.parametrize(("rule", "seconds", "price"), [("output", 20, 40), ("source", 8, 16)])
def test_rule_for_extended_videos_is_the_one_in_force(client, settings, rule, seconds, price):
    settings.BILL_EXTENDED_VIDEO_BY = rule
    words = page(client)
    by = {"output": "the length of the result", "source": "its own length"}[rule]
    assert f"A video that plays on is paid for by {by}." in words
    assert f"the video plays on 480p {seconds} s {price} credits" in words


@pytest.mark.django_db
def test_packs_are_shown_with_what_a_credit_costs(client, settings):
    open_shop(settings)
    make_pack(name="Small", credits=1000, price=999)
    make_pack(name="Yen", credits=1000, price=1500, currency="jpy", purse="api", description="For programs")
    make_pack(name="Old", on_sale=False)
    words = page(client)
    assert "Small 1,000 €0.00999 €9.99" in words
    assert "Yen For programs 1,000 ¥1.5 ¥1,500" in words
    assert words.index("User credits Spent by the forms") < words.index("Small")
    assert "Old" not in words
    assert "Sign in to buy" in words


@pytest.mark.django_db
def test_packs_speak_russian(client, settings):
    open_shop(settings)
    make_pack(name="Small", name_ru="Малый", credits=1000, price=999)
    words = page(client, headers=RUSSIAN)
    assert "Малый 1 000 0,00999 € 9,99 €" in words
    assert "Small" not in words


@pytest.mark.django_db
def test_site_without_packs_says_how_to_get_credits(client, settings):
    for shop in (False, True):
        if shop:
            open_shop(settings)
        words = page(client)
        assert "How to get credits" in words
        assert "gives credits to teams" in words
        assert "A new account starts with 1,000 credits" in words
        assert "buy" not in words.lower()


@pytest.mark.django_db
def test_site_without_stripe_shows_its_packs_and_sells_none(owner):
    make_pack()
    answer = owner.client.get(reverse("pricing"))
    words = text_of(answer)
    assert "Small 500 €0.02 €10.00" in words
    assert "ask whoever runs this site" in words
    assert reverse("buy") not in answer.content.decode()


def test_buttons_are_for_those_who_may_buy(owner, teammate, settings):
    open_shop(settings)
    pack = make_pack()
    mine = owner.client.get(reverse("pricing")).content.decode()
    assert f'action="{reverse("buy")}"' in mine
    assert f'name="pack" value="{pack.pk}"' in mine
    theirs = teammate.client.get(reverse("pricing"))
    assert reverse("buy") not in theirs.content.decode()
    assert "Owners and admins of the team can buy credits." in text_of(theirs)


@pytest.mark.django_db
def test_form_may_lead_to_stripe_from_the_page_that_sells_alone(client, settings):
    assert policy(client) == "'self'"
    open_shop(settings)
    assert policy(client) == "'self' https://checkout.stripe.com"
    assert policy(client, "home") == "'self'"


@pytest.mark.django_db
def test_markup_in_a_pack_is_shown_as_text(client, settings):
    open_shop(settings)
    make_pack(name="<script>alert(1)</script>", description="{{ 7*7 }}")
    answer = client.get(reverse("pricing")).content.decode()
    assert "<script>alert" not in answer
    assert "{{ 7*7 }}" in answer
