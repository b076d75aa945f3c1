"""What the schedule decides in each case, moment by moment."""

import datetime
from collections.abc import Mapping

import pytest

from prober.core.plan import Scenario
from prober.core.reasons import Outcome
from prober.watch.budget import DAY, Ledger
from prober.watch.burst import Confirm
from prober.watch.cadence import Cadence, Jitter, Key
from prober.watch.maintenance import Window
from prober.watch.schedule import Schedule, Skip, SkipReason, Start, Timetable
from tests.played_schedule import Run, play

PASS, FAIL, INCONCLUSIVE = Outcome
WINDOW = Window(start=datetime.time(1), end=datetime.time(13))
KEYS = [Key(target, scenario) for target in ("bank", "cafe", "shop") for scenario in Scenario]


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
    assert life == [("scheduled", round(slot * interval, 6), 0) for slot in range(4)]


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


def test_a_start_that_a_burst_holds_is_made_however_late() -> None:
    canary = Canary()
    canary.due(0)
    canary.finished(45)
    assert canary.due(55) == [("confirm", "start", 55, 0)]
    assert canary.due(60) == []
    canary.finished(99)
    assert canary.due(109) == [("scheduled", "start", 60, 49)]


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
    cadences = tuple(Cadence(key=key, interval=3600.0) for key in KEYS)
    schedule = Schedule.begin(Timetable(cadences=cadences, max_concurrent_runs=2), 0.0)
    planned = {key: line.grid.planned(line.slot) for key, line in schedule.lines.items()}
    now = max(planned.values())
    competing = sorted((key for key in KEYS if now - planned[key] <= 1800), key=lambda key: planned[key])
    decisions, schedule = schedule.due(now, 0.0)
    assert len(competing) > 2
    assert [one.key for one in decisions if isinstance(one, Start)] == competing[:2]
    skipped = [one.key for one in decisions if isinstance(one, Skip) and one.reason is SkipReason.CONCURRENCY]
    assert skipped == competing[2:]
    schedule = schedule.finished(competing[0], now + 1, 0.0, PASS, 0.0)
    assert schedule.due(now + 1, 0.0)[0] == ()


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


NOON, NIGHT = 12 * 3600.0, 23 * 3600.0


def test_maintenance_skips_what_falls_due_and_ends_a_burst() -> None:
    canary = Canary(maintenance=(WINDOW,))
    assert canary.due(0, wall=NOON) == [("scheduled", "maintenance", 0, 0)]
    assert canary.schedule.paused(canary.key, NOON)
    assert not canary.schedule.paused(canary.key, NIGHT)
    assert canary.due(60, wall=NIGHT) == [("scheduled", "start", 60, 0)]
    canary.finished(80.5)
    assert canary.due(90.5, wall=NOON) == [("confirm", "maintenance", 90.5, 0)]
    assert canary.next == 120


def test_a_spent_budget_skips_until_the_next_day() -> None:
    canary = Canary(budget=60.0)
    for at, seconds in ((0, 30.0), (60, 29.9), (120, 1.0)):  # the run that crosses the line is made
        assert canary.due(at, wall=NOON) == [("scheduled", "start", at, 0)]
        canary.finished(at + 4, PASS, seconds, wall=NOON)
    assert canary.due(180, wall=NOON) == [("scheduled", "budget", 180, 0)]
    assert not canary.schedule.paused(canary.key, NOON)
    assert [canary.schedule.closed(canary.key, when) for when in (NOON, DAY + 1.0)] == [SkipReason.BUDGET, None]
    assert canary.due(240, wall=DAY + 1.0) == [("scheduled", "start", 240, 0)]


def test_a_restart_goes_on_with_what_was_spent_today() -> None:
    canary = Canary(budget=60.0)
    ledger = Ledger().charged("shop", 60.0, NOON)
    canary.schedule = Schedule.begin(canary.schedule.timetable, 0.0, ledger=ledger)
    assert canary.due(0, wall=NOON) == [("scheduled", "budget", 0, 0)]


def test_a_stopped_schedule_starts_nothing_more_and_counts_it() -> None:
    canary = Canary()
    canary.due(0)
    canary.finished(1)
    canary.due(30)
    canary.due(60)  # held by the burst
    canary.schedule = canary.schedule.stop()
    assert canary.due(61) == [("scheduled", "shutdown", 60, 0)]
    canary.finished(62)
    assert canary.due(185) == [("scheduled", "shutdown", 120, 0), ("scheduled", "shutdown", 180, 0)]
    assert isinstance(canary.schedule.manual(canary.key, canary.phase + 186, 0.0)[0], Skip)


def test_a_manual_run_stands_in_the_way_and_is_counted_nowhere() -> None:
    canary = Canary(at_most=5)
    start, canary.schedule = canary.schedule.manual(canary.key, canary.phase - 1, 0.0)
    assert isinstance(start, Start)
    again, canary.schedule = canary.schedule.manual(canary.key, canary.phase - 0.5, 0.0)
    assert isinstance(again, Skip)
    assert again.reason is SkipReason.OVERLAP
    assert canary.due(0) == [("scheduled", "overlap", 0, 0)]
    canary.finished(19.5)
    assert canary.schedule.lines[canary.key].failures == 0
    assert canary.next == 60


def test_a_manual_run_in_a_burst_leaves_it_as_it_is_but_keeps_its_distance() -> None:
    canary = Canary(interval=300.0)
    canary.due(0)
    canary.finished(20.5)
    _, canary.schedule = canary.schedule.manual(canary.key, canary.phase + 25, 0.0)
    assert canary.due(30.5) == []
    canary.finished(45, PASS)
    assert canary.schedule.lines[canary.key].failures == 1
    assert canary.next == 55
    assert canary.due(55) == [("confirm", "start", 55, 0)]


def reload(canary: Canary, at: float, *cadences: Cadence) -> None:
    """Another timetable for this canary."""
    timetable = Timetable(cadences=cadences, max_concurrent_runs=1, jitter=Jitter(share=0))
    canary.schedule = canary.schedule.reload(timetable, canary.phase + at)


def test_a_reload_keeps_phase_burst_and_failures_of_what_stays() -> None:
    canary = Canary(interval=300.0)
    canary.due(0)
    canary.finished(20.5)
    before = canary.schedule
    other = Cadence(key=Key("bank", Scenario.JOIN), interval=300.0)
    reload(canary, 25, Cadence(key=canary.key, interval=300.0, budget=900.0), other)
    assert canary.schedule.lines[canary.key].cadence.budget == 900
    assert canary.schedule.lines[canary.key].burst == before.lines[canary.key].burst is not None
    assert canary.due(30.5) == [("confirm", "start", 30.5, 0)]
    reload(canary, 31, canary.cadence)
    canary.finished(51)
    assert canary.schedule.lines[canary.key].failures == 2
    assert canary.due(61) == [("confirm", "start", 61, 0)]


def test_a_reload_with_another_interval_keeps_burst_and_failures() -> None:
    canary = Canary(interval=300.0)
    canary.due(0)
    canary.finished(20.5)
    reload(canary, 25, Cadence(key=canary.key, interval=600.0))
    assert canary.due(30.5) == [("confirm", "start", 30.5, 0)]
    canary.finished(51)
    assert canary.schedule.lines[canary.key].failures == 2


def test_a_conversation_keeps_its_phase_when_the_interval_of_join_changes() -> None:
    join, conversation = Key("shop", Scenario.JOIN), Key("shop", Scenario.CONVERSATION)

    def timetable(interval: float) -> Timetable:
        cadences = (Cadence(key=join, interval=interval), Cadence(key=conversation, interval=300.0))
        return Timetable(cadences=cadences, max_concurrent_runs=1)

    before = Schedule.begin(timetable(60.0), 0.0)
    after = before.reload(timetable(45.0), 10.0)
    assert after.lines[conversation] == before.lines[conversation]
    assert after.lines[join].grid.interval == 45
    assert after.lines[join].grid.planned(after.lines[join].slot) >= 10


def test_a_start_that_fell_due_before_a_reload_is_not_lost() -> None:
    canary = Canary()
    reload(canary, 1, canary.cadence)
    assert canary.due(1) == [("scheduled", "start", 0, 1)]


def test_a_run_of_a_target_that_went_and_came_back_still_stands_in_the_way() -> None:
    canary = Canary()
    canary.due(0)
    reload(canary, 1)
    assert canary.schedule.next_due() is None
    reload(canary, 2, canary.cadence)
    assert canary.due(60) == [("scheduled", "overlap", 60, 0)]
    reload(canary, 61)
    canary.finished(62)
    assert not canary.schedule.running


def test_an_end_without_a_run_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        Canary().finished(1)


def test_timetables_that_cannot_be_are_refused() -> None:
    cadence = Canary().cadence
    with pytest.raises(ValueError, match="must be 1 or more"):
        Timetable(cadences=(cadence,), max_concurrent_runs=0)
    with pytest.raises(ValueError, match="twice"):
        Timetable(cadences=(cadence, cadence), max_concurrent_runs=1)
    with pytest.raises(ValueError, match="cannot come -1 s"):
        Confirm(pause=-1)
