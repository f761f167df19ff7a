"""The pages of a team's API keys."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access, audit, charts, doors, keys
from accounts.forms.keys import KeyForm, LimitsForm, NameForm, RollForm
from accounts.keys import limits as key_limits
from accounts.keys import listing as key_list
from accounts.keys import usage as key_usage
from accounts.models import ApiKey
from lipsyncweb.http.numbers import row_number

USAGE_DAYS = 30


@doors.team("keys.read", post="keys.manage")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def key_list_page(request: HttpRequest) -> HttpResponse:
    """The team's keys; POST makes one, and that answer alone shows it whole."""
    if request.method != "POST":
        typed = request.GET.get("q", "")
        words = key_list.public_part(typed)
        if words != typed.strip()[: key_list.LONGEST_QUERY]:
            # Somebody pasted a whole key: its secret does not stay in the address.
            return redirect(f"{reverse('keys')}?{urlencode({'q': words})}")
        return _keys_page(request, words=words)
    form = KeyForm(request.POST)
    limits = LimitsForm(request.POST, is_test="is_test" in request.POST)
    if not (form.is_valid() & limits.is_valid()):
        return _keys_page(request, form=form, limits_form=limits, status=422)
    key, plaintext = keys.issue(
        team=request.team,
        created_by=request.user,
        limits=limits.limits(),
        actor=request.membership,
        who=audit.who(request),
        **form.cleaned_data,
    )
    return _keys_page(request, plaintext=plaintext, made=key)


def _keys_page(
    request: HttpRequest,
    *,
    words: str = "",
    form: KeyForm | None = None,
    limits_form: LimitsForm | None = None,
    status: int = 200,
    **shown: Any,
) -> HttpResponse:
    chosen = request.GET.get("show", "") if request.GET.get("show", "") in key_list.FILTERS else ""
    after = row_number(request.GET.get("after", ""))
    context = {
        "form": form or KeyForm(),
        "limits_form": limits_form or LimitsForm(),
        "page": key_list.page(request.team, words=words, chosen=chosen, after=after),
        "words": words,
        "chosen": chosen,
        "is_narrowed": bool(words or chosen or after),
        "filters": key_list.FILTERS.values(),
        "may_manage": access.may(request.membership, "keys.manage", request.team),
        **shown,
    }
    return render(request, "accounts/keys.html", context, status=status)


@doors.team("keys.read")
@never_cache
@require_safe
def key_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One key: what it may do, what it spent, its last jobs."""
    return _key_page(request, _key(request, pk))


def _key_page(
    request: HttpRequest, key: ApiKey, *, form: NameForm | None = None, status: int = 200, **shown: Any
) -> HttpResponse:
    last = timezone.now().date()
    first = last - timedelta(days=USAGE_DAYS - 1)
    spent = list(key_usage.by_day(key, first=first, last=last))
    chart = charts.stacked(
        ((each.day, "credits", each.credits) for each in spent),
        first=first,
        last=last,
        labels={"credits": _("Credits")},
        others="",
    )
    context = {
        "key": key,
        "form": form or NameForm(instance=key),
        "limits": _limit_rows(key),
        "spent": spent,
        "spent_jobs": sum(each.jobs for each in spent),
        "chart": chart,
        "days": USAGE_DAYS,
        "successor": ApiKey.objects.filter(rolled_from=key).first(),
        "may_manage": access.may(request.membership, "keys.manage", request.team),
        **shown,
    }
    return render(request, "accounts/key.html", context, status=status)


def _limit_rows(key: ApiKey) -> dict[str, Any]:
    """What the page says of each limit, with what is used of it."""
    titles = {value: str(label) for value, label in key_limits.models()}
    return {
        "models": [titles.get(each, each) for each in key.allowed_models],
        "resolutions": key.resolutions,
        "addresses": key.addresses,
        "requests": key.requests_a_minute,
        "daily": key.daily_credits,
        "today": key_limits.spent_today(key),
        "total": key.total_credits,
        "in_all": key.spent_in_all,
        "any": key_limits.of(key).to_json(),
    }


@doors.team("keys.manage")
@require_POST
def key_rename(request: HttpRequest, pk: int) -> HttpResponse:
    key = _key(request, pk)
    form = NameForm(request.POST, instance=_key(request, pk))
    if not form.is_valid():
        return _key_page(request, key, form=form, status=422)
    keys.rename(key=key, name=form.cleaned_data["name"], actor=request.membership, who=audit.who(request))
    messages.success(request, _("The key is called %(name)s now.") % {"name": key})
    return redirect("key", key.pk)


@doors.team("keys.manage")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def key_limits_page(request: HttpRequest, pk: int) -> HttpResponse:
    """What a key may do, to be changed: for all requests that come afterwards."""
    key = _key(request, pk)
    if key.revoked_at:
        messages.error(request, keys.KeyEnded().sentence)
        return redirect("key", key.pk)
    form = LimitsForm(_posted(request), limits=key_limits.of(key), is_test=key.is_test)
    if not form.is_valid():
        status = 422 if form.is_bound else 200
        return render(request, "accounts/key_limits.html", {"key": key, "form": form}, status=status)
    try:
        keys.set_limits(key=key, limits=form.limits(), actor=request.membership, who=audit.who(request))
    except (keys.KeyEnded, keys.EndsWithItsRoll) as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, _("Saved. The limits hold from the next request on."))
    return redirect("key", key.pk)


@doors.team("keys.manage")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def key_roll(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks for the overlap, then makes the key that takes the old one's place; that answer alone shows it whole."""
    key = _key(request, pk)
    form = RollForm(_posted(request))
    if not form.is_valid():
        status = 422 if form.is_bound else 200
        return render(request, "accounts/key_roll.html", {"key": key, "form": form}, status=status)
    try:
        new, plaintext = keys.roll(
            key=key,
            overlap=form.length(),
            by=request.user,
            actor=request.membership,
            who=audit.who(request),
        )
    except (keys.KeyEnded, keys.AlreadyRolled) as refusal:
        messages.error(request, refusal.sentence)
        return redirect("key", key.pk)
    return _key_page(request, new, plaintext=plaintext)


@doors.team("keys.manage")
@require_http_methods(["GET", "HEAD", "POST"])
def key_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks (for browsers without scripts), then ends a key."""
    key = _key(request, pk)
    if request.method != "POST":
        return render(request, "accounts/key_revoke.html", {"key": key})
    keys.revoke(key=key, actor=request.membership, who=audit.who(request))
    messages.success(request, _("The key %(name)s is revoked and opens nothing any more.") % {"name": key})
    return redirect("keys")


def _posted(request: HttpRequest) -> QueryDict | None:
    """What came with a POST, be it nothing; None where there was none."""
    return request.POST if request.method == "POST" else None


def _key(request: HttpRequest, pk: int) -> ApiKey:
    return get_object_or_404(keys.for_team(request.team).select_related("rolled_from"), pk=pk)
