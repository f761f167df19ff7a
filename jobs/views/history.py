"""The team's jobs: the list that keeps itself up to date."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import TooManyFieldsSent
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRefresh

from accounts import access, doors
from jobs import cursors, forecast
from jobs import history as jobs_history
from jobs.archive import MOST
from jobs.history import Page, Position
from jobs.history_form import HistoryFilter
from jobs.line import queue_position
from jobs.models import Job
from lipsyncweb.http.numbers import row_number

FOLLOWED = (
    60  # rows of an open page that are asked about; those that new ones pushed further down stay as they are
)
POLL_LOOKS_AT = 500  # rows, for what is new: an open page must cost little
LOOKS_ON = 20  # windows that an empty page looks through by itself before it asks
RETOLD = 15  # seconds after which an unfinished row's forecast is told anew


@doors.team("jobs.read")
@never_cache
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    form = HistoryFilter(request.GET, team=request.team)
    after = _position(request.GET.get("after", ""))
    page = jobs_history.page(request.team, form.wanted, after=after)
    asked = _asked(form)
    context = {
        "form": form,
        "chosen": [(*item, _without(asked, item[0])) for item in form.chosen],
        "asked": urlencode(asked),
        "is_narrowed": bool(asked.keys() - {"text"}),
        "page": page,
        "jobs": page.jobs,
        "poll": _poll(request, page.jobs, asked, is_first=after is None),
        "older": _address(asked, after=cursors.encode(*page.after)) if page.after else "",
        "looks_on": _looks_on(request, page, asked),
        "newest": _address(asked),
        "is_first": after is None,
        "forecasts": forecast.forecasts(page.jobs),
        **_may(request),
    }
    return render(request, "jobs/history.html", context)


@doors.team("jobs.read")
@never_cache
@require_safe
def history_rows(request: HttpRequest) -> HttpResponse:
    """What changed on an open page since the rows' stamps in `v`: 204 when nothing did.

    Only rows that differ are sent, so that a video that plays in another row goes on playing. The stamps are the
    rows' own and not a time: a change that was made early and committed late is still seen. Rows that match no
    longer stay where somebody looks at them; those that were deleted go.
    """
    if request.GET.get("team", str(request.team.pk)) != str(request.team.pk):
        return HttpResponseClientRefresh()  # switched in another window: these rows are not this team's
    form = HistoryFilter(request.GET, team=request.team)
    known = _known(request.GET.get("v", ""))
    is_first = "older" not in request.GET
    now = jobs_history.known(request.team, known)
    gone = [pk for pk in known if pk not in now]
    changed = [pk for pk, job in now.items() if _stamp(job) != known[pk]]
    new = _new(request, form, known) if is_first else []
    if not (gone or changed or new) and "v" in request.GET:
        return HttpResponse(status=204)
    shown = {job.pk: job for job in [*new, *jobs_history.some(request.team, now)]}
    rows = sorted(shown.values(), key=lambda job: (job.created_at, job.pk), reverse=True)
    context = {
        "poll": _poll(request, rows, _asked(form), is_first=is_first),
        "new": [(job, before) for job, before in zip(rows, [None, *rows], strict=False) if job in new],
        "changed": [shown[pk] for pk in changed],
        "gone": gone,
        "forecasts": forecast.forecasts(rows),
        "was_empty": not known,
        **_may(request),
    }
    return render(request, "jobs/_rows.html", context)


@dataclass(frozen=True)
class Poll:
    """What the page asks with next time; `active` asks often."""

    query: str
    active: bool


def _poll(request: HttpRequest, jobs: list[Job], asked: dict[str, str], *, is_first: bool) -> Poll:
    followed = jobs[:FOLLOWED]
    stamps = ",".join(f"{job.pk.hex}.{_stamp(job)}" for job in followed)
    query = {**asked, "team": request.team.pk, "v": stamps, **({} if is_first else {"older": "1"})}
    return Poll(query=urlencode(query), active=any(job.is_active for job in followed))


def _stamp(job: Job) -> str:
    """Differs when the row would look different: by its version, its place in line, or its forecast."""
    if not job.is_active:
        return str(job.version)
    age = (timezone.now() - job.changed_at).total_seconds()
    return f"{job.version}-{queue_position(job) or 0}-{max(0, int(age // RETOLD))}"


def _known(text: str) -> dict[uuid.UUID, str]:
    """The rows of the open page with their stamps; what makes no sense is left out."""
    known = {}
    for item in text.split(",")[:FOLLOWED]:
        digits, _dot, stamp = item.partition(".")
        if len(digits) == 32 and digits.isascii() and digits.isalnum():
            try:
                known[uuid.UUID(digits)] = stamp
            except ValueError:
                continue
    return known


def _new(request: HttpRequest, form: HistoryFilter, known: Iterable[uuid.UUID]) -> list[Job]:
    """Jobs that belong on the first page and are not there yet."""
    page = jobs_history.page(request.team, form.wanted, looked_at=POLL_LOOKS_AT)
    return [job for job in page.jobs if job.pk not in known]


def _asked(form: HistoryFilter) -> dict[str, str]:
    """The filters that are set and make sense, as they stand in an address."""
    return {name: form.data[name] for name in form.asked_for}


def _without(asked: dict[str, str], name: str) -> str:
    return _address({other: value for other, value in asked.items() if other != name})


def _address(asked: dict[str, str], **more: str) -> str:
    query = urlencode({**asked, **more})
    return reverse("history") + (f"?{query}" if query else "")


def _looks_on(request: HttpRequest, page: Page, asked: dict[str, str]) -> str:
    """Where a page that found nothing in its window goes on by itself; "" when it has done so often enough."""
    steps = row_number(request.GET.get("steps", "")) or 0
    if page.jobs or page.after is None or steps >= LOOKS_ON:
        return ""
    return _address(asked, after=cursors.encode(*page.after), steps=str(steps + 1))


def _position(text: str) -> Position | None:
    """Where the page begins; what is no position is the newest."""
    try:
        moment, pk = cursors.decode(text)
    except ValueError:
        return None
    # The first and last years have no place for a time zone's hours.
    return (moment, pk) if 1 < moment.year < 9999 else None


def _may(request: HttpRequest) -> dict[str, Any]:
    """What the bar of the selected jobs offers."""
    actions = {"may_cancel": "jobs.cancel", "may_delete": "jobs.delete", "may_submit": "jobs.submit"}
    may = {name: access.may(request.membership, action, request.team) for name, action in actions.items()}
    return {**may, "most_selected": MOST}


def back(request: HttpRequest, data: QueryDict) -> str:
    """The page of the history that a selection was made on."""
    try:
        asked = QueryDict(data.get("back", "")[:1000])
    except TooManyFieldsSent:  # nobody's page says so, and what was asked for has been done
        asked = QueryDict()
    form = HistoryFilter(asked, team=request.team)
    return _address(_asked(form))
