"""The canary's schedule alone, on a clock that is a number: hours of it in milliseconds.

The service around it, on a loop whose clock jumps, is `tests.flow.played_service`.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from prober.core.reasons import Outcome
from prober.watch.cadence import Key
from prober.watch.schedule import Schedule, Skip, Start


class Run(NamedTuple):
    """A run that was made."""

    start: Start
    started: float
    ended: float
    outcome: Outcome
    agent_seconds: float = 0.0

    @property
    def key(self) -> Key:
        return self.start.key


def play(
    schedule: Schedule,
    now: float,
    run: Callable[[Start, float], Run],
    *,
    wake: Callable[[float], float] = lambda due: due,
    wall: Callable[[float], float] = lambda now: now,
) -> Iterator[tuple[float, Schedule, tuple[Run | Skip, ...]]]:
    """Run and skip as the schedule says, without end: at each moment the schedule and what it decided, in order.

    `run` tells how a run that starts now goes, `wake` when the loop really wakes up. What it sleeps over it sees
    afterwards, in the order in which it happened.
    """
    under_way: dict[Key, Run] = {}
    while True:
        due = schedule.next_due()
        due = math.inf if due is None else due
        first = min(under_way.values(), key=lambda run: run.ended, default=None)
        if first is not None and first.ended <= due:
            now = max(now, wake(first.ended))
            del under_way[first.key]
            schedule = schedule.finished(first.key, now, wall(now), first.outcome, first.agent_seconds)
            yield now, schedule, ()
            continue
        now = max(now, wake(due))
        decisions, schedule = schedule.due(now, wall(now))
        after = schedule.next_due()
        assert after is None or after > now, "due in the past"
        made = tuple(run(decision, now) if isinstance(decision, Start) else decision for decision in decisions)
        under_way |= {one.key: one for one in made if isinstance(one, Run)}
        yield now, schedule, made
