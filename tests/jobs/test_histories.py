"""Random histories of jobs and credits, with threads at barriers and crashes, against a model of what should be.

After each step the rows say what the model says; after each history, and now and then within it, everything adds up
(I1, I2, I3, I6, I11), and states and names are as they may be (I5, I9). Steps that race must come to what they would
have come to one after the other.
"""

import copy
import itertools
import math
import sys
import uuid
import wave
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from jobs import reconciliation, samples
from jobs.models import IdempotencyKey, Job, JobEvent
from jobs.models.jobs import ACTIVE_STATES
from jobs.verbs import VERBS
from tests.conftest import Character
from tests.jobs.history_site import THREADS, Site, Threads, crashed_at, rolled_back
from tests.jobs.history_world import CRASHED, PACKS, Step, Who, World

STARTING = 80
STEPS_A_HISTORY = 50
ADDED_UP_EVERY = 10  # steps: it takes longer than a step does

SLOTS = st.integers(0, 3)
WHO = st.builds(Who, st.sampled_from([0, 0, 0, 1]), st.sampled_from(["api", "user"]))
AMOUNTS = st.integers(1, 60)
REFERENCES = st.integers(0, 9)
CLAIMS = {"slot": SLOTS, "ago": st.sampled_from([0, 0, 0, 1])}  # `ago`: a worker of an earlier attempt
STEPS = {
    "submit": {
        "who": WHO,
        "resolution": st.sampled_from(["480p", "720p"]),
        "ready": st.booleans(),
        "name": st.sampled_from([None, None, "a", "b", "c"]),
        "webhook": st.booleans(),
    },
    "claim": {"fetch": st.booleans()},
    "price": {**CLAIMS, "amount": AMOUNTS},
    **dict.fromkeys(("ready", "release", "postpone", "hand_off", "heartbeat", "succeed"), CLAIMS),
    **dict.fromkeys(("fail_claimed", "lose"), CLAIMS),
    **{name: {"slot": SLOTS} for name in ("fail", "cancel", "lease_ends", "deadline_passes")},
    "sweep": {},
    "grant": {
        "who": WHO,
        "amount": AMOUNTS,
        "reference": REFERENCES,
        "lasts": st.sampled_from(["soon", "soon", "far", "rest"]),
    },
    "purchase": {"who": WHO, "number": st.integers(0, PACKS - 1)},
    "refund": {"who": WHO, "amount": AMOUNTS, "reference": REFERENCES},
    "adjust": {
        "who": WHO,
        "amount": st.integers(-40, 40).filter(bool),
        "reference": REFERENCES,
    },
    "expire": {},
    "cap": {"who": WHO, "most": st.sampled_from([None, None, 0, 40, 100, 200])},
    "limit": {"team": st.integers(0, 1), "most": st.sampled_from([None, None, (30, 200), (200, 60)])},
}
# More of what a job's life is made of, so that many lives are lived to their ends.
OFTEN = (
    ["submit"] * 5 + ["claim"] * 6 + ["price"] * 4 + ["succeed"] * 3 + ["cancel", "fail", "sweep", "ready"]
)
ORDER = {"running": 0, "waiting": 1, "queued": 2}
# Not one transaction: it may be half done, and what comes in between may see the half.
IN_PARTS = {"sweep", "expire"}
# What of others would tell when something that is done in parts was in the middle.
TELLS = {"expire", "refund", "sweep"}
# Says of itself that it does not count those who reserve at that moment.
ALONE = {"limit"}


@st.composite
def steps(draw):
    name = draw(st.sampled_from([*STEPS, *OFTEN]))
    return Step(name, {key: draw(strategy) for key, strategy in STEPS[name].items()})


class Histories(RuleBasedStateMachine):
    """One history: a fresh site, its model, and the steps that both take."""

    threads: ClassVar[Threads]
    characters: ClassVar[list[Character]]
    taken: ClassVar[dict[str, int]]

    @initialize()
    def begin(self):
        self.day = datetime.now(UTC).date()
        self.site = Site(self.characters, STARTING)
        self.world = World(STARTING, PRICES)
        self.checked, self.sound = 0, True

    @rule(step=steps())
    def do(self, step):
        step = self._aimed(step)
        self._count("alone")
        self._follow(step, self.site.act(step))

    @rule(step=steps())
    def do_twice(self, step):
        """A retry by somebody who did not hear the answer."""
        step = self._aimed(step)
        self._count("repeated")
        self._follow(step, self.site.act(step))
        self._follow(step, self.site.act(step))

    @rule(several=st.lists(steps(), min_size=2, max_size=THREADS), pause=st.integers(0, 9))
    def race(self, several, pause):
        self._race([self._aimed(step) for step in several], pause)

    @rule(step=steps(), count=st.integers(2, THREADS), pause=st.integers(0, 9))
    def click_twice(self, step, count, pause):
        self._race([self._aimed(step)] * count, pause)

    @rule(step=steps(), statement=st.integers(1, 12), killed=st.booleans())
    def crash(self, step, statement, killed):
        step = self._aimed(step)
        self._count("crashed")
        if step.name in IN_PARTS:
            self._follow(step, self.site.act(step))
        else:
            self._follow(step, crashed_at(statement, lambda: self.site.act(step), killed=killed))

    @rule(several=st.lists(steps(), min_size=2, max_size=2), statement=st.integers(1, 12))
    def crash_in_a_race(self, several, statement):
        """The first dies in the middle of its transaction, while the other waits for it."""
        first, second = (self._aimed(step) for step in several)
        if {first.name, second.name} & (IN_PARTS | ALONE):
            return self.do_all([first, second])
        self._count("crashed in a race")
        acts = [
            lambda: crashed_at(statement, lambda: self.site.act(first), killed=False),
            lambda: self.site.act(second),
        ]
        return self._settle([first, second], self.threads.race(acts, pause=statement))

    @rule(step=steps())
    def roll_back(self, step):
        step = self._aimed(step)
        self._count("rolled back")
        assert rolled_back(lambda: self.site.act(step)) == CRASHED
        self._check()

    def teardown(self):
        if getattr(self, "sound", False):  # else what was wrong has been said
            assert reconciliation.findings() == []
            _states_move_along_the_graph()
            _names_match_jobs_one_to_one()

    def do_all(self, several):
        for step in several:
            self._count("alone")
            self._follow(step, self.site.act(step))

    def _race(self, several, pause):
        names = [step.name for step in several]
        apart = any(name in IN_PARTS for name in names) and (len(names) > 2 or set(names) <= TELLS)
        if apart or set(names) & ALONE:
            return self.do_all(several)
        self._count("raced")
        acts = [lambda step=step: self.site.act(step) for step in several]
        return self._settle(several, self.threads.race(acts, pause=pause))

    def _settle(self, several, seen):
        """Find an order in which the steps, one after the other, have these answers and leave these rows."""
        rows = self.site.snapshot()
        for order in itertools.permutations(range(len(several))):
            world = copy.deepcopy(self.world)
            if all(world.follow(several[each], seen[each]) for each in order) and world.snapshot() == rows:
                self.world = world
                return self._check()
        self.sound = False
        story = "\n".join(f"  {step} answered {answer!r}" for step, answer in zip(several, seen, strict=True))
        raise AssertionError(f"In no order would these come to that:\n{story}\n  and left {rows}")

    def _follow(self, step, seen):
        self.sound = False
        assert self.world.follow(step, seen), f"{step} answered {seen!r} in {self.world}"
        self._check()

    def _check(self):
        """The rows are what the model says."""
        self.sound = False
        there, expected = self.site.snapshot(), self.world.snapshot()
        if datetime.now(UTC).date() == self.day:  # else a month or a day began, and its counters with it
            for part, rows in expected.items():
                assert there[part] == rows
        self.checked += 1
        if self.checked % ADDED_UP_EVERY == 0:
            assert reconciliation.findings() == []
        self.sound = True

    def _count(self, how):
        self.taken[how] = self.taken.get(how, 0) + 1

    def _aimed(self, step):
        """The step with a job in the place of its slot: those in hand first, then those in line, the newest first."""
        args = dict(step.args)
        if "slot" in args:
            jobs = list(reversed(self.world.jobs.items()))
            jobs.sort(key=lambda each: ORDER.get(each[1].state, len(ORDER)))
            slot, ago = args.pop("slot"), args.pop("ago", None)
            args["job"], job = jobs[slot % len(jobs)] if jobs else (uuid.UUID(int=0), None)
            if ago is not None:
                args["attempt"] = max(0, (job.attempt if job else 1) - ago)
        if "reference" in args:
            args["reference"] = f"{args['who']}:{args['reference']}"
        return Step(step.name, args)


def _states_move_along_the_graph():
    """I5: each event leaves the state that the one before came to, by a verb that may; an end is the last."""
    verbs = {verb.name: verb for verb in VERBS}
    states = dict(Job.objects.values_list("pk", "state"))
    last = {}
    for event in JobEvent.objects.order_by("pk"):
        assert event.old == last.get(event.job_id, "")
        if event.verb == "submit":
            assert (event.old, event.new) == ("", "queued")
        else:
            assert event.old in ACTIVE_STATES
            assert event.old in verbs[event.verb].sources
            assert event.new == verbs[event.verb].target
        last[event.job_id] = event.new
    assert last == states


def _names_match_jobs_one_to_one():
    """I9; that each name is the model's was seen after each step."""
    jobs = list(IdempotencyKey.objects.values_list("job", flat=True))
    assert len(jobs) == len(set(jobs))


def _prices():
    """What a submit reserves, by resolution and by whether the lengths are known; billing rules of the contract."""
    with wave.open(str(samples.speech_path())) as speech:
        spoken = math.ceil(speech.getnframes() / speech.getframerate())
    rates = {"480p": 2, "720p": 4}
    seconds = {False: 5, True: max(5, spoken)}
    return {(name, ready): rate * seconds[ready] for name, rate in rates.items() for ready in (False, True)}


PRICES: dict[tuple[str, bool], int] = {}


@pytest.fixture
def machine(transactional_db, owner, stranger):
    PRICES.update(_prices())
    Histories.threads, Histories.characters, Histories.taken = Threads(), [owner, stranger], {}
    yield Histories
    Histories.threads.close()


def run(machine, histories, *, shrink=False):
    run_state_machine_as_test(
        machine,
        settings=hypothesis_settings(
            max_examples=histories,
            stateful_step_count=STEPS_A_HISTORY,
            deadline=None,
            database=None,
            phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_credits_add_up_after_each_step_of_some_histories(machine):
    run(machine, 4)


@pytest.mark.histories
@pytest.mark.timeout(1200)
def test_credits_add_up_after_each_of_ten_thousand_steps(machine, capsys):
    began = datetime.now(UTC)
    while sum(machine.taken.values()) < 10_000:
        run(machine, math.ceil((10_000 - sum(machine.taken.values())) / STEPS_A_HISTORY))
    took = datetime.now(UTC) - began
    with capsys.disabled():
        told = ", ".join(f"{count} {how}" for how, count in sorted(machine.taken.items()))
        steps = f"{sum(machine.taken.values())} steps on {connection.vendor}"
        sys.stdout.write(f"\n{steps} in {took / timedelta(seconds=1):.0f} s: {told}\n")
