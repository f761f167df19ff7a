"""Reading the audit log: a page of it by its key, with filters, and all of it for an export."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from accounts import audit
from accounts.ledger import usage
from accounts.models import ApiKey, AuditEvent, Role, Team, User
from accounts.models.ledger import PurseKind
from accounts.searching import contains

PAGE = 50


def group_of(action: str) -> str:
    return action.partition(".")[0]


# Of these, `before` and `after` are roles.
ABOUT_ROLES = {name for name in audit.ACTIONS if group_of(name) in ("member", "invitation")} | {
    "team.transfer"
}


@dataclass(frozen=True)
class Wanted:
    """What somebody looks for; what is empty asks for nothing. Days are UTC's, both of them included."""

    group: str = ""  # of audit.GROUPS
    person: User | None = None
    key: ApiKey | None = None  # one that did it, or that it was done to
    first: date | None = None
    last: date | None = None
    text: str = ""


@dataclass(frozen=True)
class Page:
    """Events, newest first; `before` is what the next page is asked with, None on the last one."""

    events: list[AuditEvent]
    before: int | None


def page(team: Team, wanted: Wanted, *, before: int | None = None, limit: int = PAGE) -> Page:
    """Found by the key of the last line and not by counting, so that the thousandth page costs what the first does."""
    rows = _matching(team, wanted)
    if before:
        rows = rows.filter(pk__lt=before)
    found = list(rows[: limit + 1])
    return Page(found[:limit], found[limit - 1].pk if len(found) > limit else None)


def _matching(team: Team, wanted: Wanted) -> QuerySet[AuditEvent]:
    """The team's events that are looked for, newest first."""
    rows = AuditEvent.objects.filter(team=team).select_related("person", "key", "subject").order_by("-pk")
    if wanted.group:
        rows = rows.filter(action__in=[name for name in audit.ACTIONS if group_of(name) == wanted.group])
    if wanted.person:
        rows = rows.filter(person=wanted.person, by_operator=False)
    if wanted.key:
        rows = rows.filter(Q(key=wanted.key) | Q(details__key_id=wanted.key.public_id))
    if wanted.first or wanted.last:
        days = wanted.first or date(2000, 1, 1), wanted.last or date(9000, 1, 1)
        rows = rows.filter(usage.span(*days, column="at"))
    if wanted.text:
        people = contains(wanted.text, "person__email") & Q(by_operator=False)
        rows = rows.filter(contains(wanted.text, "target", "subject__email") | people)
    return rows


def doer(event: AuditEvent) -> str:
    """Who did it, as the team reads it. Which operator it was, is the site's own affair."""
    if event.by_operator:
        return _("The site's operator")
    if event.key:
        return _("The API key %(name)s") % {"name": event.key}
    return str(event.person or _("A deleted account"))


def target(event: AuditEvent) -> str:
    """What it was done to, in words; "" where the action and who did it say it all."""
    if event.subject and not event.target and event.subject_id == event.person_id and not event.by_operator:
        return ""
    if event.subject and event.target and event.subject.email != event.target:
        return f"{event.subject} ({event.target})"
    return str(event.subject or event.target)


def address(event: AuditEvent) -> str:
    return "" if event.by_operator else event.address or ""


def details(event: AuditEvent) -> Iterator[tuple[str, str]]:
    """The details in words, one after the other; what lies within one is told by both names."""
    for name, value in event.details.items():
        label = str(audit.DETAILS.get(name, name))
        inner = value if isinstance(value, dict) else {"": value}
        for deeper, told in inner.items():
            if told not in (None, "", []):
                within = f": {audit.DETAILS.get(deeper, deeper)}" if deeper else ""
                yield label + within, _plain(deeper or name, told, event.action)


def _plain(name: str, value: Any, action: str) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if name == "old_signs_for_seconds":
        now = timezone.now()
        return timesince(now - timedelta(seconds=value), now)
    words: dict[str, Any] = {}
    if name == "purse":
        words = dict(PurseKind.choices)
    elif name in ("role", "before", "after") and action in ABOUT_ROLES:
        words = dict(Role.choices)
    return str(words.get(value, value))


COLUMNS = ("at", "action", "by", "address", "target", "details")


def export(team: Team, wanted: Wanted) -> Iterator[dict[str, str]]:
    """Every event that matches as a flat row with COLUMNS, newest first, read a piece at a time."""
    for event in _matching(team, wanted).iterator(chunk_size=500):
        yield {
            "at": event.at.isoformat(timespec="seconds"),
            "action": event.action,
            "by": doer(event),
            "address": address(event),
            "target": target(event),
            "details": json.dumps(event.details, ensure_ascii=False) if event.details else "",
        }
