"""Buying credits: a purchase is begun, and later paid or not. What goes back is told in accounts/sales/reversals.py.

Nothing is granted but by fulfil(), which Stripe's webhook and the round of questions both call, in any order and
as often as they like. docs/credits.md states the rules.
"""

import logging
import time
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts import access, audit, ledger
from accounts.access import Actor
from accounts.audit import Who
from accounts.models import Pack, Purchase, Team
from accounts.models.sales import PurchaseState
from accounts.payments import client
from accounts.payments.client import Session, StripeTrouble
from accounts.sales import reversals

log = logging.getLogger(__name__)

BEGUN_AN_HOUR = 30  # by one team; each is a page at Stripe's
# How long a checkout can be paid. Stripe takes a day at most, by its own clock.
PAGE_LASTS = timedelta(hours=23)
GIVEN_UP_AFTER = timedelta(hours=24)
# A bank transfer and its like are paid days after the checkout.
PENDING_AT_MOST = timedelta(days=14)
FIRST_QUESTION, LONGEST_WAIT = timedelta(minutes=2), timedelta(hours=4)
ROUND_SECONDS = 40
TEAM_IS_CLOSED = "Paid after its team was switched off or deleted; perhaps refund it in Stripe."


class CannotBuy(Exception):
    """The purchase did not begin. `sentence` says why and what to do."""

    def __init__(self, sentence: str):
        self.sentence = sentence
        super().__init__(sentence)


@dataclass(frozen=True)
class Places:
    """Where Stripe sends the buyer afterwards: whole addresses, of the purchase's own page."""

    success: str
    cancel: str


def packs_on_sale() -> QuerySet[Pack]:
    return Pack.objects.filter(on_sale=True)


def purchases(team: Team) -> QuerySet[Purchase]:
    """The team's, newest first."""
    return Purchase.objects.filter(team=team).select_related("person")


# --- begun ----------------------------------------------------------------------------------------


def begin(*, team: Team, actor: Actor, who: Who, pack: Pack) -> Purchase:
    """Keep what is bought, at today's price, before Stripe hears of it. Raises CannotBuy and PermissionDenied.

    Clicks at the same moment may pass BEGUN_AN_HOUR by as many as they are: it keeps pages from piling up, no money.
    """
    access.require(actor, "credits.buy", team)
    if not client.is_configured():
        raise CannotBuy(_("Credits cannot be bought on this site; ask its operator for some."))
    begun = Purchase.objects.filter(team=team, created_at__gt=timezone.now() - timedelta(hours=1))
    if begun.count() >= BEGUN_AN_HOUR:
        raise CannotBuy(
            _("The team has begun many purchases within an hour; please finish one, or wait a while.")
        )
    with transaction.atomic():
        purchase = Purchase.objects.create(
            team=team,
            person=who.person,
            pack=pack,
            pack_name=pack.name,
            pack_name_ru=pack.name_ru,
            purse=pack.purse,
            credits=pack.credits,
            price=pack.price,
            currency=pack.currency,
            check_at=timezone.now() + FIRST_QUESTION,
        )
        audit.record("credits.buy", team=team, who=who, target=str(purchase), purchase=str(purchase.pk))
    return purchase


def open_checkout(purchase: Purchase, places: Places) -> str:
    """The address of Stripe's page for a new purchase. Raises CannotBuy, and then nobody can pay it."""
    try:
        session = client.start(
            purchase,
            success_url=places.success,
            cancel_url=places.cancel,
            language=get_language() or "",
            ends=purchase.created_at + PAGE_LASTS,
        )
    except StripeTrouble as trouble:
        close(purchase, PurchaseState.EXPIRED)
        raise CannotBuy(trouble.sentence) from None
    # The webhook may have been faster and knows the same name.
    Purchase.objects.filter(pk=purchase.pk, session_id=None).update(session_id=session.id)
    return session.url


# --- paid, or not ---------------------------------------------------------------------------------


def fulfil(session: Session) -> tuple[Purchase | None, str]:
    """Grant what a paid checkout bought: once, however often and by whomever this is told.

    Returns the purchase and what was done: granted, repeated, unpaid, unknown, or mismatch where Stripe's sum is not
    ours; then nothing is granted and the operator finds a note.
    """
    purchase = reversals.find(session.purchase)
    if purchase is None:
        return None, "unknown"
    if wrong := _mismatch(purchase, session):
        log.error("Purchase %s is not granted: %s", purchase.pk, wrong)
        reversals.note_problem(purchase, f"{wrong} Nothing was granted for that.")
        return purchase, "mismatch"
    if not session.is_paid:
        # Paid by a slow method: Stripe tells when the money is there.
        _still_open(purchase).update(payment_intent=session.payment_intent)
        return purchase, "unpaid"
    with transaction.atomic():
        if not _win(purchase, session):
            return purchase, "repeated"
        _grant(purchase)
        reversals.catch_up(purchase, session.payment_intent)
    return purchase, "granted"


def _win(purchase: Purchase, session: Session) -> bool:
    """Mark it as paid: True for one caller alone."""
    rows = Purchase.objects.filter(pk=purchase.pk)
    won = rows.exclude(state=PurchaseState.PAID).update(
        state=PurchaseState.PAID,
        paid_at=timezone.now(),
        session_id=session.id,
        payment_intent=session.payment_intent,
        check_at=None,
    )
    # Read after the UPDATE: a team that was closed while it waited is noted, too.
    if won and rows.exclude(team__disabled_at=None, team__deleted_at=None).exists():
        reversals.note_problem(purchase, TEAM_IS_CLOSED)
    return bool(won)


def _mismatch(purchase: Purchase, session: Session) -> str:
    if purchase.session_id not in (None, session.id):
        return f"Stripe names another checkout, {session.id}."
    if (session.amount_total, session.currency) != (purchase.price, purchase.currency):
        return (
            f"Stripe tells of {session.amount_total} {session.currency}, "
            f"and the price was {purchase.price} {purchase.currency}."
        )
    return ""


def _grant(purchase: Purchase) -> None:
    ledger.purchase(
        team=purchase.team,
        kind=purchase.purse,
        amount=purchase.credits,
        reference=purchase.reference,
        note=purchase.pack_name,
        person=purchase.person,
    )
    audit.record(
        "credits.paid",
        team=purchase.team,
        who=Who(person=purchase.person),
        target=str(purchase),
        purchase=str(purchase.pk),
        credits=purchase.credits,
        purse=purchase.purse,
    )


def close(purchase: Purchase, state: str) -> bool:
    """It was not paid. False where it was, or had ended before."""
    return bool(_still_open(purchase).update(state=state, check_at=None))


def keep_receipt(purchase: Purchase, url: str) -> None:
    if url.startswith("https://"):
        of_a_team = Purchase.objects.filter(pk=purchase.pk, team__deleted_at=None)
        of_a_team.filter(receipt_url="").update(receipt_url=url[:1000])


def _still_open(purchase: Purchase) -> QuerySet[Purchase]:
    return Purchase.objects.filter(pk=purchase.pk, state=PurchaseState.OPEN)


# --- asked for, where no webhook came -------------------------------------------------------------


def settle_open() -> int:
    """Ask Stripe about open purchases that are due, and end those that are too old; returns how many were asked."""
    if not client.is_configured():
        return 0
    for payment_intent in reversals.left_behind().values_list("payment_intent", flat=True).distinct():
        reversals.catch_up_late(payment_intent)
    until, count = time.monotonic() + ROUND_SECONDS, 0
    while time.monotonic() < until and (purchase := _next_to_ask()):
        count += 1
        try:
            _settle(purchase)
        except StripeTrouble as trouble:
            if not trouble.refused:
                break  # the others are asked in a later round
    return count


def _next_to_ask() -> Purchase | None:
    """One that is due, put off so that no other worker asks, too."""
    now = timezone.now()
    for purchase in Purchase.objects.filter(state=PurchaseState.OPEN, check_at__lte=now).order_by("check_at")[
        :5
    ]:
        later = now + min(FIRST_QUESTION * 2 ** min(purchase.checks, 10), LONGEST_WAIT)
        mine = _still_open(purchase).filter(check_at=purchase.check_at)
        if mine.update(check_at=later, checks=purchase.checks + 1):
            return purchase
    return None


def _settle(purchase: Purchase) -> None:
    age = timezone.now() - purchase.created_at
    if purchase.session_id is None:  # its buyer never saw a page to pay on
        if age > GIVEN_UP_AFTER:
            close(purchase, PurchaseState.EXPIRED)
        return
    try:
        session = client.look_at(purchase)
    except StripeTrouble as trouble:
        if trouble.refused and age > GIVEN_UP_AFTER:  # as after a change to another account of Stripe's
            close(purchase, PurchaseState.EXPIRED)
        raise
    if session.is_paid:
        fulfil(session)
        reversals.catch_up_late(session.payment_intent)
        keep_receipt(purchase, session.receipt_url)
    elif session.status == "expired":
        close(purchase, PurchaseState.EXPIRED)
    elif session.status == "open" and age > GIVEN_UP_AFTER:
        client.end(purchase)
        close(purchase, PurchaseState.EXPIRED)
    if age > PENDING_AT_MOST:  # also one whose payment was not the purchase's
        close(purchase, PurchaseState.FAILED)
