"""The page of a team's credits: what there is, what it was spent on, and its newest lines."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import access, audit, charts, doors, ledger
from accounts.forms.purses import LimitsForm, UsageForm
from accounts.ledger import statement, usage
from accounts.ledger.counting import month_spent
from accounts.models import Purse, Team
from accounts.models.ledger import PurseKind
from accounts.views import ledger_words

NEWEST = 10


@doors.team("credits.read")
@never_cache
@require_safe
def credit_list(request: HttpRequest) -> HttpResponse:
    purses = ledger.balances(request.team)
    spent = {kind: month_spent(getattr(purses, kind), timezone.now()) for kind in PurseKind.values}
    form = UsageForm(request.GET, purse=max(spent, key=lambda kind: spent[kind]))
    context = {
        "purses": [_purse(purses.user), _purse(purses.api)],
        "form": form,
        "usage": _usage(request.team, form),
        "by": usage.DIMENSIONS[form.cleaned_data["by"]].label,
        "rows": ledger_words.rows(statement.page(request.team, limit=NEWEST).entries),
        "may_manage": access.may(request.membership, "credits.manage", request.team),
    }
    return render(request, "accounts/credits.html", context)


@doors.team("credits.manage")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def credit_limits(request: HttpRequest) -> HttpResponse:
    """Caps and alerts: a form a purse; POST `purse` says which."""
    purses = ledger.balances(request.team)
    posted = request.POST.get("purse", "")
    forms = {purse.kind: _limits_form(request, purse) for purse in (purses.user, purses.api)}
    if posted in forms and forms[posted].is_valid():
        _save(request, posted, forms[posted].cleaned_data)
        messages.success(request, _("The cap and the alert are saved."))
        return redirect("credit_limits")
    shown = [{"form": form, **_purse(getattr(purses, kind))} for kind, form in forms.items()]
    failed = request.method == "POST"
    return render(request, "accounts/credits_limits.html", {"shown": shown}, status=422 if failed else 200)


def _limits_form(request: HttpRequest, purse: Purse) -> LimitsForm:
    posted = request.POST if request.POST.get("purse") == purse.kind else None
    kept = {"monthly_cap": purse.monthly_cap, "alert_below": purse.alert_below}
    return LimitsForm(posted, initial=kept, prefix=purse.kind)


def _save(request: HttpRequest, kind: str, limits: dict[str, int | None]) -> None:
    with transaction.atomic():
        ledger.set_limits(team=request.team, kind=kind, **limits)
        audit.record("credits.limits", team=request.team, who=audit.who(request), purse=kind, **limits)


def _purse(purse: Purse) -> dict[str, Any]:
    """A balance and all that a person wants to know about it."""
    spent = month_spent(purse, timezone.now())
    spent_by, icon = ledger_words.SPENT_BY[purse.kind]
    return {
        "purse": purse,
        "help": spent_by,
        "icon": icon,
        "spent": spent,
        "left_this_month": None if purse.monthly_cap is None else max(0, purse.monthly_cap - spent),
        "is_low": purse.alert_below is not None and purse.available < purse.alert_below,
        "expiring": ledger.expiring(purse)[:3],
    }


def _usage(team: Team, form: UsageForm) -> dict[str, Any]:
    """The chart, and the sums beside it."""
    asked = form.cleaned_data
    first, last = form.span
    used = list(usage.by_day(team, asked["purse"], first=first, last=last, by=asked["by"]))
    names = usage.names(team, asked["by"], {each.who for each in used})
    unnamed = _unnamed(asked["purse"], asked["by"])
    labels = {each.who: names.get(each.who, unnamed) for each in used}
    values = ((each.day, each.who, each.credits) for each in used)
    return {
        "chart": charts.stacked(values, first=first, last=last, labels=labels, others=_("All others")),
        "jobs": sum(each.jobs for each in used),
        "credits": sum(each.credits for each in used),
    }


def _unnamed(purse: str, by: str) -> str:
    """What stands where the ledger names no key or person: the other purse's kind, or somebody who is gone."""
    if by == "key":
        return _("Without a key")
    if by == "person":
        return _("API keys") if purse == PurseKind.API else _("Somebody who deleted their account")
    return _("Unknown")
