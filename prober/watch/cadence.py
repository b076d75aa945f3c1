"""How often a scenario of a target is run, and at which moments exactly. Pure: moments are monotonic seconds.

The starts of a key lie on a grid that is fixed on the monotonic clock, not on the moment at which the canary came up: a
restart finds the same grid again, and a canary that restarts every four minutes still makes its run of every fifth.
"""

import hashlib
import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from prober.core.plan import Scenario
from prober.watch.burst import Confirm
from prober.watch.maintenance import Window


class Key(NamedTuple):
    """What never overlaps itself: one scenario of one target."""

    target: str
    scenario: Scenario

    def __str__(self) -> str:
        return f"{self.target}/{self.scenario}"


class Cadence(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the timetable. `budget` is seconds of agents' time per UTC day, shared by the target's scenarios."""

    key: Key
    interval: float
    confirm: Confirm | None = Confirm()
    maintenance: tuple[Window, ...] = ()
    budget: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.interval) and self.interval > 0):
            raise ValueError(f"The interval of {self.key} is {self.interval:g} s; it must be more than 0.")


class Jitter(msgspec.Struct, frozen=True, kw_only=True):
    """By how much starts come later than their grid, so that they do not keep step with the product's own timers.

    `share` bounds it, as a part of the interval; the same seed gives the same delays.
    """

    share: float = 0.05
    seed: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 0.25:
            raise ValueError(f"The share of jitter is {self.share:g}; it must be from 0 to 0.25.")


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """The planned starts of a key: `phase + n * interval + jitter(n)`, each computed by itself, so that nothing
    drifts.
    """

    key: Key
    interval: float
    phase: float
    jitter: Jitter

    def planned(self, slot: int) -> float:
        """The moment of this slot; later slots are later, since the jitter is less than the interval."""
        late = 0.0
        if self.jitter.share:
            late = self.jitter.share * self.interval * _fraction(f"{self.jitter.seed}/{self.key}/{slot}")
        return self.phase + slot * self.interval + late

    def first(self, now: float) -> int:
        """The first slot that is not in the past."""
        slot = math.floor((now - self.phase) / self.interval) - 1
        while self.planned(slot) < now:
            slot += 1
        return slot


def phases(cadences: Sequence[Cadence]) -> dict[Key, float]:
    """Where in its interval each key starts: by a hash of its name, so stable and spread.

    The conversation of a target that has both scenarios starts half a `join` interval after a join. With an interval
    that is a multiple of `join`'s that is so for every one of its starts; otherwise only for some.
    """
    intervals = {cadence.key: cadence.interval for cadence in cadences}
    found = {key: _fraction(str(key)) * interval for key, interval in intervals.items()}
    for key, interval in intervals.items():
        join = Key(key.target, Scenario.JOIN)
        if key.scenario is Scenario.CONVERSATION and join in intervals:
            between = intervals[join]
            joins = max(1, int(interval // between))
            after = int(_fraction(str(key)) * joins)
            found[key] = (found[join] + (after + 0.5) * between) % interval
    return found


def _fraction(name: str) -> float:
    """A number in [0, 1) that this name always has."""
    digest = hashlib.blake2b(name.encode(), digest_size=6).digest()
    return int.from_bytes(digest) / 2**48
