"""The canary: asks the schedule what is due, has the runs made, and tells everybody how they ended, for months.

What decides is in `schedule`, what is known in `memory`; here is only what moves. A run that breaks, an observer that
breaks and a configuration that is wrong are told of, and none of them stops the probing.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence
from pathlib import Path

import msgspec

from prober import __version__
from prober.child.making import RunChild, fresh_id, head_of, make_record, unmade
from prober.child.messages import Order
from prober.child.parent import run_child
from prober.config.loading import Loaded
from prober.config.problems import ConfigError
from prober.config.showing import effective
from prober.core.accounts import agent_seconds
from prober.core.record import RunRecord
from prober.core.words import whereabouts
from prober.sinks.log_lines import tell
from prober.watch.agenda import Agenda, agenda
from prober.watch.cadence import Key
from prober.watch.memory import Memory
from prober.watch.observer import Keeping, Observer
from prober.watch.restoring import Restored
from prober.watch.schedule import Schedule, Skip, Start
from prober.watch.status import LineStatus, Status

log = logging.getLogger(__name__)
MOST_GRACE = 60.0
"""Seconds that runs get at a stop unless the operator says otherwise: with leaving and clean-up no more than 90."""
TICK = 1.0
"""Seconds after which the loop goes round at the latest: what its heartbeat tells is never older."""


class Service:
    """One canary. It begins with what `restored` knows, and is over when `run` returns."""

    def __init__(
        self,
        loaded: Loaded,
        restored: Restored,
        *,
        load: Callable[[], Awaitable[Loaded]],
        restore: Callable[[Collection[Key], Collection[str]], Awaitable[Restored]],
        keeping: Keeping,
        observers: Sequence[Observer],
        exposition: Callable[[str], tuple[bytes, str]],
        grace: float | None = None,
        run_child: RunChild = run_child,
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._load, self._restore = load, restore
        self._keeping, self._observers = keeping, observers
        self._exposition, self._grace = exposition, grace
        self._run_child, self._now, self._wall = run_child, now, wall
        self._agenda = agenda(loaded)
        self._schedule = Schedule.begin(self._agenda.timetable, now(), restored.failures, restored.ledger)
        self._memories = {key: restored.memories.get(key, Memory()) for key in self._agenda.orders}
        self._paused: frozenset[Key] = frozenset()
        self._started_at = self._loaded_at = wall()
        self._config_trouble: str | None = None
        self._heartbeat = now()
        self._cut_at: float | None = None
        self._cut, self._changed = asyncio.Event(), asyncio.Event()
        self._begun, self._reloading = asyncio.Event(), asyncio.Lock()
        self._runs = asyncio.TaskGroup()
        self._tell(lambda observer: observer.configured(self._agenda, restored))

    async def run(self) -> None:
        """Probe until `stop`. On return every run has ended, has left its room and is published."""
        async with self._runs:
            self._begun.set()
            while not (self._schedule.stopping and not self._schedule.running):
                self._heartbeat = now = self._now()
                if self._cut_at is not None and now >= self._cut_at:
                    self._cut.set()
                self._look_at_windows()
                self._start_what_is_due()
                await self._sleep()

    def stop(self) -> None:
        """Start nothing more and let runs end, within the grace time; called again: stop them at once."""
        if self._schedule.stopping:
            self._cut.set()
            return
        self._schedule = self._schedule.stop()
        self._start_what_is_due()  # nothing: what fell due, and what bursts hold, is told of as skipped
        grace = min(self._agenda.longest_run, MOST_GRACE) if self._grace is None else self._grace
        self._cut_at = self._now() + grace
        runs = len(self._schedule.running)
        words = f"stopping; {runs} under way may go on for {grace:g} s" if runs else "stopping"
        tell(log, logging.INFO, "watch.stopping", words, runs=runs, grace=grace)
        self._changed.set()

    async def reload(self) -> str | None:
        """Read the configuration again; None, or why the old one stays, as a sentence."""
        await self._begun.wait()  # before that nothing can be started that falls due meanwhile
        async with self._reloading:
            try:
                fresh = agenda(await self._load())
                new = fresh.orders.keys() - self._memories.keys(), fresh.budgeted - self._agenda.budgeted
                restored = await self._restore(*new) if any(new) else Restored()
            except ConfigError as error:
                more = len(error.lines) - 1
                return self._refuse(error.lines[0] + (f" (and {more} more)" if more else ""))
            except Exception as error:  # noqa: BLE001 - whatever a file makes of us, what runs goes on
                return self._refuse(f"Reading it broke the prober: {whereabouts(error)}.")
            self._start_what_is_due()
            self._agenda, self._config_trouble, self._loaded_at = fresh, None, self._wall()
            self._schedule = self._schedule.reload(fresh.timetable, self._now(), restored.failures, restored.ledger)
            known = {**restored.memories, **self._memories}
            self._memories = {key: known.get(key, Memory()) for key in fresh.orders}
            self._tell(lambda observer: observer.configured(fresh, restored))
            self._changed.set()
            return None

    def _refuse(self, why: str) -> str:
        self._config_trouble = why
        self._tell(lambda observer: observer.reload_failed(why))
        return why

    @property
    def agenda(self) -> Agenda:
        """What is watched now."""
        return self._agenda

    async def probe(self, key: Key, timeout: float) -> RunRecord | Skip:
        """Make one run now (trigger `manual`), within so many seconds. A KeyError tells that there is no such line."""
        await self._begun.wait()
        decision, self._schedule = self._schedule.manual(key, self._now(), self._wall())
        if isinstance(decision, Skip):
            return decision
        # Who asked may go away; the run goes on, and ends in good order.
        return await asyncio.shield(self._begin(decision, within=timeout))

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The metrics in the form that this Accept header asks for, and their content type."""
        return self._exposition(accept)

    def configuration(self) -> str:
        """The effective configuration as YAML, secrets hidden."""
        return effective(self._agenda.loaded)

    def status(self) -> Status:
        """How it stands now."""
        loaded, now, wall = self._agenda.loaded, self._now(), self._wall()
        return Status(
            version=__version__,
            now=wall,
            started_at=self._started_at,
            heartbeat_age=now - self._heartbeat,
            stopping=self._schedule.stopping,
            config_file=str(loaded.file),
            config_sha256=loaded.sha256,
            config_loaded_at=self._loaded_at,
            config_trouble=self._config_trouble,
            history=self._keeping.state,
            lines=tuple(self._line(key, now, wall) for key in self._agenda.orders),
            external_url=loaded.config.external_url,
        )

    def _line(self, key: Key, now: float, wall: float) -> LineStatus:
        line, running = self._schedule.lines[key], self._schedule.running.get(key)
        expected, memory = self._agenda.expectations[key], self._memories[key]
        return LineStatus(
            key=key,
            interval=line.cadence.interval,
            timeout=expected.deadlines.run,
            objectives=expected.objectives,
            failures=line.failures,
            closed=self._schedule.closed(key, wall),
            running=None if running is None else running.trigger,
            due_in=None if self._schedule.stopping else self._schedule.due_next(key) - now,
            **msgspec.structs.asdict(memory),
        )

    def _start_what_is_due(self) -> None:
        decisions, self._schedule = self._schedule.due(self._now(), self._wall())
        skipped: dict[Hashable, list[Skip]] = {}
        for decision in decisions:
            if isinstance(decision, Start):
                self._begin(decision)
            else:
                skipped.setdefault((decision.key, decision.trigger, decision.reason), []).append(decision)
        for alike in skipped.values():
            self._tell(lambda observer, alike=alike: observer.skipped(alike))  # type: ignore[misc]

    def _begin(self, start: Start, within: float = math.inf) -> asyncio.Task[RunRecord]:
        """Begin the run by today's agenda, whatever is reloaded while it goes on."""
        run_id = fresh_id()
        listens = self._agenda.orders[start.key].plan.expectations.subscribes
        recording = self._keeping.draft(run_id) if listens else None
        order = self._agenda.order(start.key, run_id, start.trigger, recording, within)
        self._tell(lambda observer: observer.started(start))
        return self._runs.create_task(self._make(start, order, recording))

    async def _make(self, start: Start, order: Order, recording: Path | None) -> RunRecord:
        """Make the run, keep it, tell of it."""
        head = head_of(order.plan, {})
        try:
            record = await make_record(order, head, stop=self._cut, run=self._run_child)
        except Exception as error:  # noqa: BLE001 - a bug of ours says nothing about the target, and ends no canary
            record = unmade(order, head, whereabouts(error))
        self._finish(start, record, recording)
        return record

    def _finish(self, start: Start, record: RunRecord, recording: Path | None) -> None:
        key, cost = start.key, agent_seconds(record)
        self._schedule = self._schedule.finished(key, self._now(), self._wall(), record.outcome, cost)
        self._keeping.publish(record, recording)
        if key in self._memories:
            self._memories[key] = self._memories[key].after(record)
        line = self._schedule.lines.get(key)
        failures = None if line is None else line.failures
        self._tell(lambda observer: observer.ended(start, record, failures))
        self._changed.set()

    def _look_at_windows(self) -> None:
        wall = self._wall()
        paused = frozenset(key for key in self._schedule.lines if self._schedule.paused(key, wall))
        for key in sorted((paused ^ self._paused) & self._schedule.lines.keys()):
            self._tell(lambda observer, key=key: observer.paused(key, key in paused))  # type: ignore[misc]
        self._paused = paused

    async def _sleep(self) -> None:
        """Until something is due, a run has ended or somebody calls."""
        cut_at = None if self._cut.is_set() else self._cut_at
        moments = (self._heartbeat + TICK, cut_at, self._schedule.next_due())
        wake = min(moment for moment in moments if moment is not None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wake - self._now()):
                await self._changed.wait()
        self._changed.clear()

    def _tell(self, what: Callable[[Observer], None]) -> None:
        for observer in self._observers:
            try:
                what(observer)
            except Exception as error:  # noqa: BLE001 - who is told of runs must not stop them
                tell(log, logging.ERROR, "observer.failed", f"a bug of ours: {whereabouts(error)}")
