"""Watches the run's own process while it runs: its heartbeat, a stalled event loop, a machine that slept."""

import asyncio
import resource
import time
from collections.abc import Callable

from prober.core.events import Heartbeat, Stalled, Suspended
from prober.core.verdict import HEARTBEAT
from prober.recorder import Recorder

TICK = 0.05
"""Seconds between two looks at the event loop's punctuality."""
LATE = 0.05
"""Seconds of lateness that count as a stall: half of what voids a turn."""
ASLEEP = 0.5
"""Seconds by which the boot clock may move against the monotonic clock before the machine has slept."""


def heartbeat(recorder: Recorder) -> Heartbeat:
    """What this process has used up to now."""
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Heartbeat(at=recorder.elapsed(), cpu=round(time.process_time(), 3), rss=rss)


async def beat(recorder: Recorder) -> None:
    """Record a heartbeat each second, until cancelled."""
    while True:
        recorder.record(heartbeat(recorder))
        await asyncio.sleep(HEARTBEAT)


def slept() -> float:
    """Seconds the machine has slept since it booted (Linux; elsewhere 0)."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return 0.0 if boot is None else time.clock_gettime(boot) - time.clock_gettime(time.CLOCK_MONOTONIC)


async def watch_clocks(recorder: Recorder, asleep: Callable[[], float] = slept) -> None:
    """Record every stall of the event loop and every sleep of the machine, until cancelled."""
    before = asleep()
    while True:
        due = recorder.elapsed() + TICK
        await asyncio.sleep(TICK)
        late = recorder.elapsed() - due
        if late > LATE:
            recorder.record(Stalled(at=recorder.elapsed(), seconds=round(late, 3)))
        if asleep() - before > ASLEEP:
            recorder.record(Suspended(at=recorder.elapsed(), seconds=round(asleep() - before, 3)))
            before = asleep()
