"""A month of small troubles by the real schedule, and what Prometheus would have scraped of it. Pure."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from prober.core.metric_schema import PREFIX
from prober.core.plan import TIMEOUTS, Scenario
from prober.core.reasons import Outcome
from prober.limits import DAY
from prober.watch.cadence import INTERVALS, Cadence, Key
from prober.watch.schedule import Schedule, Start, Timetable
from tests.canary import Run, play

BEGINS = 1_790_035_200
"""Unix time of the first day."""
SCRAPE, SELDOM = 15, 60
"""Seconds between samples; those of what never changes are fewer."""
STALL = 60.0
HEALTHY: Mapping[Scenario, float] = {Scenario.JOIN: 4.0, Scenario.CONVERSATION: 14.0}
"""Seconds of a run in which all is well."""


class Month(NamedTuple):
    """Which troubles there are."""

    name: str
    failing: float
    """Seconds of a run that fails."""
    stalls: bool = True
    """Whether each day has one of STALL seconds, at any time of it; all runs fail that start in it."""
    at_last: float = 0.005
    """The share of runs that fails for itself in the last two days; before, it is FLAKY."""


FLAKY = 0.005
MONTHS = (
    Month("0.5 % flakes, a stall of 60 s a day; runs fail at once", failing=0.5),
    Month("the same; runs fail at the deadline", failing=20.5),
    Month("0.5 % flakes, 2 % in the last two days", failing=20.5, stalls=False, at_last=0.02),
)


class State(NamedTuple):
    """What an exporter says of a line."""

    runs: int = 0
    failures: int = 0
    in_a_row: int = 0
    last: float = 0.0

    def after(self, run: Run) -> "State":
        """What it says when this run has ended."""
        failed, scheduled = run.outcome is Outcome.FAIL, run.start.trigger == "scheduled"
        return State(
            runs=self.runs + scheduled,
            failures=self.failures + (failed and scheduled),
            in_a_row=self.in_a_row + 1 if failed else 0,
            last=run.ended,
        )


def runs_of(month: Month, days: int, seed: int = 1) -> list[Run]:
    """All runs of a month, in the order in which they ended."""
    chance, ended = random.Random(seed), list[Run]()
    stalls = [day * DAY + chance.uniform(0, DAY - STALL) for day in range(days + 1)]

    def run(start: Start, now: float) -> Run:
        flaky = chance.random() < (month.at_last if now >= (days - 2) * DAY else FLAKY)
        stalled = month.stalls and 0 <= now - stalls[int(now // DAY)] < STALL
        seconds = month.failing if flaky or stalled else HEALTHY[start.key.scenario]
        ended.append(Run(start, now, now + seconds, Outcome.FAIL if flaky or stalled else Outcome.PASS))
        return ended[-1]

    cadences = tuple(Cadence(key=Key("shop", scenario), interval=seconds) for scenario, seconds in INTERVALS.items())
    schedule = Schedule.begin(Timetable(cadences=cadences, max_concurrent_runs=len(cadences)), 0.0)
    for now, _, _ in play(schedule, 0.0, run):
        if now >= days * DAY - max(HEALTHY.values()):
            break
    return sorted((one for one in ended if one.ended < days * DAY), key=lambda one: one.ended)


SERIES: tuple[tuple[str, str, Callable[[State], float]], ...] = (
    ("runs_total", ',trigger="scheduled"', lambda state: state.runs),
    ("run_failures_total", ',trigger="scheduled",reason="agent_absent"', lambda state: state.failures),
    ("objective_misses_total", ',trigger="scheduled",objective="agent_join"', lambda state: state.failures),
    ("consecutive_failures", "", lambda state: state.in_a_row),
    ("last_run_timestamp_seconds", "", lambda state: BEGINS + state.last),
)
STEADY: tuple[tuple[str, str, Callable[[Scenario], float]], ...] = (
    ("target_interval_seconds", "", lambda scenario: INTERVALS[scenario]),
    ("target_timeout_seconds", "", lambda scenario: TIMEOUTS[scenario]),
    ("target_paused", "", lambda _: 0),
    ("runs_inconclusive_total", ',trigger="scheduled",reason="prober_overload"', lambda _: 0),
    ("runs_skipped_total", ',reason="overlap"', lambda _: 0),
)
EXPORTER = 'job="livekit-prober",instance="i",location="here"'


def exposition(runs: Sequence[Run], days: int) -> Iterator[str]:
    """What was scraped, as OpenMetrics with timestamps."""
    seldom = range(BEGINS, BEGINS + days * DAY + 1, SELDOM)
    yield from (f"up{{{EXPORTER}}} 1 {moment}\n" for moment in seldom)
    for scenario in INTERVALS:
        line = f'{EXPORTER},target="shop",scenario="{scenario}"'
        states = list(_sampled([run for run in runs if run.key.scenario is scenario], days))
        for name, extra, of_line in STEADY:
            yield from (f"{PREFIX}{name}{{{line}{extra}}} {of_line(scenario)} {moment}\n" for moment in seldom)
        for name, extra, of_state in SERIES:
            prefix = f"{PREFIX}{name}{{{line}{extra}}}"
            for number, state in enumerate(states):
                yield f"{prefix} {of_state(state)} {BEGINS + number * SCRAPE}\n"
    yield "# EOF\n"


def _sampled(runs: Sequence[Run], days: int) -> Iterator[State]:
    state, following = State(), 0
    for moment in range(0, days * DAY + 1, SCRAPE):
        while following < len(runs) and runs[following].ended <= moment:
            state, following = state.after(runs[following]), following + 1
        yield state
