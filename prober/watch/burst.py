"""The confirm burst: a first failure is looked at again soon. Pure: time is an argument.

It begins only when `consecutive_failures` goes from 0 to 1 and has at most two runs. So that three failures are not one
short stall seen three times, each starts a pause after the run before it ended, and well apart from that run's start.
The first run that passes ends it; the second one that fails is the third failure.

An inconclusive run proves nothing: it takes up its place in the burst, whose cost is thereby bounded also on a prober
that is unfit, and the burst goes on, because whether the failure is real is still open.

A scheduled start that falls due in a burst is held: the burst's next moment is its start. Two held starts cannot both
be made; the later one stays.
"""

import msgspec

from prober.core.reasons import Outcome

RUNS = 2


class Confirm(msgspec.Struct, frozen=True, kw_only=True):
    """The rule: seconds after the previous run's end, and least seconds after its start."""

    pause: float = 10.0
    apart: float = 30.0

    def __post_init__(self) -> None:
        if not (self.pause >= 0 and self.apart >= 0):
            raise ValueError(
                f"A confirm run cannot come {self.pause:g} s after the end and {self.apart:g} s after the start."
            )

    def helps(self, interval: float) -> bool:
        """Whether a burst is quicker than the schedule itself; where starts are closer than `apart`, it is not."""
        return interval >= self.apart

    def moment(self, started: float, ended: float) -> float:
        """When the run that follows this one may start."""
        return max(ended + self.pause, started + self.apart)


class Burst(msgspec.Struct, frozen=True, kw_only=True):
    """A burst that goes on: the runs left in it, when the next may start, and the scheduled start that it holds."""

    rule: Confirm
    left: int
    moment: float
    held: float | None = None

    def started(self) -> "Burst | None":
        """Its next run begins, with the held start if there was one."""
        return msgspec.structs.replace(self, left=self.left - 1, held=None) if self.left else None

    def ended(self, started: float, now: float, outcome: Outcome) -> "Burst | None":
        """A run ended: what is left of the burst. A start that it holds is made at its moment even so."""
        left = 0 if outcome is Outcome.PASS else self.left
        if not left and self.held is None:
            return None
        return msgspec.structs.replace(self, left=left, moment=self.rule.moment(started, now))
