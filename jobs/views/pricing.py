"""The public page of prices: what a second costs, what is billed, and what credits cost."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from csp.decorators import csp_update
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import formats
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import access, doors, sales
from accounts.models import Pack
from accounts.payments import client
from accounts.views import ledger_words
from jobs import catalog, words
from jobs.catalog.pricing import CREDITS_A_SECOND, MINIMUM_SECONDS, billed_seconds, credits_for

PRICED_SECONDS = 10  # of the speech whose price stands beside each rate


@dataclass(frozen=True)
class Price:
    """What a resolution costs a second, and a speech of some length at it."""

    resolution: str
    credits: int
    example_seconds: int
    example_credits: int


@dataclass(frozen=True)
class Example:
    """A request in words, and what the catalog says that it costs."""

    words: str
    resolution: str
    seconds: int
    credits: int


# Each: the sentence, the model, its values, and the lengths of its inputs in seconds, which the sentence names.
EXAMPLES: list[tuple[Promise, str, dict[str, str], dict[str, float]]] = [
    (_("A portrait and %(audio)s s of speech"), "lipsync-image", {"resolution": "720p"}, {"audio": 3}),
    (_("A portrait and %(audio)s s of speech"), "lipsync-image", {"resolution": "480p"}, {"audio": 10}),
    (_("A portrait and %(audio)s s of speech"), "lipsync-image", {"resolution": "480p"}, {"audio": 10.2}),
    (
        _("A video of %(video)s s and %(audio)s s of speech: the video is cut"),
        "lipsync-video",
        {"resolution": "480p"},
        {"video": 30, "audio": 12},
    ),
    (
        _("A video of %(video)s s and %(audio)s s of speech: the video plays on"),
        "lipsync-video",
        {"resolution": "480p"},
        {"video": 8, "audio": 20},
    ),
    (
        _("Two people, %(left_audio)s s and %(right_audio)s s, both at once"),
        "lipsync-image-multi",
        {"resolution": "480p", "order": "meanwhile"},
        {"left_audio": 8, "right_audio": 12},
    ),
    (
        _("Two people, %(left_audio)s s and %(right_audio)s s, one after the other"),
        "lipsync-image-multi",
        {"resolution": "480p", "order": "left_right"},
        {"left_audio": 8, "right_audio": 12},
    ),
]


@dataclass(frozen=True)
class Shelf:
    """The packs of one purse, and what that purse is spent by."""

    title: str
    text: Promise
    icon: str
    packs: list[Pack]


def let_forms_lead_to_checkout(
    view: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Chromium holds a form's redirects, too, to form-action; so the page that sells names where they end."""

    def guarded(request: HttpRequest) -> HttpResponse:
        if not client.is_configured():
            return view(request)
        return csp_update({"form-action": [settings.STRIPE_CHECKOUT]})(view)(request)

    return guarded


@doors.public
@never_cache
@require_safe
@let_forms_lead_to_checkout
def pricing(request: HttpRequest) -> HttpResponse:
    shelves = list(_shelves())
    context: dict[str, Any] = {
        "prices": prices(),
        "minimum_seconds": MINIMUM_SECONDS,
        "extended_rule": words.extended_rule(),
        "examples": list(examples()),
        "shelves": shelves,
        "sells": client.is_configured() and bool(shelves),
        "may_buy": bool(request.team) and access.may(request.membership, "credits.buy", request.team),
        "starting": starting_credits(),
    }
    return render(request, "site/pricing.html", context)


def prices() -> list[Price]:
    return [
        Price(resolution, rate, PRICED_SECONDS, credits_for(PRICED_SECONDS, resolution))
        for resolution, rate in CREDITS_A_SECOND.items()
    ]


def examples() -> Iterator[Example]:
    for sentence, slug, values, lengths in EXAMPLES:
        found = catalog.get(slug).lengths({**values, **dict.fromkeys(lengths, "")}, lengths)
        if found is None:
            raise ValueError(f"An example of {slug} names too few lengths.")
        seconds = billed_seconds(found.billed)
        resolution = values["resolution"]
        yield Example(_told(sentence, lengths), resolution, seconds, credits_for(seconds, resolution))


def _told(sentence: Promise, lengths: dict[str, float]) -> str:
    return str(sentence) % {
        name: formats.number_format(seconds, use_l10n=True) for name, seconds in lengths.items()
    }


def _shelves() -> Iterator[Shelf]:
    packs = list(sales.packs_on_sale())
    for kind, (text, icon) in ledger_words.SPENT_BY.items():
        if mine := [pack for pack in packs if pack.purse == kind]:
            yield Shelf(str(kind.label), text, icon, mine)


def starting_credits() -> int:
    """What an account starts with of each kind, where that is one number; 0 otherwise."""
    same = settings.STARTING_USER_CREDITS == settings.STARTING_API_CREDITS
    return settings.STARTING_USER_CREDITS if same else 0
