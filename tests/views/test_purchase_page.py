"""The page that a buyer comes back to: what it says of each state of a purchase, and how long it asks."""

import re
import time

import pytest
from django.urls import reverse

from tests.accounts.selling import make_purchase


def page_of(who, purchase) -> str:
    return who.client.get(reverse("purchase", args=[purchase.pk])).content.decode()


def facts(page: str) -> dict[str, str]:
    return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))


def test_open_purchase_waits_and_does_not_say_that_money_is_coming(owner):
    page = page_of(owner, make_purchase(owner))
    assert "<h1>Waiting for the payment</h1>" in page
    assert "Not paid yet" in page


def test_open_page_asks_for_ten_minutes_and_then_no_more(owner):
    purchase = make_purchase(owner)
    [card, until] = re.search(r'hx-get="([^"]*\?until=(\d+))"', page_of(owner, purchase)).groups()
    assert 590 <= int(until) - time.time() <= 600
    assert owner.client.get(card).status_code == 204
    over = owner.client.get(card.replace(until, str(int(until) - 601)))
    assert over.status_code == 200
    assert "hx-get" not in over.content.decode()
    assert "Look again" in over.content.decode()


@pytest.mark.parametrize("until", ["", "soon", "9" * 5000])
def test_address_without_a_time_asks_no_more(owner, until):
    card = owner.client.get(reverse("purchase_card", args=[make_purchase(owner).pk]), {"until": until})
    assert "hx-get" not in card.content.decode()


def test_disputed_purchase_whose_credits_were_spent_says_so_and_thanks_nobody(owner):
    purchase = make_purchase(owner, state="paid", dispute="open", credits_due=500, credits_taken=0)
    page = page_of(owner, purchase)
    assert "Thank you" not in page
    assert "see below" in page
    told = facts(page)
    assert told["Dispute"] == "In dispute"
    assert told["Taken back"] == "0 credits"
    assert told["Not taken back"] == "500 credits: spent or set aside already"


def test_refund_says_what_came_back(owner):
    purchase = make_purchase(owner, state="paid", refunded=500, credits_due=250, credits_taken=250)
    page = page_of(owner, purchase)
    assert "Thank you" not in page
    told = facts(page)
    assert (told["Refunded"], told["Taken back"]) == ("€5.00", "250 credits")
    assert not {"Dispute", "Not taken back"} & set(told)
