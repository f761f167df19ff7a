"""Pages of a team's keys, credits and, on a local site, its mail."""

from ipaddress import ip_address
from pathlib import Path

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import access, keys, ledger, outbox
from accounts.forms import KeyForm

LEDGER_LINES = 50
# Notes that the site itself writes into the ledger, in English; the credits page translates them.
NOTES = (gettext_noop("Starting credits"),)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def key_list(request: HttpRequest) -> HttpResponse:
    """The team's keys; POST makes one, and that answer alone shows it whole."""
    if request.method == "GET":
        return _keys_page(request)
    access.require(request.membership, "keys.manage", request.team)
    form = KeyForm(request.POST)
    if not form.is_valid():
        return _keys_page(request, form=form, status=422)
    _key, plaintext = keys.issue(team=request.team, created_by=request.user, **form.cleaned_data)
    return _keys_page(request, plaintext=plaintext)


def _keys_page(
    request: HttpRequest, *, form: KeyForm | None = None, status: int = 200, **shown: str
) -> HttpResponse:
    access.require(request.membership, "keys.read", request.team)
    context = {
        "form": form or KeyForm(),
        "keys": keys.for_team(request.team),
        "may_manage": access.may(request.membership, "keys.manage", request.team),
        **shown,
    }
    return render(request, "accounts/keys.html", context, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def key_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks (for browsers without scripts), then ends a key."""
    access.require(request.membership, "keys.manage", request.team)
    key = get_object_or_404(keys.for_team(request.team), pk=pk)
    if request.method == "GET":
        return render(request, "accounts/key_revoke.html", {"key": key})
    keys.revoke(key=key)
    messages.success(request, _("The key %(name)s is revoked and opens nothing any more.") % {"name": key})
    return redirect("keys")


@login_required
@never_cache
@require_safe
def credit_list(request: HttpRequest) -> HttpResponse:
    access.require(request.membership, "credits.read", request.team)
    entries = ledger.entries(request.team)[:LEDGER_LINES]
    return render(request, "accounts/credits.html", {"entries": entries, "lines": LEDGER_LINES})


@never_cache
@require_safe
def mail_outbox(request: HttpRequest) -> HttpResponse:
    """Kept mail. Readable before login, since a confirmation must be; so on a local site and from this machine only."""
    if not settings.LOCAL or not _from_this_machine(request):
        raise Http404
    return render(request, "accounts/outbox.html", {"mails": outbox.latest(Path(settings.EMAIL_FILE_PATH))})


def _from_this_machine(request: HttpRequest) -> bool:
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
