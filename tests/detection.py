"""How soon the canary sees an outage, and how often it takes a harmless stall for one: the real schedule, simulated.

`make detection` writes the table into docs/operations.md.
"""

import itertools
import math
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from prober.core.plan import Scenario
from prober.core.reasons import Outcome
from prober.watch.burst import Confirm
from prober.watch.cadence import Cadence, Jitter, Key
from prober.watch.schedule import Schedule, Start, Timetable
from tests.played_schedule import Run, play

DOCUMENT = Path("docs/operations.md")
BEGIN, END = "<!-- make detection: begin -->\n", "<!-- make detection: end -->\n"

HEALTHY = 4.0
"""Seconds of a `join` run in which all is well."""
FAILING = 20.5
"""Seconds of one whose agent does not come: its deadline, and half a second around it."""
FAILURES = 3
"""Failures in a row that page."""
KEY = Key("shop", Scenario.JOIN)
INTERVALS = (30.0, 60.0)
STALLS = (30.0, 60.0, 90.0, 120.0)
BEGINNINGS = 300
"""Moments of an interval at which the trouble begins, evenly spread; each in another interval, so with other jitter."""


class Row(NamedTuple):
    """What one way of scheduling brings; seconds, and shares of all beginnings."""

    interval: float
    confirm: Confirm | None
    median: float
    worst: float
    bound: float
    false_alarms: tuple[float, ...]


def seconds_to_third_failure(
    interval: float,
    confirm: Confirm | None,
    trouble: float,
    lasts: float,
    *,
    healthy: float = HEALTHY,
    failing: float = FAILING,
) -> float | None:
    """From the beginning of the trouble to `consecutive_failures >= 3`; None if it never comes to that.

    Every run that overlaps the trouble fails; `healthy` and `failing` are seconds of a run.
    """
    ends = trouble + lasts

    def run(start: Start, now: float) -> Run:
        if now < ends and now + healthy > trouble:
            return Run(start, now, now + failing, Outcome.FAIL)
        return Run(start, now, now + healthy, Outcome.PASS)

    begun = trouble - 2 * interval
    timetable = Timetable(
        cadences=(Cadence(key=KEY, interval=interval, confirm=confirm),), max_concurrent_runs=1, jitter=Jitter()
    )
    for now, schedule, _ in play(Schedule.begin(timetable, begun), begun, run):
        failures = schedule.lines[KEY].failures
        if failures >= FAILURES:
            return now - trouble
        if now > ends and failures == 0:
            return None
    raise AssertionError("a schedule without end ended")


def bound(interval: float, confirm: Confirm | None) -> float:
    """The worst case by hand: trouble begins when a good run has just looked away, and starts are as late as may be."""
    jitter = Jitter().share * interval
    if confirm is None:
        return 3 * interval + jitter + FAILING - HEALTHY
    return interval + jitter + 2 * confirm.moment(0, FAILING) + FAILING - HEALTHY


def beginnings(interval: float) -> Iterator[float]:
    """The moments at which trouble begins."""
    return (1000 * interval + (number + number / BEGINNINGS) * interval for number in range(BEGINNINGS))


def row(interval: float, confirm: Confirm | None) -> Row:
    """Both sides of one way of scheduling."""

    def each(lasts: float) -> list[float | None]:
        return [seconds_to_third_failure(interval, confirm, trouble, lasts) for trouble in beginnings(interval)]

    outage = [seconds for seconds in each(24 * 3600) if seconds is not None]
    assert len(outage) == BEGINNINGS
    return Row(
        interval=interval,
        confirm=confirm,
        median=statistics.median(outage),
        worst=max(outage),
        bound=bound(interval, confirm),
        false_alarms=tuple(sum(seconds is not None for seconds in each(stall)) / BEGINNINGS for stall in STALLS),
    )


def rows() -> list[Row]:
    """All ways, the plain one of each interval first."""
    return [row(interval, confirm) for interval, confirm in itertools.product(INTERVALS, (None, Confirm()))]


def table(rows: list[Row]) -> str:
    """The table as the document has it."""
    titles = ["`join` every", "confirm burst", "median", "worst", "at most, by hand"]
    titles += [f"stall of {stall:.0f} s" for stall in STALLS]
    lines = [
        [
            f"{one.interval:.0f} s",
            "off" if one.confirm is None else "on",
            *(f"{math.ceil(seconds)} s" for seconds in (one.median, one.worst, one.bound)),
            *(f"{100 * share:.0f} %" for share in one.false_alarms),
        ]
        for one in rows
    ]
    rule = ["---"] * len(titles)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (titles, rule, *lines))


def published(document: str) -> str:
    """The table that the document has now."""
    return document.partition(BEGIN)[2].partition(END)[0]


def main(say: Callable[[str], None] = print) -> None:
    """Write the table into the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    new = table(rows())
    DOCUMENT.write_text(text.replace(BEGIN + published(text) + END, BEGIN + new + END), encoding="utf-8")
    say(f"{new}{DOCUMENT} is written")


if __name__ == "__main__":
    main()
