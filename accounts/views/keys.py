"""The page of a team's API keys."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import access, audit, doors, keys
from accounts.forms.keys import KeyForm


@doors.team("keys.read", post="keys.manage")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def key_list(request: HttpRequest) -> HttpResponse:
    """The team's keys; POST makes one, and that answer alone shows it whole."""
    if request.method != "POST":
        return _keys_page(request)
    form = KeyForm(request.POST)
    if not form.is_valid():
        return _keys_page(request, form=form, status=422)
    key, plaintext = keys.issue(team=request.team, created_by=request.user, **form.cleaned_data)
    audit.record(
        "key.create", team=request.team, who=audit.who(request), target=str(key), key_id=key.public_id
    )
    return _keys_page(request, plaintext=plaintext)


def _keys_page(
    request: HttpRequest, *, form: KeyForm | None = None, status: int = 200, **shown: str
) -> HttpResponse:
    context = {
        "form": form or KeyForm(),
        "keys": keys.for_team(request.team),
        "may_manage": access.may(request.membership, "keys.manage", request.team),
        **shown,
    }
    return render(request, "accounts/keys.html", context, status=status)


@doors.team("keys.manage")
@require_http_methods(["GET", "HEAD", "POST"])
def key_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks (for browsers without scripts), then ends a key."""
    key = get_object_or_404(keys.for_team(request.team), pk=pk)
    if request.method != "POST":
        return render(request, "accounts/key_revoke.html", {"key": key})
    keys.revoke(key=key)
    audit.record(
        "key.revoke", team=request.team, who=audit.who(request), target=str(key), key_id=key.public_id
    )
    messages.success(request, _("The key %(name)s is revoked and opens nothing any more.") % {"name": key})
    return redirect("keys")
