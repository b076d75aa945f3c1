"""A spell of the canary at a pace that nobody needs: what was planned and what became of it, and what it held."""

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import aiohttp
import msgspec
import psutil

from prober.core.plan import Scenario
from prober.refstack.stack import ReferenceStack
from prober.watch.cadence import Cadence, Grid, Jitter, Key, phases
from tests.stack.watch_journal import TARGET, Watch, at, configuration, to_monotonic

EVERY = 5.0
"""Seconds between two looks at the processes; at each, the metrics are scraped and the page is opened."""
UNSURE = 0.2
"""Seconds around a spell's ends: of a start that is planned there nobody knows outside on which side it was."""
INTERVALS = {Scenario.JOIN: 5.0, Scenario.CONVERSATION: 20.0}
DEADLINES = (
    "{trial_step: 3, trial: 4, room_join: 4, agent_join: 4, agent_ready: 4, greeting_within: 5, reply_within: 5}"
)
SCENARIOS = "{join: {interval: 5, timeout: 5, hold: 0}, conversation: {interval: 20, timeout: 20, greeting: expected}}"


class Sample(msgspec.Struct, frozen=True):
    """The canary's process at a moment, in seconds since it began; `largest` is the memory of its largest child."""

    at: float
    memory: int
    largest: int
    threads: int
    handles: int
    children: int


class Spell(msgspec.Struct, frozen=True, kw_only=True):
    """One process from its start to its good end: what was planned in it, and what became of that."""

    seconds: float
    planned: int
    unsure: int
    """How many of the planned starts lie so near the ends that they may be in or out."""
    passed: int
    failed: dict[str, int]
    inconclusive: dict[str, int]
    skipped: dict[str, int]
    lags: list[float]
    samples: list[Sample]

    @property
    def made(self) -> int:
        """Runs that were judged."""
        return self.passed + sum(self.failed.values())

    @property
    def missed(self) -> int:
        """Starts that told nothing of the product."""
        return sum(self.inconclusive.values()) + sum(self.skipped.values())

    @property
    def complete(self) -> bool:
        """Whether each planned start was a run, was skipped, or is one of those of which nobody can know."""
        return abs(self.planned - self.made - self.missed) <= self.unsure


async def soak(
    stack: ReferenceStack,
    folder: Path,
    seconds: float,
    *,
    stop: asyncio.Event,
    every: float = EVERY,
    looked: Callable[[Sample], None] = lambda _sample: None,
) -> Spell:
    """Watch the product for so long, or until `stop`; either way the canary is stopped in good order.

    `looked` is told of each look as it is taken.
    """
    watch = Watch(configuration(stack, folder, SCENARIOS, DEADLINES))
    samples: list[Sample] = []
    async with watch, aiohttp.ClientSession(watch.url) as web:
        began = time.monotonic()
        while time.monotonic() - began < seconds and not stop.is_set():
            samples.append(_look(watch.program.pid, time.monotonic() - began))
            looked(samples[-1])
            for page in ("/metrics", "/"):
                async with web.get(page) as answer:
                    await answer.read()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), every)
        await asyncio.sleep(_next_gap(time.monotonic()) - time.monotonic())
    if watch.program.returncode != 0:
        raise RuntimeError(f"The canary ended with status {watch.program.returncode}.{watch.program.last_words()}")
    return _spell(watch, samples)


def planned(since: float, until: float) -> int:
    """The starts that the schedule has between these moments of the monotonic clock."""
    return sum(len(_slots(grid, since, until)) for grid in _grids())


def _look(pid: int, now: float) -> Sample:
    process = psutil.Process(pid)
    children = []
    for child in process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            children.append(child.memory_info().rss)
    return Sample(
        now,
        process.memory_info().rss,
        max(children, default=0),
        process.num_threads(),
        process.num_fds(),
        len(children),
    )


def _spell(watch: Watch, samples: list[Sample]) -> Spell:
    lines = list(watch.lines())
    began, ended = (
        next(at(line) for line in lines if line.get("event") == event) for event in ("config.loaded", "watch.stopping")
    )
    runs = [line for line in watch.runs() if line["trigger"] == "scheduled"]
    skips = [line for line in lines if line.get("event") == "run.skipped" and at(line) <= ended]
    return Spell(
        seconds=round(ended - began, 1),
        planned=planned(to_monotonic(began), to_monotonic(ended)),
        unsure=sum(planned(moment - UNSURE, moment + UNSURE) for moment in map(to_monotonic, (began, ended))),
        passed=sum(run["outcome"] == "pass" for run in runs),
        failed=Counter(run["reason"] for run in runs if run["outcome"] == "fail"),
        inconclusive=Counter(run["reason"] for run in runs if run["outcome"] == "inconclusive"),
        skipped=Counter(
            skip["reason"] for skip in skips if skip["trigger"] == "scheduled" for _ in range(skip["count"])
        ),
        lags=[run["lag"] for run in runs],
        samples=samples,
    )


def _next_gap(now: float) -> float:
    """The next moment from which the last planned start is as far away as the next: who stops then stops between."""
    moments = sorted(moment for grid in _grids() for moment in _slots(grid, now - 10, now + 10))
    gaps = [(one + next_one) / 2 for one, next_one in itertools.pairwise(moments) if next_one - one > 4 * UNSURE]
    return next(gap for gap in gaps if gap >= now)


def _grids() -> list[Grid]:
    cadences = [Cadence(key=Key(TARGET, scenario), interval=interval) for scenario, interval in INTERVALS.items()]
    where = phases(cadences)
    return [Grid(key=one.key, interval=one.interval, phase=where[one.key], jitter=Jitter()) for one in cadences]


def _slots(grid: Grid, since: float, until: float) -> list[float]:
    slot, found = grid.first(since), []
    while (moment := grid.planned(slot)) <= until:
        found.append(moment)
        slot += 1
    return found
