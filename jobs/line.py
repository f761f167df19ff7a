"""The lines: which job is next, and how many are before one. Reads only; jobs/lifecycle claims.

A line is what waits for this machine's engine, for one connection, or for a sample. A job is given a turn when it is
submitted: the one that is being made now, or the one after its team's last. So each turn holds one job of each team,
and a team with a thousand jobs in line delays another's first by one at most. Among those that are next, the team goes
first that has the fewest jobs in hand.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, Expression, IntegerField, Q, QuerySet, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from accounts.models import Team
from jobs.models import Connection, Job, State

ENGINE, SAMPLES = 0, -1  # the lines of Job.line; any other is a connection's id
FETCHES_A_TEAM = 1  # its servers may be slow
LOOKED_AT = 100  # from the head of the line, one job of each team in each turn
COUNTED_AT_MOST = 1000  # jobs before one; a read must not take longer with the line


@dataclass(frozen=True)
class Line:
    """Jobs that wait for one thing, those that have it now, and how many of these a team may have.

    order : what comes before the turn. at_once : None for the team's own number, or TEAM_CONCURRENCY.
    """

    waiting: QuerySet[Job]
    in_hand: QuerySet[Job]
    order: tuple[str, ...] = ()
    at_once: int | None = None

    def first(self) -> Job | None:
        """The job that is next, with nothing but its id and its team; None when nobody waits who may be next."""
        counts = dict(self.in_hand.order_by().values_list("team").annotate(Count("pk")))
        own = dict(Team.objects.filter(pk__in=counts).values_list("pk", "concurrency")) if counts else {}
        full = [team for team, count in counts.items() if count >= self._most(own[team])]
        line = self.waiting.exclude(team__in=full) if full else self.waiting
        heads: Iterable[Job] = line.order_by(*self.order, "turn", "created_at").only("pk", "team")[:LOOKED_AT]
        # min() keeps to the line where two are equal.
        return min(heads, key=lambda job: counts.get(job.team_id, 0), default=None)

    def has_room(self, team_id: int) -> bool:
        """Whether the team may have one more. Takes the team's lock: two workers that counted at once would exceed it.

        For the transaction of a claim.
        """
        team = Team.objects.select_for_update(no_key=True).get(pk=team_id)
        return self.in_hand.filter(team=team).count() < self._most(team.concurrency)

    def _most(self, own: int | None) -> int:
        return self.at_once or own or settings.TEAM_CONCURRENCY


def of(job: Job) -> int:
    """The line that a new job stands in."""
    return SAMPLES if job.is_test else job.connection_id or ENGINE


def for_engine() -> Line:
    """Jobs whose files are here, for this machine's engine."""
    waiting = Job.objects.filter(line=ENGINE, state=State.QUEUED, ready=True)
    return Line(waiting, _in_hand(ENGINE).filter(ready=True))


def for_samples() -> Line:
    """Jobs of test keys that are due."""
    return Line(_due(Job.objects.filter(line=SAMPLES, state=State.QUEUED, ready=True)), _in_hand(SAMPLES))


class _Round:
    """Goes from line to line, since turns say something only within one. Each process has its own."""

    def __init__(self) -> None:
        self._last = SAMPLES

    def next(self, waiting: QuerySet[Job]) -> int:
        """The line after the last one that jobs wait in."""
        lines = waiting.order_by("line").values_list("line", flat=True)
        found = lines.filter(line__gt=self._last).first()
        if found is None:
            found = lines.first()
        self._last = ENGINE if found is None else found
        return self._last


_fetching = _Round()


def for_fetching() -> Line:
    """Jobs whose files lie elsewhere, of one line, and the next time of another's."""
    jobs = Job.objects.filter(ready=False)
    waiting, in_hand = jobs.filter(state=State.QUEUED), jobs.filter(state=State.RUNNING)
    counts = in_hand.order_by().values("team").annotate(count=Count("pk"))
    free = waiting.exclude(team__in=counts.filter(count__gte=FETCHES_A_TEAM).values("team"))
    return Line(waiting.filter(line=_fetching.next(free)), in_hand, at_once=FETCHES_A_TEAM)


def for_connection(connection: Connection) -> Line:
    """Jobs for another server. One that was put off goes behind the others: it may be what the server stumbles over."""
    waiting = _due(
        Job.objects.filter(line=connection.pk, state=State.QUEUED, connection=connection, ready=True)
    )
    return Line(waiting, _in_hand(connection.pk).filter(ready=True), order=("attempt",))


def _due(jobs: QuerySet[Job]) -> QuerySet[Job]:
    return jobs.filter(Q(not_before=None) | Q(not_before__lte=timezone.now()))


def _in_hand(line: int) -> QuerySet[Job]:
    jobs = Job.objects.filter(line=line)
    if line in (ENGINE, SAMPLES):  # these hand nothing on, and one state has an index of its own
        return jobs.filter(state=State.RUNNING)
    return jobs.filter(connection=line, state__in=(State.RUNNING, State.WAITING))


def turn_of(job: Job) -> Expression:
    """The turn of a new job in its line, for the INSERT that saves it. In the transaction that has reserved its
    credits: two submits of one team meet at its purse, and take different turns.

    What is only being fetched says nothing of the turn that is being made: fetching runs far ahead of it.
    """
    queued, in_hand = Job.objects.filter(line=job.line, state=State.QUEUED), _in_hand(job.line)
    own = {"team": job.team_id}
    now = Coalesce(_turn(in_hand.filter(ready=True), "-turn"), _turn(queued, "turn"), 0)
    after_own = (Coalesce(_turn(jobs.filter(**own), "-turn") + 1, 0) for jobs in (queued, in_hand))
    return Greatest(now, *after_own)


def _turn(jobs: QuerySet[Job], order: str) -> Subquery:
    return Subquery(jobs.order_by(order).values("turn")[:1])


# Written out, since building it costs a read more than running it; `_before` says the same.
AHEAD = """CASE WHEN jobs_job.state = 'queued' THEN (SELECT COUNT(*) FROM (
    SELECT 1 FROM jobs_job AS earlier
    WHERE earlier.state = 'queued' AND earlier.line = jobs_job.line AND earlier.turn <= jobs_job.turn
    AND (earlier.turn < jobs_job.turn OR earlier.created_at < jobs_job.created_at)
    LIMIT 1000) AS counted) END"""


def with_ahead(jobs: QuerySet[Job]) -> QuerySet[Job]:
    """The jobs with `ahead`, how many are before each in line, so that a read of them needs no second query."""
    return jobs.annotate(ahead=RawSQL(AHEAD, (), output_field=IntegerField()))  # noqa: S611 - as written above


def queue_position(job: Job) -> int | None:
    """1 for the job that is next, COUNTED_AT_MOST for any that is so far behind; None once it is taken up."""
    if job.state != State.QUEUED:
        return None
    ahead = getattr(job, "ahead", None)
    if ahead is None:
        ahead = _before(job).count()
    return min(ahead + 1, COUNTED_AT_MOST)


def _before(job: Job) -> QuerySet[Job]:
    line = Job.objects.filter(line=job.line, state=State.QUEUED, turn__lte=job.turn)
    earlier = line.filter(Q(turn__lt=job.turn) | Q(created_at__lt=job.created_at))
    return earlier.order_by()[:COUNTED_AT_MOST]
