"""What a key can ask about itself and its team's credits."""

from datetime import date, datetime, timedelta
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from ninja import Router

from accounts import access, ledger
from accounts.keys import limits as key_limits
from accounts.ledger import usage
from accounts.models import ApiKey
from accounts.models.ledger import PurseKind
from jobs.api import describe, limits, strict
from jobs.api.auth import KeyAuth, key_of

MOST_DAYS = 92

router = Router(auth=KeyAuth(), tags=["Account"])


@router.get("/key", operation_id="get_key", summary=gettext_lazy("This key"), openapi_extra=describe.key())
def get_key(request: HttpRequest) -> JsonResponse:
    strict.no_query(request)
    key = key_of(request)
    return JsonResponse(
        {
            "id": key.public_id,
            "name": key.name,
            "label": key.label,
            "team": key.team.name,
            "test": key.is_test,
            "createdAt": key.created_at.isoformat(),
            "lastUsedAt": _time(key.last_used_at),
            "expiresAt": _time(key.expires_at),
            "limits": {
                "models": key.allowed_models,
                "resolutions": key.resolutions,
                "addresses": key.addresses,
                "requestsAMinute": limits.requests_a_minute(key) or None,
                "dailyCredits": key.daily_credits,
                "totalCredits": key.total_credits,
            },
            "spent": _spent(key),
        }
    )


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _spent(key: ApiKey) -> dict[str, int] | None:
    """What its limits of credits count, which is counted for keys that have one."""
    if not ledger.counts_credits(key):
        return None
    return {"today": key_limits.spent_today(key), "inAll": key.spent_in_all}


@router.get(
    "/balance",
    operation_id="get_balance",
    summary=gettext_lazy("API credits"),
    openapi_extra=describe.balance(),
)
def get_balance(request: HttpRequest) -> JsonResponse:
    strict.no_query(request)
    key = key_of(request)
    access.require(key, "credits.read", key.team)
    purse = ledger.balances(key.team).api
    return JsonResponse({"available": purse.available, "reserved": purse.reserved})


@router.get(
    "/usage",
    operation_id="get_usage",
    summary=gettext_lazy("Usage by day and model"),
    openapi_extra=describe.usage(),
)
def get_usage(request: HttpRequest) -> JsonResponse:
    key = key_of(request)
    access.require(key, "credits.read", key.team)
    first, last = _range(strict.query(request, {"from": _day, "to": _day}))
    used = list(usage.by_day(key.team, PurseKind.API, first=first, last=last))
    document: dict[str, Any] = {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "jobs": sum(each.jobs for each in used),
        "credits": sum(each.credits for each in used),
        "days": [
            {"date": each.day.isoformat(), "model": each.who, "jobs": each.jobs, "credits": each.credits}
            for each in used
        ],
    }
    return JsonResponse(document)


def _day(name: str, text: str) -> date:
    try:
        found = date.fromisoformat(text)
        # 20260131 and 2026-W05-6 are days to Python, and the first and last of its years have no neighbours.
        if found.isoformat() != text or not 2000 <= found.year < 9000:
            raise ValueError(text)
        return found
    except ValueError:
        sentence = _("%(name)s must be a day, such as 2026-01-31.") % {"name": name}
        raise strict.wrong(name, "invalid", sentence) from None


def _range(asked: dict[str, date]) -> tuple[date, date]:
    """From the first day to the last, in UTC: USAGE_DAYS up to today unless said otherwise."""
    last = asked.get("to") or timezone.now().date()
    first = asked.get("from") or last - timedelta(days=describe.USAGE_DAYS - 1)
    if not 0 <= (last - first).days < MOST_DAYS:
        sentence = _("from and to must name at most %(most)s days, the earlier one first.")
        raise strict.wrong("from", "out_of_range", sentence % {"most": MOST_DAYS})
    return first, last
