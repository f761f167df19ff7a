"""Caps of a team and limits of a key, and who is to be told that little is left."""

from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from accounts.ledger.counting import day_of, outstanding
from accounts.ledger.writing import MOST, lock
from accounts.models import ApiKey, Entry, Purse, Team
from accounts.models.ledger import EntryKind, PurseKind

# Between two mails of one purse, however often it falls and whoever changes its alert.
QUIET = timedelta(hours=6)


def set_limits(*, team: Team, kind: str, monthly_cap: int | None, alert_below: int | None) -> None:
    """What may be spent of a purse in a calendar month (UTC), and below what its team is written to; None for none.

    A cap holds from the next reservation on, and what was spent this month before it was set counts. A changed
    alert is a new one: it goes out although the old one did, once QUIET is over.
    """
    for value in (monthly_cap, alert_below):
        if value is not None and (type(value) is not int or not 0 <= value <= MOST):
            raise ValueError(f"A limit is a whole number of at least 0 and at most {MOST}, not {value!r}.")
    Purse.objects.filter(team=team, kind=kind).update(
        monthly_cap=monthly_cap,
        alert_below=alert_below,
        alerted_at=Case(When(alert_below=alert_below, then=F("alerted_at")), default=Value(None)),
    )


def count_for_key(key: ApiKey) -> None:
    """Set a key's counters right by the ledger, in the transaction that gives it its limits.

    A request that read the key before and reserves after is stopped by keys.as_judged().
    """
    now = timezone.now()
    with transaction.atomic():
        # The key's row, then the purse's, as everywhere; the purse's keeps back who would reserve meanwhile.
        ApiKey.objects.filter(pk=key.pk).update(spent_day=day_of(now))
        lock(Purse.objects.filter(team=key.team_id, kind=PurseKind.API))
        lines = Entry.objects.filter(key=key, kind__in=[EntryKind.RESERVE, EntryKind.GIVE_BACK])
        in_all = -(lines.aggregate(sum=models.Sum("available_change"))["sum"] or 0)
        # And what the key was rolled with, which are no lines of its own.
        carried_today = Case(When(carried_day=day_of(now), then=F("carried_on_day")), default=0)
        ApiKey.objects.filter(pk=key.pk).update(
            spent_day=day_of(now),
            spent_on_day=carried_today + _on_day(lines),
            spent_in_all=F("carried_in_all") + in_all,
        )


def _on_day(lines: models.QuerySet[Entry]) -> int:
    """What was reserved today and was not given back."""
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)  # time zone UTC
    jobs: dict[object, list[Entry]] = {}
    todays = lines.filter(created_at__gte=midnight)
    of_today = lines.filter(
        Q(job_id__in=todays.order_by().values("job_id")) | Q(pk__in=todays.order_by().values("pk"))
    )
    for line in of_today.order_by("pk"):
        jobs.setdefault(line.job_id, []).append(line)
    return sum(amount for each in jobs.values() for at, amount in outstanding(each) if at >= midnight)


def low_purses() -> models.QuerySet[Purse]:
    """Purses of open teams that hold less than their alert, and whose team is to be told of it now."""
    return (
        Purse.objects.filter(_to_be_told(timezone.now()))
        .filter(team__disabled_at=None, team__deleted_at=None)
        .select_related("team")
        .order_by("pk")
    )


def note_alerted(purse: Purse) -> bool:
    """Note that the team is told now, before it is: False when somebody else tells it, or it need not be told."""
    now = timezone.now()
    mine = Purse.objects.filter(_to_be_told(now), pk=purse.pk)
    return bool(mine.update(alerted_at=now, alert_mailed_at=now))


def unnote_alerted(purse: Purse) -> None:
    """Take back what note_alerted() noted: nobody could be told, so somebody is to try again.

    `purse` is as it was read before.
    """
    Purse.objects.filter(pk=purse.pk).update(alerted_at=None, alert_mailed_at=purse.alert_mailed_at)


def _to_be_told(now: datetime) -> Q:
    """Too little is left, nobody was told since there was enough, and the last mail is long enough ago."""
    quiet = Q(alert_mailed_at=None) | Q(alert_mailed_at__lte=now - QUIET)
    return quiet & Q(alerted_at=None, available__lt=F("alert_below"))


def rearm_alerts() -> int:
    """Purses that hold enough again may be told of anew; returns how many."""
    enough = Q(alert_below=None) | Q(available__gte=F("alert_below"))
    return Purse.objects.exclude(alerted_at=None).filter(enough).update(alerted_at=None)
