"""Reads for the pages and the API. Every one is scoped to a team."""

import uuid
from datetime import datetime

from django.db.models import QuerySet

from accounts.models import Team
from jobs.models import Job


def of_team(team: Team) -> QuerySet[Job]:
    return Job.objects.filter(team=team)


def history(team: Team, *, before: datetime | None = None, limit: int = 20) -> list[Job]:
    """The team's jobs, newest first; those submitted before `before` where it is given."""
    jobs = of_team(team).select_related("person", "key", "connection").order_by("-created_at", "-pk")
    if before:
        jobs = jobs.filter(created_at__lt=before)
    return list(jobs[:limit])


def detail(team: Team, job_id: uuid.UUID) -> Job:
    """One job with its people; Job.DoesNotExist when it is not there or another team's."""
    return of_team(team).select_related("person", "key", "connection").get(pk=job_id)


def for_api(team: Team, job_id: uuid.UUID) -> Job:
    """One job as the job document needs it, in one query."""
    return of_team(team).get(pk=job_id)
