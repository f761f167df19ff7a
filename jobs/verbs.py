"""The table of the state machine, and what its verbs are told. jobs/lifecycle carries them out."""

import uuid
from dataclasses import dataclass

from django.db.models import Q

from jobs.models import State
from jobs.models.jobs import ACTIVE_STATES


@dataclass(frozen=True)
class Verb:
    name: str
    sources: tuple[State, ...]
    target: State


CLAIM = Verb("claim", (State.QUEUED,), State.RUNNING)
PRICE = Verb("price", (State.RUNNING,), State.RUNNING)
HAND_OFF = Verb("hand_off", (State.RUNNING,), State.WAITING)
READY = Verb("ready", (State.RUNNING,), State.QUEUED)
ADOPT = Verb("adopt", (State.QUEUED,), State.WAITING)
POSTPONE = Verb("postpone", (State.RUNNING,), State.QUEUED)
SUCCEED = Verb("succeed", (State.RUNNING, State.WAITING), State.COMPLETED)
FAIL = Verb("fail", ACTIVE_STATES, State.FAILED)
CANCEL = Verb("cancel", ACTIVE_STATES, State.CANCELED)
REQUEUE = Verb("requeue", (State.RUNNING,), State.QUEUED)
RELEASE = Verb("release", (State.RUNNING,), State.QUEUED)

VERBS = (ADOPT, CLAIM, PRICE, READY, HAND_OFF, POSTPONE, SUCCEED, FAIL, CANCEL, REQUEUE, RELEASE)


@dataclass(frozen=True)
class Claim:
    """A worker's hold on a job. Every write of that worker carries the attempt, so a late one is fenced out."""

    job_id: uuid.UUID
    attempt: int

    @property
    def guard(self) -> Q:
        return Q(attempt=self.attempt)


@dataclass(frozen=True)
class Result:
    """What a finished render left: where it lies in the storage and what it is."""

    file: str
    url: str
    token: str
    sha256: str
    bytes: int
    seconds: float
    width: int
    height: int
    seed: int | None  # None: the one that was asked for
    timings: dict[str, int] | None
    warnings: list[str]
    prompt_words: list[str]
    execution_ms: int | None = None  # as the other server told it; None: measured here
