"""Reads for the pages and the API. Every one is scoped to a team."""

import uuid
from datetime import datetime

from django.db import connection
from django.db.models import Q, QuerySet

from accounts.models import ApiKey, Membership, Team
from jobs.line import AHEAD, with_ahead
from jobs.models import Job
from jobs.wire import states

ONE_JOB = (
    f"SELECT jobs_job.*, {AHEAD} AS ahead FROM jobs_job "  # noqa: S608
    "WHERE id = %s AND team_id = %s AND is_test = %s AND deleted_at IS NULL"
)


def of_team(team: Team) -> QuerySet[Job]:
    """Those that nobody has deleted."""
    return Job.objects.filter(team=team, deleted_at=None)


def last_of_key(key: ApiKey, *, limit: int) -> list[Job]:
    """What this key submitted last, newest first: of its own team, which a key never leaves."""
    return list(Job.objects.filter(key=key, deleted_at=None).order_by("-created_at", "-pk")[:limit])


def detail(team: Team, job_id: uuid.UUID) -> Job:
    """One job with its people; Job.DoesNotExist when it is not there or another team's."""
    return of_team(team).select_related("person", "key", "connection").get(pk=job_id)


def team_of(job_id: uuid.UUID, seats: list[Membership]) -> Team | None:
    """Whose job it is, among the teams that the person is in; None for all others, there or not."""
    mine = {seat.team_id: seat.team for seat in seats}
    found = (
        Job.objects.filter(pk=job_id, team__in=mine, deleted_at=None).values_list("team", flat=True).first()
    )
    return mine.get(found) if found else None


def for_api(key: ApiKey, job_id: uuid.UUID) -> Job:
    """One job of this kind of key as the job document needs it, in one query.

    By far the most frequent, so it is a statement that is ready.
    """
    wanted = Job._meta.pk.get_db_prep_value(job_id, connection)
    for job in Job.objects.raw(ONE_JOB, [wanted, key.team_id, key.is_test]):
        return job
    raise Job.DoesNotExist


def page(
    key: ApiKey,
    *,
    limit: int,
    status: str = "",
    model: str = "",
    reference: str = "",
    since: datetime | None = None,
    before: datetime | None = None,
    after: tuple[datetime, uuid.UUID] | None = None,
) -> list[Job]:
    """Jobs of this kind of key as their documents need them, newest first.

    `after` names the job, by time and id, that they stand behind. The page is found by its key and not by counting, so
    that the thousandth costs what the first does.
    """
    jobs = with_ahead(of_team(key.team).filter(is_test=key.is_test)).order_by("-created_at", "-pk")
    wanted = {"model": model, "reference": reference, "created_at__gte": since, "created_at__lt": before}
    jobs = jobs.filter(**{name: value for name, value in wanted.items() if value})
    if status:
        jobs = jobs.filter(state__in=states(status))
    if after:
        moment, job_id = after
        # The first condition alone bounds the index; the second drops what stood on the page before.
        jobs = jobs.filter(Q(created_at__lt=moment) | Q(pk__lt=job_id), created_at__lte=moment)
    return list(jobs[:limit])
