"""What several runs say together: how often they passed, and each measurement's spread. Pure.

No number is given from too few values, and values that did not come are never forgotten: a percentile ranks them behind
every value that came. An inconclusive run says nothing about its target and is left out.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from prober.core.events import TrialRequested
from prober.core.measure import OBJECTIVES
from prober.core.plan import Greeting, Ready
from prober.core.reasons import Outcome
from prober.core.record import RunRecord
from prober.core.series import PASSED, Series

ENOUGH = {"median": 3, "p90": 10, "p95": 20, "p99": 100}
"""Values that must have come before a percentile is given."""
PERCENT = {"median": 50, "p90": 90, "p95": 95, "p99": 99}
Z95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement over a series, in seconds: `n` values came, `misses` did not.

    `unusable` came, but were not believed. Percentiles are of nearest rank, hence always a value that was measured;
    null where too few came, or where the rank falls among the misses.
    """

    name: str
    n: int
    misses: int
    unusable: int
    min: float | None
    median: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    max: float | None


class Tally(msgspec.Struct, frozen=True, array_like=True):
    """What one run has to say on one measurement: values that came, and how many were missed or not believed."""

    values: tuple[float, ...] = ()
    misses: int = 0
    unusable: int = 0


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """All that statistics need of a run; without a tally where the run was not to measure something."""

    outcome: str
    exit_code: int
    tallies: dict[str, Tally]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Runs in numbers. The pass rate is of judged runs, with its 95 % interval; null where none was judged."""

    target: str
    scenario: str
    runs: int
    passed: int
    failed: int
    inconclusive: int
    objective_missed: int
    pass_rate: float | None
    pass_rate_low: float | None
    pass_rate_high: float | None
    measurements: tuple[Spread, ...]


class Statistics(Summary, frozen=True, kw_only=True):
    """A series in numbers."""

    exit_code: int
    required: int


def statistics(series: Series) -> Statistics:
    """The series in numbers."""
    made = summarize(series.target, series.scenario, map(outline, series.records))
    return Statistics(**msgspec.structs.asdict(made), exit_code=series.exit_code, required=series.required)


def outline(record: RunRecord) -> Outline:
    """What statistics need of this run."""
    tallies: dict[str, Tally] = {}
    for name in OBJECTIVES:
        readings = tuple(_readings(name, record))
        if readings:
            tallies[name] = Tally(
                values=tuple(value for value, _ in readings if value is not None),
                misses=sum(value is None and not void for value, void in readings),
                unusable=sum(value is None and void for value, void in readings),
            )
    return Outline(outcome=record.outcome, exit_code=record.exit_code, tallies=tallies)


def summarize(target: str, scenario: str, outlines: Iterable[Outline]) -> Summary:
    """These runs in numbers; they are asked for once, in any order."""
    outcomes: Counter[str] = Counter()
    misses: Counter[str] = Counter()
    unusable: Counter[str] = Counter()
    objective_missed = 0
    values: dict[str, list[float]] = {name: [] for name in OBJECTIVES}
    for run in outlines:
        outcomes[run.outcome] += 1
        objective_missed += run.outcome == Outcome.PASS and run.exit_code != PASSED
        for name, tally in () if run.outcome == Outcome.INCONCLUSIVE else run.tallies.items():
            values.setdefault(name, []).extend(tally.values)
            misses[name] += tally.misses
            unusable[name] += tally.unusable
    passed, failed = outcomes[Outcome.PASS], outcomes[Outcome.FAIL]
    low, high = pass_rate_interval(passed, passed + failed)
    return Summary(
        target=target,
        scenario=scenario,
        runs=outcomes.total(),
        passed=passed,
        failed=failed,
        inconclusive=outcomes[Outcome.INCONCLUSIVE],
        objective_missed=objective_missed,
        pass_rate=passed / (passed + failed) if passed + failed else None,
        pass_rate_low=low,
        pass_rate_high=high,
        measurements=tuple(
            spread_of(name, came, misses=misses[name], unusable=unusable[name])
            for name, came in values.items()
            if came or misses[name] or unusable[name]
        ),
    )


def pass_rate_interval(passed: int, judged: int) -> tuple[float, float] | tuple[None, None]:
    """The 95 % score interval of Wilson (1927) for a proportion; (None, None) of nothing.

    Brown, Cai and DasGupta (2001, "Interval estimation for a binomial proportion") recommend it for small n, where the
    usual one, p ± 1.96 √(p(1-p)/n), has no width at all after runs that all passed.
    """
    if judged == 0:
        return None, None
    rate, square = passed / judged, Z95**2
    middle = (rate + square / (2 * judged)) / (1 + square / judged)
    half = Z95 / (1 + square / judged) * math.sqrt(rate * (1 - rate) / judged + square / (4 * judged**2))
    return (0.0 if passed == 0 else middle - half), (1.0 if passed == judged else middle + half)


def nearest_rank(ordered: Sequence[float], misses: int, percent: int) -> float | None:
    """The smallest value that `percent` of all, the misses included, do not exceed; None where that is a miss."""
    rank = -(-percent * (len(ordered) + misses) // 100)
    return ordered[rank - 1] if 0 < rank <= len(ordered) else None


def spread_of(name: str, values: Sequence[float], *, misses: int = 0, unusable: int = 0) -> Spread:
    """The spread of these values."""
    ordered = sorted(values)
    median, p90, p95, p99 = (
        nearest_rank(ordered, misses, PERCENT[which]) if len(ordered) >= enough else None
        for which, enough in ENOUGH.items()
    )
    return Spread(
        name=name,
        n=len(ordered),
        misses=misses,
        unusable=unusable,
        min=min(ordered, default=None),
        median=median,
        p90=p90,
        p95=p95,
        p99=p99,
        max=max(ordered, default=None),
    )


def _readings(name: str, record: RunRecord) -> Iterator[tuple[float | None, bool]]:
    """Each value this run owes or has, and whether it came but was not believed."""
    if name == "response":
        yield from ((reading.response, reading.void is not None) for reading in record.prober.turns)
        return
    value: float | None = getattr(record.measurements, name)
    void = name in record.prober.voids or (name == "greeting" and record.prober.greeting_void is not None)
    if value is not None or void or _owed(name, record):
        yield value, void


def _owed(name: str, record: RunRecord) -> bool:
    """Whether a good run like this one has the value; what it need not have is no miss."""
    expected = record.expectations
    return {
        "trial": any(isinstance(event, TrialRequested) for event in record.timeline),
        "agent_ready": expected.ready is Ready.STATE,
        "greeting": expected.subscribes and expected.greeting is Greeting.EXPECTED,
        "yield_time": any(turn.barge_in is not None for turn in expected.turns),
    }.get(name, True)
