"""Packs and the sums on them."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import translation

from accounts import money
from accounts.models import Pack


def a_pack(**values) -> Pack:
    return Pack(
        **{"name": "Small", "purse": "user", "credits": 500, "price": 499, "currency": "eur", **values}
    )


@pytest.mark.parametrize(
    ("amount", "currency", "english", "russian"),
    [
        (999, "eur", "€9.99", "9,99\u00a0€"),
        (123456789, "usd", "$1,234,567.89", "1\u00a0234\u00a0567,89\u00a0$"),
        (999, "jpy", "¥999", "999\u00a0¥"),
        (5, "gbp", "£0.05", "0,05\u00a0£"),
        (1500, "kwd", "1.500\u00a0KWD", "1,500\u00a0KWD"),
        (49900, "rub", "₽499.00", "499,00\u00a0₽"),
        (1000, "chf", "10.00\u00a0CHF", "10,00\u00a0CHF"),
    ],
)
def test_sum_is_written_as_the_language_and_the_currency_want(amount, currency, english, russian):
    assert money.price(amount, currency) == english
    with translation.override("ru"):
        assert money.price(amount, currency) == russian


@pytest.mark.parametrize(
    ("amount", "count", "currency", "shown"),
    [
        (1000, 1000, "usd", "$0.01"),
        (999, 1000, "usd", "$0.00999"),
        (4999, 6000, "usd", "$0.00833"),  # 0.0083316...
        (1000, 10, "jpy", "¥100"),
        (1000, 300, "jpy", "¥3.33"),
        (500, 1, "eur", "€5.00"),
    ],
)
def test_price_of_one_credit_has_three_figures(amount, count, currency, shown):
    assert money.price_of_one(amount, count, currency) == shown


def test_pack_speaks_the_visitors_language_where_it_can():
    pack = a_pack(name_ru="Малый", description="For a start")
    assert pack.name_shown == "Small"
    with translation.override("ru"):
        assert pack.name_shown == "Малый"
        assert pack.description_shown == "For a start"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"currency": "EUR"}, "currency"),
        ({"currency": "€"}, "currency"),
        ({"price": 0}, "price"),
        ({"price": 100_000_000}, "price"),
        ({"credits": 0}, "credits"),
        ({"currency": "kwd", "price": 1505}, "price"),
        ({"currency": "isk", "price": 50050}, "price"),
        ({"currency": "ugx", "price": 5}, "price"),
        ({"purse": "both"}, "purse"),
    ],
)
def test_pack_that_nobody_could_buy_is_refused(wrong, field):
    with pytest.raises(ValidationError) as refused:
        a_pack(**wrong).full_clean()
    assert field in refused.value.message_dict


@pytest.mark.django_db
def test_pack_of_nothing_is_refused_by_the_database():
    with pytest.raises(IntegrityError), transaction.atomic():
        a_pack(credits=0).save()
