"""Finding a key among hundreds: words, filters, and pages that are found by their place and not by counting."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import keys
from accounts.keys import limits as key_limits
from accounts.models import ApiKey, Team
from accounts.searching import contains

A_PAGE = 50
LONGEST_QUERY = 100
UNUSED_FOR = timedelta(days=90)
WHOLE_KEY = re.compile(keys.PATTERN.pattern)


@dataclass(frozen=True)
class Filter:
    """One of the lists that the page offers. `where` is asked with the present time."""

    name: str
    label: Promise
    where: Callable[[datetime], Q]


FILTERS = {
    each.name: each
    for each in (
        Filter("active", _("Active"), keys.open_at),
        Filter("limited", _("With limits"), lambda now: key_limits.LIMITED),
        Filter("test", _("Test keys"), lambda now: Q(is_test=True)),
        Filter(
            "unused", _("Unused for 90 days"), lambda now: keys.open_at(now) & Q(used__lt=now - UNUSED_FOR)
        ),
        Filter("expired", _("Expired"), lambda now: Q(revoked_at=None, expires_at__lte=now)),
        Filter("revoked", _("Revoked"), lambda now: Q(revoked_at__isnull=False)),
    )
}


@dataclass(frozen=True)
class Page:
    """Keys, newest first; `after` is where the next page begins, None on the last."""

    keys: list[ApiKey]
    after: int | None


def public_part(words: str) -> str:
    """What was typed; of a whole key, its public id alone, so that no secret stands in an address."""
    found = WHOLE_KEY.search(words)
    # Without the NUL, which no text holds and PostgreSQL refuses.
    return found[2] if found else words.replace("\0", "").strip()[:LONGEST_QUERY]


def page(team: Team, *, words: str = "", chosen: str = "", after: int | None = None) -> Page:
    """Of the team's keys those of the filter `chosen` ("" for all) whose name, id or maker holds `words`."""
    found = keys.for_team(team).order_by("-pk")
    if words:
        found = found.filter(_about(words))
    if chosen in FILTERS:
        found = found.alias(used=Coalesce("last_used_at", "created_at"))
        found = found.filter(FILTERS[chosen].where(timezone.now()))
    if after is not None:
        found = found.filter(pk__lt=after)
    rows = list(found[: A_PAGE + 1])
    more = len(rows) > A_PAGE
    rows = rows[:A_PAGE]
    return Page(rows, rows[-1].pk if more else None)


def _about(words: str) -> Q:
    # As a label is copied: sk_4fQz81LmNc0P_… and sk_test_…
    public_id = words.removeprefix("sk_").removeprefix("test_").rstrip("…._")
    found = Q(public_id__contains=public_id) if public_id else Q()
    return found | contains(words, "name", "created_by__name", "created_by__email")
