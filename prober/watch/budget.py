"""What the canary may cost: agents' time spent per target and day. Pure: the wall clock is an argument.

A day is a UTC day: it always has 24 hours and is the same wherever a prober stands. What a run cost is known when it
ended, and is booked on that day; a budget is spent once the day's sum has reached it, so it is overshot by no more than
the runs under way then.
"""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

DAY = 86_400


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds spent on one UTC day by each target. A clock stepped to another day opens a blank page."""

    day: int = 0
    seconds: Mapping[str, float] = MappingProxyType({})

    def spent(self, target: str, wall: float) -> float:
        """What the target has cost on the day of this moment."""
        return self.seconds.get(target, 0.0) if wall // DAY == self.day else 0.0

    def charged(self, target: str, seconds: float, wall: float) -> "Ledger":
        """The ledger with these seconds on the day of this moment."""
        today = int(wall // DAY)
        page = self.seconds if today == self.day else {}
        return Ledger(day=today, seconds={**page, target: page.get(target, 0.0) + seconds})

    def corrected(self, known: "Ledger") -> "Ledger":
        """The ledger with what another one of the same day, or of a later one, knows better."""
        seconds = self.seconds if self.day == known.day else {}
        return self if known.day < self.day else Ledger(day=known.day, seconds={**seconds, **known.seconds})
