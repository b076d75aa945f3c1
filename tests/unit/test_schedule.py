import itertools
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.core.plan import Scenario
from prober.core.reasons import Outcome
from prober.watch.burst import RUNS, Confirm
from prober.watch.cadence import Cadence, Jitter, Key
from prober.watch.schedule import LATEST, Schedule, Skip, SkipReason, Start, Timetable
from tests.canary import Run, play

PASS, FAIL, INCONCLUSIVE = Outcome
SEEDS = st.integers(0, 2**32)
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


def a_life(seed: int, *, wall_offset: float = 0.0) -> Life:
    """Targets, durations, outcomes and lost time as a seed has them: the machine now and then loses up to hours."""
    dice = random.Random(seed)
    cadences = tuple(
        Cadence(
            key=key,
            interval=float(dice.choice([5, 20, 30, 45, 60, 300])),
            confirm=dice.choice([None, Confirm(), Confirm(), Confirm(pause=1, apart=3)]),
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
        return Run(start, now, now + lasts, outcome)

    def wake(due: float) -> float:
        return due + (dice.choice([1, 10, 100, 10_000]) * dice.random() if dice.random() < trouble else 0.001)

    now = dice.uniform(0, 1e7)
    first = Schedule.begin(timetable, now)
    life: list[tuple[float, Run | Skip]] = []
    for at, last, made in play(first, now, run, wake=wake, wall=lambda now: now + wall_offset):  # noqa: B007 - the last
        life += [(at, one) for one in made]
        if len(life) >= 150:
            break
    return Life(first, last, life)


@given(SEEDS)
def test_no_two_runs_of_a_key_overlap_and_no_more_run_than_may(seed: int) -> None:
    life = a_life(seed)
    for key in life.first.lines:
        assert all(one.ended <= other.started for one, other in itertools.pairwise(life.runs(key)))
    runs = [one for _, one in life.decisions if isinstance(one, Run)]
    for run in runs:
        together = sum(other.started <= run.started < other.ended for other in runs)
        assert together <= life.first.timetable.max_concurrent_runs


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


@given(SEEDS, st.floats(-1e9, 1e9))
def test_a_step_of_the_wall_clock_changes_nothing(seed: int, step: float) -> None:
    assert a_life(seed, wall_offset=step).decisions == a_life(seed).decisions


def test_a_million_intervals_later_the_starts_are_where_they_were() -> None:
    canary = Canary(interval=60.0)
    for skipped in (1, 1000, 10**6):
        moment = canary.phase + 60.0 * skipped
        later = Schedule.begin(canary.schedule.timetable, moment - 30)
        assert later.next_due() == moment
    life: list[float] = []
    schedule, healthy = canary.schedule, lambda start, now: Run(start, now, now + 4.0, PASS)
    for _, _, made in play(schedule, 0.0, healthy, wake=lambda due: due + 0.25):  # always late, never later
        life += [one.started for one in made if isinstance(one, Run)]
        if len(life) == 10_000:
            break
    assert life == pytest.approx([canary.phase + 60.0 * slot + 0.25 for slot in range(10_000)], abs=1e-6)


class Canary:
    """One key without jitter, whose moments are told from its first planned start on."""

    def __init__(self, interval: float = 60.0, failures: int = 0, at_most: int = 1, **cadence: object) -> None:
        self.key = Key("shop", Scenario.JOIN)
        self.cadence = Cadence(key=self.key, interval=interval, **cadence)  # type: ignore[arg-type]
        timetable = Timetable(cadences=(self.cadence,), max_concurrent_runs=at_most, jitter=Jitter(share=0))
        self.schedule = Schedule.begin(timetable, 0.0, {self.key: failures})
        self.phase = self.schedule.lines[self.key].grid.phase

    def due(self, at: float, wall: float = 0.0) -> list[tuple[str, str, float, float]]:
        """Each decision: its trigger, "start" or the reason, the planned moment and the lag."""
        decisions, self.schedule = self.schedule.due(self.phase + at, wall)
        return [
            (
                one.trigger,
                "start" if isinstance(one, Start) else one.reason.value,
                round(one.planned - self.phase, 6),
                round(one.lag, 6) if isinstance(one, Start) else 0.0,
            )
            for one in decisions
        ]

    def finished(self, at: float, outcome: Outcome = FAIL, seconds: float = 0.0, wall: float = 0.0) -> None:
        self.schedule = self.schedule.finished(self.key, self.phase + at, wall, outcome, seconds)

    @property
    def next(self) -> float:
        due = self.schedule.next_due()
        assert due is not None
        return round(due - self.phase, 6)

    def life(self, outcomes: str, lasts: float = 20.5, starts: int = 6) -> list[tuple[str, float, float]]:
        """The starts (trigger, moment, lag) with these outcomes (p, f or i), then passes."""
        given = iter(outcomes)
        made: list[tuple[str, float, float]] = []
        meaning: Mapping[str, Outcome] = {"p": PASS, "f": FAIL, "i": INCONCLUSIVE}

        def run(start: Start, now: float) -> Run:
            outcome = meaning[next(given, "p")]
            return Run(start, now, now + (4.0 if outcome is PASS else lasts), outcome)

        for at, _, decided in play(self.schedule, 0.0, run):
            for one in decided:
                name, lag = (one.start.trigger, one.start.lag) if isinstance(one, Run) else (one.reason.value, 0.0)
                made.append((name, round(at - self.phase, 6), round(lag, 6)))
            if len(made) == starts:
                return made
        raise AssertionError("a schedule without end ended")


@pytest.mark.parametrize(
    ("outcomes", "starts"),
    [
        ("p", [("scheduled", 0, 0), ("scheduled", 60, 0), ("scheduled", 120, 0)]),
        ("fp", [("scheduled", 0, 0), ("confirm", 30.5, 0), ("scheduled", 60, 0), ("scheduled", 120, 0)]),
        # the start that falls due in the burst is the burst's next run, and the one after it is on time again
        ("fff", [("scheduled", 0, 0), ("confirm", 30.5, 0), ("scheduled", 61, 1), ("scheduled", 120, 0)]),
        ("ffp", [("scheduled", 0, 0), ("confirm", 30.5, 0), ("scheduled", 61, 1), ("scheduled", 120, 0)]),
        # failures that go on begin no burst; the next first failure does
        ("ffffff", [("scheduled", at, lag) for at, lag in ((120, 0), (180, 0), (240, 0))]),
        ("ffffpf", [("scheduled", 120, 0), ("scheduled", 180, 0), ("scheduled", 240, 0), ("confirm", 270.5, 0)]),
        # an inconclusive run begins no burst, and within one it takes its place
        ("ii", [("scheduled", 0, 0), ("scheduled", 60, 0), ("scheduled", 120, 0)]),
        ("fif", [("scheduled", 0, 0), ("confirm", 30.5, 0), ("scheduled", 61, 1), ("scheduled", 120, 0)]),
        ("fii", [("scheduled", 0, 0), ("confirm", 30.5, 0), ("scheduled", 61, 1), ("scheduled", 120, 0)]),
    ],
)
def test_a_first_failure_is_looked_at_again(outcomes: str, starts: list[tuple[str, float, float]]) -> None:
    life = Canary().life(outcomes, starts=12)
    assert life[life.index(starts[0]) :][: len(starts)] == starts


def test_a_burst_between_two_rare_starts_has_two_runs() -> None:
    life = Canary(interval=300.0).life("ffff", lasts=45, starts=5)
    assert life == [
        ("scheduled", 0, 0),
        ("confirm", 55, 0),
        ("confirm", 110, 0),
        ("scheduled", 300, 0),
        ("scheduled", 600, 0),
    ]


def test_confirm_runs_keep_their_distance_from_a_quick_failure() -> None:
    life = Canary(interval=300.0).life("fff", lasts=0.5, starts=3)
    assert life == [("scheduled", 0, 0), ("confirm", 30, 0), ("confirm", 60, 0)]


@pytest.mark.parametrize(("confirm", "interval"), [(None, 60.0), (Confirm(), 10.0), (Confirm(), 29.9)])
def test_without_a_rule_or_where_starts_are_closer_than_it_there_is_no_burst(
    confirm: Confirm | None, interval: float
) -> None:
    life = Canary(interval=interval, confirm=confirm).life("fff", lasts=5, starts=4)
    assert life == [("scheduled", pytest.approx(slot * interval), 0) for slot in range(4)]


def test_a_restart_in_mid_outage_begins_no_burst_and_goes_on_counting() -> None:
    canary = Canary(failures=1)
    assert canary.due(0) == [("scheduled", "start", 0, 0)]
    canary.finished(20.5)
    assert canary.schedule.lines[canary.key].failures == 2
    assert canary.next == 60


def test_a_start_that_falls_due_during_the_last_run_of_a_burst_is_made_after_it() -> None:
    canary = Canary()
    canary.due(0)
    canary.finished(1)
    assert canary.due(30) == [("confirm", "start", 30, 0)]
    assert canary.due(60) == []  # held
    canary.finished(61, PASS)
    assert (canary.next, canary.due(70.9)) == (71, [])
    assert canary.due(71) == [("scheduled", "start", 60, 11)]
    canary.finished(75, PASS)
    assert canary.next == 120


def test_of_two_starts_that_fall_due_during_one_run_of_a_burst_the_later_is_made() -> None:
    canary = Canary()
    canary.due(0)
    canary.finished(50)
    assert canary.due(60) == [("scheduled", "start", 60, 0)]
    assert canary.due(120) == []
    assert canary.due(180) == [("scheduled", "overlap", 120, 0)]
    canary.finished(181)
    assert canary.due(191) == [("scheduled", "start", 180, 11)]


def test_a_run_under_way_is_not_joined_by_another() -> None:
    canary = Canary(at_most=5)
    canary.due(0)
    assert canary.due(60) == [("scheduled", "overlap", 60, 0)]
    canary.finished(61, PASS)
    assert canary.due(120) == [("scheduled", "start", 120, 0)]


@pytest.mark.parametrize(("late", "decision"), [(0.2, "start"), (30, "start"), (30.1, "overlap"), (59.9, "overlap")])
def test_a_late_start_is_made_until_the_next_one_is_nearer(late: float, decision: str) -> None:
    lag = late if decision == "start" else 0
    assert Canary().due(late) == [("scheduled", decision, 0, lag)]


def test_a_lost_hour_is_one_start_and_counted() -> None:
    decisions = Canary().due(3600 + 5)
    assert decisions == [
        *(("scheduled", "overlap", 60.0 * slot, 0) for slot in range(60)),
        ("scheduled", "start", 3600, 5),
    ]


def test_places_are_given_to_the_oldest_first_and_nobody_waits() -> None:
    cadences = tuple(Cadence(key=key, interval=60.0) for key in KEYS)
    schedule = Schedule.begin(Timetable(cadences=cadences, max_concurrent_runs=2), 0.0)
    planned = {key: line.grid.planned(line.slot) for key, line in schedule.lines.items()}
    order = sorted(KEYS, key=lambda key: planned[key])
    decisions, schedule = schedule.due(planned[order[3]], 0.0)
    started = [one.key for one in decisions if isinstance(one, Start) and one.lag <= 30]
    fresh = [key for key in order[:4] if planned[order[3]] - planned[key] <= 30]
    assert started == fresh[:2]
    assert [one.key for one in decisions if isinstance(one, Skip) and one.reason is SkipReason.CONCURRENCY] == fresh[2:]


def test_a_confirm_run_without_a_place_is_given_up() -> None:
    other = Key("bank", Scenario.JOIN)
    cadences = (Cadence(key=KEYS[-2], interval=300.0), Cadence(key=other, interval=300.0))
    schedule = Schedule.begin(Timetable(cadences=cadences, max_concurrent_runs=1), 0.0)
    key = min(schedule.lines, key=lambda key: schedule.lines[key].grid.planned(schedule.lines[key].slot))
    now = schedule.next_due()
    assert now is not None
    _, schedule = schedule.due(now, 0.0)
    schedule = schedule.finished(key, now + 1, 0.0, FAIL, 0.0)
    (blocker,) = {KEYS[-2], other} - {key}
    start, schedule = schedule.manual(blocker, now + 2, 0.0)
    assert isinstance(start, Start)
    decisions, schedule = schedule.due(now + 30, 0.0)
    assert decisions == (Skip(key=key, trigger="confirm", planned=now + 30, reason=SkipReason.CONCURRENCY),)
    assert schedule.lines[key].burst is None
