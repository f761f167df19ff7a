"""The team's jobs: the list that keeps itself up to date."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_datetime
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import doors
from jobs import queries
from jobs.models import Job

PAGE = 20


@doors.team("jobs.read")
@never_cache
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    before = _moment(request.GET.get("before", ""))
    rows = queries.history(request.team, before=before, limit=PAGE + 1)
    shown = rows[:PAGE]
    context = {
        "jobs": shown,
        "poll": _poll(shown) if before is None else None,
        "older": shown[-1].created_at.isoformat() if len(rows) > PAGE else "",
        "is_first": before is None,
    }
    return render(request, "jobs/history.html", context)


@doors.team("jobs.read")
@never_cache
@require_safe
def history_rows(request: HttpRequest) -> HttpResponse:
    """What changed on the first page since the versions in `v`: 204 when nothing did.

    Only rows that differ are sent, so that a video that plays in another row goes on playing. The versions
    are the rows' own and not a time: a change that was stamped early and committed late is still seen.
    """
    known = _known(request.GET.get("v", ""))
    versions = (
        queries.of_team(request.team).order_by("-created_at", "-pk").values_list("pk", "version")[:PAGE]
    )
    if {_short(pk): version for pk, version in versions} == known:
        return HttpResponse(status=204)
    jobs = queries.history(request.team, limit=PAGE)
    context = {
        "poll": _poll(jobs),
        "new": [job for job in jobs if _short(job.pk) not in known],
        "changed": [job for job in jobs if known.get(_short(job.pk), job.version) != job.version],
        "was_empty": not known,
    }
    return render(request, "jobs/_rows.html", context)


@dataclass(frozen=True)
class Poll:
    """What the page asks with next time; `active` ends the asking."""

    versions: str
    active: bool


def _poll(jobs: list[Job]) -> Poll:
    versions = ",".join(f"{_short(job.pk)}.{job.version}" for job in jobs)
    return Poll(versions=versions, active=any(job.is_active for job in jobs))


def _short(job_id: uuid.UUID) -> str:
    return job_id.hex[:10]


def _known(text: str) -> dict[str, int]:
    known = {}
    for item in text.split(",")[:PAGE]:
        short, _dot, version = item.partition(".")
        if version.isascii() and version.isdigit() and len(version) < 12:
            known[short] = int(version)
    return known


def _moment(text: str) -> Any:
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    # The first and last years have no place for a time zone's hours.
    return moment if moment and moment.tzinfo and 1 < moment.year < 9999 else None
