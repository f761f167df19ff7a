"""Sums of money as people read them. A sum is a whole number of the currency's smallest unit, as Stripe counts them."""

from decimal import ROUND_HALF_UP, Decimal

from django.core.exceptions import ValidationError
from django.utils import formats
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

# How many decimal places Stripe counts in, where they are not two. Some currencies that have no coins of a hundredth
# (ISK, UGX, HUF, TWD) are charged in hundredths all the same, so they are not here.
WITHOUT_PLACES = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
WITH_THREE = "bhd jod kwd omr tnd"
WHOLE_ONLY = "isk ugx"  # of those, these must come to whole ones
PLACES = dict.fromkeys(WITHOUT_PLACES.split(), 0) | dict.fromkeys(WITH_THREE.split(), 3)
SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥", "inr": "₹", "krw": "₩", "rub": "₽", "try": "₺"}
SHOWN_FIGURES = 3  # of the price of one credit
NO_BREAK = "\u00a0"


def places(currency: str) -> int:
    return PLACES.get(currency, 2)


def price(amount: int, currency: str) -> str:
    """999, "eur" as €9.99, or as the visitor's language writes it."""
    return _written(Decimal(amount).scaleb(-places(currency)), currency, places(currency))


def price_of_one(amount: int, count: int, currency: str) -> str:
    """What one of `count` costs, to three figures and never to fewer places than the currency has."""
    each = Decimal(amount).scaleb(-places(currency)) / count
    shown = max(places(currency), SHOWN_FIGURES - 1 - each.adjusted())
    each = each.quantize(Decimal(1).scaleb(-shown), rounding=ROUND_HALF_UP)
    while shown > places(currency) and each == each.quantize(Decimal(1).scaleb(1 - shown)):
        shown -= 1
    return _written(each, currency, shown)


def validate_currency(code: str) -> None:
    if not (len(code) == 3 and code.isascii() and code.isalpha() and code == code.lower()):
        raise ValidationError(_("Give the three letters of ISO 4217 in lower case, such as usd, eur or jpy."))


def validate_price(amount: int, currency: str) -> None:
    """Stripe refuses thousandths that are no whole hundredths, and hundredths of what has no coins of them."""
    if places(currency) == 3 and amount % 10:
        raise ValidationError(_("Sums in this currency must end in 0, since Stripe charges no thousandths."))
    if currency in WHOLE_ONLY.split() and amount % 100:
        raise ValidationError(_("Sums in this currency must end in 00, since Stripe charges no hundredths."))


def _written(number: Decimal, currency: str, decimals: int) -> str:
    text = formats.number_format(number, decimal_pos=decimals, use_l10n=True, force_grouping=True)
    symbol = SYMBOLS.get(currency)
    if symbol and (get_language() or "en").startswith("en"):
        return f"{symbol}{text}"
    return f"{text}{NO_BREAK}{symbol or currency.upper()}"
