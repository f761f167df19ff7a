"""What is done with many jobs at once: downloaded, canceled, deleted, run again. Each change asks first."""

import secrets
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from accounts import doors, ledger
from jobs import archive, deleting, history, lifecycle, rerun
from jobs.models import Job
from jobs.templatetags.ui import credit_count, job_title
from jobs.views.history import back

MOST = archive.MOST  # jobs at once
TOLD = 5  # reasons that one answer gives


@doors.team("jobs.read")
@never_cache
@require_GET
def selected_zip(request: HttpRequest) -> HttpResponseBase:
    """The results of the selected jobs as one file."""
    jobs = _selected(request, request.GET)
    if jobs and not any(map(archive.has_video, jobs)):
        messages.info(request, _("None of the selected jobs has a video to download."))
        jobs = []
    if not jobs:
        return redirect(back(request, request.GET))
    try:
        packed = archive.pack(team=request.team, jobs=jobs)
    except archive.NoTurn:
        messages.warning(
            request, _("Another ZIP is being downloaded right now; try again when it is finished.")
        )
        return redirect(back(request, request.GET))
    answer = StreamingHttpResponse(packed.chunks, content_type="application/zip")
    answer._resource_closers.append(packed.close)  # when nobody reads it, too
    answer["Content-Length"] = str(packed.size)
    name = f"videos-{timezone.now():%Y-%m-%d}-{len(jobs)}.zip"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@doors.team("jobs.cancel")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def selected_cancel(request: HttpRequest) -> HttpResponse:
    """Asks, then cancels those that are unfinished; those that have ended meanwhile stay as they are."""
    jobs = _selected(request, _data(request))
    unfinished = [job for job in jobs if job.is_active]
    if request.method != "POST" and unfinished:
        return _ask(
            request,
            "cancel",
            jobs,
            named=unfinished,
            count=len(unfinished),
            others=len(jobs) - len(unfinished),
        )
    # By number: an address or a name would outlive the account.
    done = [job for job in unfinished if lifecycle.cancel(job.pk, reason=f"Person {request.user.pk}")]
    if jobs:
        _tell(request, len(done), _canceled, others=_had_ended(len(jobs) - len(done)))
    return redirect(back(request, _data(request)))


@doors.team("jobs.delete")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def selected_delete(request: HttpRequest) -> HttpResponse:
    """Asks, then deletes the jobs with their files. Unfinished ones are canceled by it."""
    jobs = _selected(request, _data(request))
    if not jobs:
        return redirect(back(request, _data(request)))
    if request.method != "POST":
        kept = sum(job.keep for job in jobs)
        return _ask(
            request, "delete", jobs, count=len(jobs), unfinished=sum(job.is_active for job in jobs), kept=kept
        )
    done = [
        job for job in jobs if deleting.delete(job_id=job.pk, team=request.team, actor=request.membership)
    ]
    _tell(request, len(done), _deleted, others=_were_gone(len(jobs) - len(done)))
    return redirect(back(request, _data(request)))


@doors.team("jobs.submit")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def selected_again(request: HttpRequest) -> HttpResponse:
    """Asks with today's price, then submits each job again. A price that has changed meanwhile is asked about anew."""
    data = _data(request)
    copies = rerun.look(team=request.team, actor=request.membership, jobs=_selected(request, data))
    if not copies:
        return redirect(back(request, data))
    total = sum(copy.price.credits for copy in copies if copy.price)
    name = data.get("name", "")
    if request.method != "POST" or data.get("total") != str(total) or not name.isascii() or not name:
        return _ask_again(request, copies, total, is_new=request.method == "POST")
    ended = rerun.run(team=request.team, actor=request.membership, copies=copies, name=name[:60])
    failed = [copy for copy in ended if copy.problem]
    _tell(request, len(ended) - len(failed), _in_line, others="")
    for copy in failed[:TOLD]:
        messages.warning(request, f"{job_title(copy.job)}: {copy.problem}")
    if len(failed) > TOLD:
        more = len(failed) - TOLD
        messages.warning(
            request, ngettext("%(n)s more was not made.", "%(n)s more were not made.", more) % {"n": more}
        )
    return redirect("history")


def _ask_again(
    request: HttpRequest, copies: Sequence[rerun.Copy], total: int, *, is_new: bool
) -> HttpResponse:
    able = [copy for copy in copies if copy.price]
    available = ledger.balances(request.team).user.available
    return _ask(
        request,
        "again",
        [copy.job for copy in copies],
        count=len(able),
        refused=[copy for copy in copies if copy.problem],
        total=total,
        total_words=credit_count(total),
        is_exact=all(copy.price.exact for copy in able if copy.price),
        available=available,
        short_by=max(0, total - available),
        by_key=sum(copy.job.source == "api" for copy in able),
        tests=sum(copy.job.is_test for copy in able),
        is_new=is_new,
        name=secrets.token_urlsafe(12),
    )


def _ask(request: HttpRequest, what: str, jobs: Sequence[Job], **more: Any) -> HttpResponse:
    """The page that asks before something is done; a dialog of the history shows its form."""
    address = back(request, _data(request))
    context = {
        "what": what,
        "jobs": jobs,
        "named": jobs,
        "back": address,
        "asked": address.partition("?")[2],
        **more,
    }
    return render(request, "jobs/history/ask.html", context)


def _data(request: HttpRequest) -> QueryDict:
    return request.POST if request.method == "POST" else request.GET


def _selected(request: HttpRequest, data: QueryDict) -> list[Job]:
    """The team's jobs that were selected, newest first; none, and a message, when there are none or too many."""
    ids = set()
    for text in data.getlist("job"):  # as many as a form may have fields
        with suppress(ValueError):
            ids.add(uuid.UUID(text))
    if len(ids) > MOST:
        messages.error(
            request, _("At most %(most)s jobs can be chosen at once; nothing was done.") % {"most": MOST}
        )
        return []
    jobs = history.some(request.team, ids)
    if not jobs:
        messages.info(request, _("Nothing was done: select some jobs first."))
    return jobs


def _tell(request: HttpRequest, count: int, words: Callable[[int], str], *, others: str) -> None:
    sentence = " ".join(part for part in (words(count) if count else "", others) if part)
    if sentence:
        (messages.success if count else messages.info)(request, sentence)


def _canceled(n: int) -> str:
    return ngettext(
        "%(n)s job is canceled. What it had set aside is back in the balance.",
        "%(n)s jobs are canceled. What they had set aside is back in the balance.",
        n,
    ) % {"n": n}


def _had_ended(n: int) -> str:
    return ngettext("%(n)s had already ended.", "%(n)s had already ended.", n) % {"n": n} if n else ""


def _deleted(n: int) -> str:
    return ngettext("%(n)s job is deleted.", "%(n)s jobs are deleted.", n) % {"n": n}


def _were_gone(n: int) -> str:
    return ngettext("%(n)s was gone already.", "%(n)s were gone already.", n) % {"n": n} if n else ""


def _in_line(n: int) -> str:
    return ngettext("%(n)s job is in line again.", "%(n)s jobs are in line again.", n) % {"n": n}
