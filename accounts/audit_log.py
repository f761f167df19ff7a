"""Reading the audit log: a page of it by its key, with filters, and all of it for an export."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import ApiKey, AuditEvent, Team

PAGE = 50


@dataclass(frozen=True)
class Wanted:
    """What somebody looks for; what is empty asks for nothing. Days are UTC's, both of them included."""

    group: str = ""  # of audit.GROUPS
    person: int | None = None
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
    if wanted.first:
        rows = rows.filter(at__gte=datetime.combine(wanted.first, time(), UTC))
    if wanted.last:
        rows = rows.filter(at__lt=datetime.combine(wanted.last, time(), UTC) + timedelta(days=1))
    if wanted.text:
        people = Q(person__email__icontains=wanted.text, by_operator=False)
        people |= Q(subject__email__icontains=wanted.text)
        rows = rows.filter(Q(target__icontains=wanted.text) | people)
    return rows


def group_of(action: str) -> str:
    return action.partition(".")[0]


def doer(event: AuditEvent) -> str:
    """Who did it, as the team reads it. Which operator it was, is the site's own affair."""
    if event.by_operator:
        return _("The site's operator")
    if event.key:
        return _("The API key %(name)s") % {"name": event.key}
    return str(event.person or _("A deleted account"))


def target(event: AuditEvent) -> str:
    """What it was done to, in words; "" where the action says it all."""
    if event.subject and event.target and event.subject.email != event.target:
        return f"{event.subject} ({event.target})"
    return str(event.subject or event.target)


def address(event: AuditEvent) -> str:
    return "" if event.by_operator else event.address or ""


def details(event: AuditEvent) -> Iterator[tuple[str, str]]:
    """The details, one after the other, with what lies within one written after a dot."""
    yield from _flat("", event.details)


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for inner, deeper in value.items():
            yield from _flat(f"{name}.{inner}" if name else inner, deeper)
    elif value not in (None, "", []):
        yield name, _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


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
