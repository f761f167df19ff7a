"""The page of a team's credits."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_noop
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import doors, ledger

LEDGER_LINES = 50
# Notes that the site itself writes into the ledger, in English; the credits page translates them.
NOTES = (gettext_noop("Starting credits"),)


@doors.team("credits.read")
@never_cache
@require_safe
def credit_list(request: HttpRequest) -> HttpResponse:
    entries = ledger.entries(request.team)[:LEDGER_LINES]
    return render(request, "accounts/credits.html", {"entries": entries, "lines": LEDGER_LINES})
