"""docs/credits.md and docs/operators.md say what runs: their numbers are the real ones."""

import re
from datetime import timedelta
from pathlib import Path

from django.conf import settings

from accounts import sales
from accounts.models.sales import MOST_CREDITS
from accounts.payments import client, inbound
from jobs import nightly
from jobs.catalog.pricing import CREDITS_A_SECOND, MINIMUM_SECONDS
from lipsyncweb.celery import app

DOCS = Path(settings.BASE_DIR) / "docs"


def words(name: str) -> str:
    return re.sub(r"\s+", " ", (DOCS / name).read_text())


def test_prices_are_the_catalogs():
    rates = iter(CREDITS_A_SECOND.items())
    first, rate = next(rates)
    others = "".join(f", {resolution} {each}" for resolution, each in rates)
    assert f"- {first} costs {rate} credits a second{others}, in every model." in words("credits.md")
    assert f"rounded up, and at least {MINIMUM_SECONDS} for each video" in words("credits.md")


def test_waits_for_stripe_are_the_real_ones():
    page = words("credits.md")
    assert "two minutes after the purchase was begun" in page
    assert timedelta(minutes=2) == sales.FIRST_QUESTION
    assert "ever longer waits of up to four hours" in page
    assert timedelta(hours=4) == sales.LONGEST_WAIT
    assert "closed after a day" in page
    assert timedelta(days=1) == sales.GIVEN_UP_AFTER
    assert "two weeks at most" in page
    assert timedelta(weeks=2) == sales.PENDING_AT_MOST
    assert f"A call to Stripe has {client.ANSWER_SECONDS} seconds" in page
    assert "signed it within five minutes" in page
    assert inbound.OLDEST_SECONDS == 300


def test_sweeps_and_nights_are_the_real_ones():
    assert "a sweep runs every ten minutes" in words("credits.md")
    assert app.conf.beat_schedule["expire"]["schedule"] == 600
    assert f"Each night at {nightly.AT:%H:%M} UTC" in words("operators.md")


def test_largest_grant_is_the_real_one():
    assert f"A grant is of at most {MOST_CREDITS:,} credits." in words("operators.md")
