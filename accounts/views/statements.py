"""The whole ledger of a team: filtered, page by page, and as a file."""

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import doors, exports
from accounts.forms.purses import LedgerForm
from accounts.ledger import statement
from accounts.views import ledger_words

PAGE = 50


@doors.team("credits.read")
@never_cache
@require_safe
def ledger_page(request: HttpRequest) -> HttpResponse:
    form = LedgerForm(request.GET, team=request.team)
    before = request.GET.get("before", "")
    page = statement.page(request.team, form.wanted, before=before, limit=PAGE)
    asked = request.GET.copy()
    asked.pop("before", None)
    context = {
        "form": form,
        "rows": ledger_words.rows(page.entries),
        "before": page.before,
        "is_first": not before,
        "is_filtered": form.wanted != statement.ALL,
        "asked": asked.urlencode(),
    }
    return render(request, "accounts/credits_ledger.html", context)


@doors.team("credits.read")
@never_cache
@require_safe
def ledger_export(request: HttpRequest, form: str) -> HttpResponseBase:
    """All lines that the page would show with these filters, as a CSV or a JSON file."""
    if form not in exports.TYPES:
        raise Http404
    asked = LedgerForm(request.GET, team=request.team)
    if asked.errors:
        return exports.back_to("ledger", request)
    wanted = asked.wanted
    first = wanted.first or request.team.created_at.date()
    last = wanted.last or timezone.now().date()
    return exports.download(
        form,
        (exports.ledger_row(entry) for entry in statement.lines(request.team, wanted)),
        columns=exports.LEDGER_COLUMNS,
        name=exports.file_name("credits", request.team, first, last),
        about={"team": request.team.name, "from": str(first), "to": str(last)},
    )
