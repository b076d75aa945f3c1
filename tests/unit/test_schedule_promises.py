"""What the schedule promises, whatever happens: lives of canaries drawn at random."""

import datetime
import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.core.plan import Scenario
from prober.core.reasons import Outcome
from prober.watch.budget import DAY
from prober.watch.burst import RUNS, Confirm
from prober.watch.cadence import Cadence, Jitter, Key
from prober.watch.maintenance import Window
from prober.watch.schedule import LATEST, Schedule, Skip, SkipReason, Start, Timetable
from tests.played_schedule import Run, play

PASS, FAIL, INCONCLUSIVE = Outcome
SEEDS = st.integers(0, 2**32)
lives = settings(max_examples=50, deadline=None)
WINDOW = Window(start=datetime.time(1), end=datetime.time(13))
KEYS = [Key(target, scenario) for target in ("bank", "cafe", "shop") for scenario in Scenario]


class Life(NamedTuple):
    """A canary's days: its schedule at the beginning and the end, each decision with its moment, in order."""

    first: Schedule
    last: Schedule
    decisions: Sequence[tuple[float, Run | Skip]]

    def runs(self, key: Key) -> list[Run]:
        return [one for _, one in self.decisions if isinstance(one, Run) and one.key == key]

    def skips(self, key: Key) -> list[Skip]:
        return [one for _, one in self.decisions if isinstance(one, Skip) and one.key == key]


def a_life(seed: int, *, unbound: bool = False, wall: Callable[[float], float] = lambda now: now) -> Life:
    """Targets, durations, outcomes and lost time as a seed has them: the machine now and then loses up to hours.

    `unbound` has no maintenance and no budget.
    """
    dice = random.Random(seed)
    windows = (WINDOW,) if dice.random() < 0.5 and not unbound else ()
    budget = None if unbound else dice.choice([None, 100.0, 1000.0])
    cadences = tuple(
        Cadence(
            key=key,
            interval=float(dice.choice([5, 20, 30, 45, 60, 300])),
            confirm=dice.choice([None, Confirm(), Confirm(), Confirm(pause=1, apart=3)]),
            maintenance=windows,
            budget=budget,
        )
        for key in dice.sample(KEYS, dice.randint(1, len(KEYS)))
    )
    timetable = Timetable(
        cadences=cadences,
        max_concurrent_runs=dice.randint(1, 4),
        jitter=Jitter(share=dice.choice([0, 0.05, 0.25]), seed=str(seed)),
    )
    sickness, trouble = dice.random(), dice.choice([0, 0.01, 0.2])

    def run(start: Start, now: float) -> Run:
        outcome = FAIL if dice.random() < sickness else dice.choice([PASS, PASS, INCONCLUSIVE])
        lasts = dice.choice([0.5, 4, 20.5, 29, 90]) * dice.uniform(0.9, 1.1)
        return Run(start, now, now + lasts, outcome, agent_seconds=lasts / 2)

    def wake(due: float) -> float:
        return due + (dice.choice([1, 10, 100, 10_000]) * dice.random() if dice.random() < trouble else 0.001)

    now = dice.uniform(0, 1e7)
    first = Schedule.begin(timetable, now)
    life: list[tuple[float, Run | Skip]] = []
    for at, last, made in play(first, now, run, wake=wake, wall=wall):  # noqa: B007 - the last
        life += [(at, one) for one in made]
        if len(life) >= 150:
            break
    return Life(first, last, life)


@lives
@given(SEEDS)
def test_no_two_runs_of_a_key_overlap_and_no_more_run_than_may(seed: int) -> None:
    life = a_life(seed)
    for key in life.first.lines:
        assert all(one.ended <= other.started for one, other in itertools.pairwise(life.runs(key)))
    runs = [one for _, one in life.decisions if isinstance(one, Run)]
    for run in runs:
        together = sum(other.started <= run.started < other.ended for other in runs)
        assert together <= life.first.timetable.max_concurrent_runs


@lives
@given(SEEDS)
def test_every_planned_start_is_made_or_skipped_exactly_once(seed: int) -> None:
    life = a_life(seed)
    for key, line in life.first.lines.items():
        last = life.last.lines[key]
        decided = sorted(
            [run.start.planned for run in life.runs(key) if run.start.trigger == "scheduled"]
            + [skip.planned for skip in life.skips(key) if skip.trigger == "scheduled"]
            + ([last.burst.held] if last.burst and last.burst.held is not None else [])
        )
        planned = [line.grid.planned(slot) for slot in range(line.slot, last.slot)]
        assert decided == planned
        assert last.grid.planned(last.slot) > life.decisions[-1][0]


@lives
@given(SEEDS)
def test_a_start_is_never_early_and_if_very_late_it_is_a_bursts(seed: int) -> None:
    life = a_life(seed)
    for key, line in life.first.lines.items():
        rule, before = line.cadence.confirm, None
        for run in life.runs(key):
            assert run.start.lag == pytest.approx(run.started - run.start.planned)
            assert run.start.lag >= 0
            if run.start.trigger == "confirm" or run.start.lag > LATEST * line.grid.interval:
                assert before is not None
                assert rule is not None
                assert run.started >= before.ended + rule.pause
                assert run.started >= before.started + rule.apart
            before = run


@lives
@given(SEEDS)
def test_starts_of_the_schedule_keep_their_distance(seed: int) -> None:
    life = a_life(seed)
    for key, line in life.first.lines.items():
        interval = line.grid.interval
        for one, other in itertools.pairwise(life.runs(key)):
            if other.start.trigger == "scheduled" and one.start.trigger == "scheduled":
                allowed = (1 - line.grid.jitter.share) * interval - one.start.lag
                assert other.started - one.started >= allowed - 1e-6
                if one.start.lag <= LATEST * interval:
                    assert other.started - one.started >= (1 - LATEST - line.grid.jitter.share) * interval - 1e-6


@lives
@given(SEEDS)
def test_confirm_runs_follow_a_first_failure_and_are_two_at_most(seed: int) -> None:
    life = a_life(seed)
    for key, line in life.first.lines.items():
        failures = since = 0
        for run in life.runs(key):
            since += 1
            if run.start.trigger == "confirm":
                assert line.cadence.confirm is not None
                assert line.cadence.interval >= line.cadence.confirm.apart
                assert failures > 0
                assert since <= RUNS
            if run.outcome is FAIL:
                failures += 1
                since = 0 if failures == 1 else since
            failures = 0 if run.outcome is PASS else failures


@lives
@given(SEEDS)
def test_lost_hours_lead_to_one_start_of_a_key_at_most(seed: int) -> None:
    starts: dict[tuple[float, Key], int] = defaultdict(int)
    at_once: dict[float, int] = defaultdict(int)
    life = a_life(seed)
    for at, one in life.decisions:
        if isinstance(one, Run):
            starts[at, one.key] += 1
            at_once[at] += 1
    assert max(starts.values(), default=0) <= 1
    assert max(at_once.values(), default=0) <= life.first.timetable.max_concurrent_runs


@lives
@given(SEEDS, st.floats(-1e9, 1e9))
def test_a_step_of_the_wall_clock_moves_no_start(seed: int, step: float) -> None:
    def stepped(now: float) -> float:
        return now + step * (int(now / 100) % 2)

    assert a_life(seed, unbound=True, wall=stepped).decisions == a_life(seed, unbound=True).decisions


@lives
@given(SEEDS)
def test_nothing_starts_in_maintenance_nor_beyond_the_budget(seed: int) -> None:
    life = a_life(seed)
    runs = [one for _, one in life.decisions if isinstance(one, Run)]
    for at, one in life.decisions:
        cadence = life.first.lines[one.key].cadence
        if isinstance(one, Run):
            assert not any(window.covers(at) for window in cadence.maintenance)
        elif one.reason is SkipReason.MAINTENANCE:
            assert WINDOW.covers(at)
        elif one.reason is SkipReason.BUDGET:
            assert cadence.budget is not None
            today = sum(
                run.agent_seconds
                for run in runs
                if run.key.target == one.key.target and run.ended < at and run.ended // DAY == at // DAY
            )
            assert today >= cadence.budget
