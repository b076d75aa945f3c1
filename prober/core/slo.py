"""Service level objectives: which share of runs has to be good, and how often they must be made to tell. Pure.

A burn rate of 1 spends exactly the budget (1 - SLO); an alert needs its rate over a long window, and over a short one
for that it is still so. A canary makes few runs: where burn rate × budget × long window ÷ interval is less than
`LEAST`, so few bad runs raise the alert that they may be chance.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from prober.core.measure import OBJECTIVES

AVAILABILITY = "availability"
"""The share of judged runs that did not fail; the others are a measurement's: the share of runs within its limit."""
NAMES = (AVAILABILITY, *OBJECTIVES)
LEAST = 3.0
"""Bad runs that a long window must hold before they are more than chance."""
SECONDS: Mapping[str, float] = MappingProxyType(
    {"5m": 300.0, "30m": 1800.0, "1h": 3600.0, "2h": 7200.0, "6h": 21600.0, "1d": 86400.0, "3d": 259200.0}
)
"""The windows of alerts."""


class Burn(msgspec.Struct, frozen=True):
    """The budget is spent this many times as fast as it may be, over both windows."""

    rate: float
    long: str
    short: str


FAST = (Burn(14.4, "1h", "5m"), Burn(6.0, "6h", "30m"))
"""What pages."""
SLOW = (Burn(3.0, "1d", "2h"), Burn(1.0, "3d", "6h"))
"""What makes a ticket."""


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """A promise for one scenario of one target."""

    target: str
    scenario: str
    name: str
    percent: float


def budget(percent: float) -> float:
    """The share of runs that may be bad."""
    return round(1 - percent / 100, 9)


def burns(name: str) -> tuple[Burn, ...]:
    """Those that alerts watch for: only availability pages."""
    return (*FAST, *SLOW) if name == AVAILABILITY else SLOW


def bad_runs(burn: Burn, percent: float, interval: float) -> float:
    """How many bad runs its long window holds where the alert begins."""
    return burn.rate * budget(percent) * SECONDS[burn.long] / interval


def longest_interval(name: str, percent: float) -> float:
    """Seconds between runs by which this can just be judged."""
    return min(bad_runs(burn, percent, 1.0) for burn in burns(name)) / LEAST


def usual(name: str) -> tuple[float, ...]:
    """What is promised where nobody says: the first of these percentages that the interval bears, if one does."""
    return {AVAILABILITY: (99.0, 98.0, 95.0), "agent_join": (98.0, 95.0)}.get(name, (95.0,))


def by_default(name: str, interval: float) -> float | None:
    """The percentage where nobody gives one; None where runs are too rare for any."""
    return next((percent for percent in usual(name) if interval <= longest_interval(name, percent)), None)


def objection(name: str, percent: float, interval: float) -> str | None:
    """Why runs at this interval cannot be judged by this, with the arithmetic; None where they can."""
    share, hottest = 100 * budget(percent), max(burn.rate for burn in burns(name))
    if hottest * share >= 100:
        return (
            f"{percent:g} % can never be told of: {hottest:g} (burn rate) × {share:g} % (budget) is all runs or more. "
            f"Give at least {_tenth(math.ceil, 100 - 100 / hottest):g}."
        )
    if interval <= longest_interval(name, percent):
        return None
    worst = min(burns(name), key=lambda burn: bad_runs(burn, percent, interval))
    window = SECONDS[worst.long]
    most = _tenth(math.floor, 100 - 100 * LEAST * interval / (worst.rate * window))
    less = f"at most {most:g}, or " if hottest * (100 - most) < 100 else ""
    return (
        f"{percent:g} % cannot be told from chance by a run every {interval:g} s: {worst.rate:g} (burn rate) × "
        f"{share:g} % (budget) × {window:g} s (window) ÷ {interval:g} s = {bad_runs(worst, percent, interval):.2g} bad "
        f"runs, less than {LEAST:g}. Give {less}an interval of at most {math.floor(longest_interval(name, percent))}."
    )


def _tenth(rounded: Callable[[float], int], number: float) -> float:
    return rounded(round(10 * number, 6)) / 10
