"""How long results and inputs stay: the site's days, a team's own, and the jobs that are kept beyond them.

What is over stays over: nothing moves an end that has passed, so that expiry (jobs/media.py) may remove a file first
and its row afterwards, and no job is kept whose file is just being removed.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from django.conf import settings
from django.db import transaction
from django.db.models import (
    Case,
    DateTimeField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import access, audit
from accounts.models import Membership, Team
from jobs.form_state import upload_id, upload_value
from jobs.models import Job, JobInput, Retention, State, Upload
from jobs.models.jobs import ACTIVE_STATES

# What is let go stays so long at least: whoever did it by mistake has a day to keep it again.
AT_LEAST = timedelta(days=1)
# Nothing is kept or used in its last minute: expiry, which removes files before it writes to their rows, then never
# meets a transaction that began in time and ends too late.
SETTLING = timedelta(minutes=1)


@dataclass(frozen=True)
class Days:
    """How many days results stay after they are finished, and inputs after their last use."""

    results: int
    inputs: int


class TooManyKept(Exception):
    """The team keeps as many as it may."""

    @property
    def sentence(self) -> str:
        return _(
            "The team keeps %(most)s videos beyond their time, and may keep no more. Let one go first."
        ) % {"most": settings.KEPT_MAX_PER_TEAM}


class WrongDays(ValueError):
    """A number of days that the site does not offer."""


def site() -> Days:
    """The most that a team may choose, and what holds where it has not."""
    return Days(settings.RESULT_DAYS, settings.UPLOAD_DAYS)


def of(team: Team) -> Days:
    """The team's own days, within the site's."""
    return _within_site(Retention.objects.filter(team=team).first())


def of_job(job_id: uuid.UUID) -> Days:
    """Those of the team whose job it is."""
    return _within_site(Retention.objects.filter(team__jobs=job_id).first())


def _within_site(own: Retention | None) -> Days:
    most = site()
    if own is None:
        return most
    return Days(
        min(own.result_days or most.results, most.results), min(own.input_days or most.inputs, most.inputs)
    )


def upload_end(team: Team) -> datetime:
    """When a file that comes in now goes, if no job uses it."""
    return timezone.now() + timedelta(days=of(team).inputs)


def tie_inputs(job: Job) -> None:
    """Tie a job to its uploads, in the transaction of a claim: a submit has no query to spare (`named_in_line`)."""
    if wanted := _named_by(job):
        there = Upload.objects.filter(team=job.team, pk__in=wanted).values_list("pk", flat=True)
        uses = [JobInput(job=job, upload_id=upload) for upload in sorted(there)]
        JobInput.objects.bulk_create(uses, ignore_conflicts=True)


def prolong_inputs(job: Job) -> None:
    """Count the days of a job's uploads anew, from its end. For the transaction of its end."""
    if _named_by(job):
        tie_inputs(job)  # it may have ended without a claim
        _prolong(_inputs_of(job.pk).filter(lasting()), upload_end(job.team))


def named_in_line(team: Team, among: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Those of these uploads that jobs name which nobody has claimed yet, and which are not tied to them.

    Looked for as text in the database: to read a line of 10,000 jobs would take a deletion 0.2 s.
    """
    if not among:
        return set()
    waiting = _unclaimed().filter(team=team).annotate(text=Cast("form_state", TextField()))
    naming = reduce(or_, (Q(text__contains=upload_value(upload)) for upload in among))
    return {
        upload
        for job in waiting.filter(naming).only("form_state").iterator()
        for upload in _named_by(job)
        if upload in among
    }


def is_over() -> Q:
    """Uploads whose time is over, and that no unfinished job is to be made of.

    A job that is not claimed yet was submitted before the time of its uploads was over.
    """
    needing = JobInput.objects.filter(upload=OuterRef("pk"), job__state__in=ACTIVE_STATES)
    in_line = _unclaimed().filter(team=OuterRef("team"), created_at__lt=OuterRef("expires_at"))
    return Q(~Exists(needing), ~Exists(in_line), expires_at__lt=timezone.now())


def _unclaimed() -> QuerySet[Job]:
    return Job.objects.filter(state=State.QUEUED, attempt=0, deleted_at=None)


def _named_by(job: Job) -> set[uuid.UUID]:
    named = [value for value in job.form_state.get("values", {}).values() if isinstance(value, str)]
    return {upload for value in named if (upload := upload_id(value))}


def keep(*, job_id: uuid.UUID, team: Team, actor: Membership) -> bool:
    """Hold a result and its inputs until they are let go. False where it is kept already, over, or not there.

    Raises TooManyKept and PermissionDenied.
    """
    access.require(actor, "jobs.keep", team)
    now = timezone.now()
    with transaction.atomic():
        one_at_a_time(team)
        found = Job.objects.filter(pk=job_id, team=team, deleted_at=None, state=State.COMPLETED, keep=False)
        there = found.exclude(output_file="").filter(expires_at__gte=now + SETTLING)
        if not there.update(keep=True, expires_at=None, version=F("version") + 1, changed_at=now):
            return False
        if settings.KEPT_MAX_PER_TEAM and kept(team).count() > settings.KEPT_MAX_PER_TEAM:
            raise TooManyKept
        _inputs_of(job_id).filter(lasting()).update(expires_at=None)
        audit.record("job.keep", team=team, who=audit.Who(person=actor.user), target=str(job_id))
    return True


def let_go(*, job_id: uuid.UUID, team: Team, actor: Membership) -> bool:
    """Give a kept job an end again, a day from now at the earliest. False where it is not kept."""
    access.require(actor, "jobs.keep", team)
    now, days = timezone.now(), of(team)
    found = kept(team).filter(pk=job_id)
    finished = found.values_list("finished_at", flat=True).first()
    if finished is None:
        return False
    end = max(finished + timedelta(days=days.results), now + AT_LEAST)
    with transaction.atomic():
        one_at_a_time(team)
        if not found.update(keep=False, expires_at=end, version=F("version") + 1, changed_at=now):
            return False
        release_inputs(job_id, end=now + timedelta(days=days.inputs))
        audit.record("job.let_go", team=team, who=audit.Who(person=actor.user), target=str(job_id))
    return True


def one_at_a_time(team: Team) -> None:
    """For a transaction that keeps, lets go or deletes a job of the team, at its beginning.

    Two that count at once would keep one too many; and one that lets an input go does not see that another is just
    holding it for a second job.
    """
    Team.objects.select_for_update(no_key=True).get(pk=team.pk)


def release_inputs(job_id: uuid.UUID, *, end: datetime) -> None:
    """Give what a job held, and no other kept job holds, an end. For the transaction that lets it go."""
    held = JobInput.objects.filter(upload=OuterRef("pk"), job__keep=True)
    _inputs_of(job_id).filter(~Exists(held), expires_at=None).update(expires_at=end)


def kept(team: Team) -> QuerySet[Job]:
    """The team's jobs that are kept beyond their time."""
    return Job.objects.filter(team=team, deleted_at=None, keep=True)


def choose(*, team: Team, actor: Membership, days: Days, also_here: bool, who: audit.Who) -> None:
    """Set the team's days; also_here : for what is here already, too. Raises WrongDays and PermissionDenied."""
    access.require(actor, "retention.manage", team)
    most = site()
    if not (1 <= days.results <= most.results and 1 <= days.inputs <= most.inputs):
        raise WrongDays
    before = of(team)
    with transaction.atomic():
        Retention.objects.update_or_create(
            team=team, defaults={"result_days": days.results, "input_days": days.inputs}
        )
        if also_here:
            _move_ends(team, days)
        audit.record(
            "team.retention",
            team=team,
            who=who,
            result_days={"before": before.results, "after": days.results},
            input_days={"before": before.inputs, "after": days.inputs},
            also_here=also_here,
        )


def _move_ends(team: Team, days: Days) -> None:
    """Count the ends of what is here anew; what is over, and what is kept, stays so."""
    now = timezone.now()
    results = Job.objects.filter(team=team, deleted_at=None, keep=False, expires_at__gte=now).exclude(
        output_file=""
    )
    results.update(
        expires_at=ExpressionWrapper(F("finished_at") + timedelta(days=days.results), DateTimeField()),
        version=F("version") + 1,
        changed_at=now,
    )
    uploads = Upload.objects.filter(team=team, expires_at__gte=now)
    uploads.update(expires_at=now + timedelta(days=days.inputs))


def lasting() -> Q:
    """Uploads that are held, or not over for as long as a transaction may last: expiry never meets one half-way."""
    return Q(expires_at=None) | Q(expires_at__gte=timezone.now() + SETTLING)


def _inputs_of(job_id: uuid.UUID) -> QuerySet[Upload]:
    return Upload.objects.filter(pk__in=JobInput.objects.filter(job=job_id).values("upload"))


def _prolong(uploads: QuerySet[Upload], end: datetime) -> None:
    """Move their ends on; what is held stays held, and none goes earlier."""
    uploads.update(
        expires_at=Case(
            When(Q(expires_at=None) | Q(expires_at__gte=end), then=F("expires_at")), default=Value(end)
        )
    )
