"""Which run starts when, and which is left out and why. Pure: a frozen value and a moment give decisions and the next.

`now` is monotonic seconds and decides what is due; `wall` is Unix seconds and is read for maintenance windows and
budgets only, so a step of the wall clock moves no start. What holds whatever happens to the clocks:

- no two runs of a key (target and scenario) overlap;
- every planned start becomes one decision, a `Start` or a `Skip` with its reason; it is never queued, except that a
  confirm burst holds one (see `burst`);
- a start that is late by more than half its interval is left out, its time being nearer to the next one; so lost hours
  lead to one start of each key at most.

The service loop sleeps until `next_due()`, asks `due()`, starts what it is told, and reports each end with
`finished()`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

import msgspec

from prober.core.reasons import Outcome
from prober.watch.budget import Ledger
from prober.watch.burst import RUNS, Burst
from prober.watch.cadence import Cadence, Grid, Jitter, Key, phases

Trigger = Literal["scheduled", "confirm", "manual"]
LATEST = 0.5
"""The part of its interval by which a start may be late."""


class SkipReason(StrEnum):
    """Why a start was left out."""

    OVERLAP = "overlap"
    CONCURRENCY = "concurrency"
    BUDGET = "budget"
    MAINTENANCE = "maintenance"
    SHUTDOWN = "shutdown"


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """Start this run now, `lag` seconds after its planned moment."""

    key: Key
    trigger: Trigger
    planned: float
    lag: float


class Skip(msgspec.Struct, frozen=True, kw_only=True):
    """Leave this start out. Only those of trigger `scheduled` are skipped starts: a confirm run was never planned."""

    key: Key
    trigger: Trigger
    planned: float
    reason: SkipReason


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A run under way."""

    trigger: Trigger
    started: float


class Timetable(msgspec.Struct, frozen=True, kw_only=True):
    """What the configuration asks for."""

    cadences: tuple[Cadence, ...]
    max_concurrent_runs: int
    jitter: Jitter = Jitter()

    def __post_init__(self) -> None:
        if self.max_concurrent_runs < 1:
            raise ValueError(f"At most {self.max_concurrent_runs} runs at a time would be none; it must be 1 or more.")
        if len({cadence.key for cadence in self.cadences}) < len(self.cadences):
            raise ValueError("A scenario of a target stands in the timetable twice.")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """Where one key is: the next slot to decide on, its failures in a row, and its burst if one goes on."""

    cadence: Cadence
    grid: Grid
    slot: int
    failures: int = 0
    burst: Burst | None = None

    def pending(self, now: float) -> tuple[list[float], "Line"]:
        """The start that its burst holds and those that fell due since, oldest first, and the line without them."""
        held = self.burst.held if self.burst else None
        moments, slot = [] if held is None else [held], self.slot
        while (planned := self.grid.planned(slot)) <= now:
            moments.append(planned)
            slot += 1
        burst = self.burst and msgspec.structs.replace(self.burst, held=None)
        return moments, msgspec.structs.replace(self, slot=slot, burst=burst)

    def after(self, run: Running, now: float, outcome: Outcome) -> "Line":
        """The line when this run of it has ended: failures count whatever was scheduled or confirms, and was judged."""
        judged = run.trigger != "manual" and outcome is not Outcome.INCONCLUSIVE
        failures = self.failures
        if judged:
            failures = 0 if outcome is Outcome.PASS else failures + 1
        burst, rule = self.burst, self.cadence.confirm
        if burst is not None:
            burst = burst.ended(run.started, now, outcome if judged else Outcome.INCONCLUSIVE)
        elif rule is not None and rule.helps(self.cadence.interval) and (self.failures, failures) == (0, 1):
            burst = Burst(rule=rule, left=RUNS, moment=rule.moment(run.started, now))
        return msgspec.structs.replace(self, failures=failures, burst=burst)


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides on starts; each verb returns the next value and leaves this one as it is."""

    timetable: Timetable
    lines: Mapping[Key, Line]
    running: Mapping[Key, Running] = {}
    ledger: Ledger = Ledger()
    stopping: bool = False

    @classmethod
    def begin(
        cls, timetable: Timetable, now: float, failures: Mapping[Key, int] | None = None, ledger: Ledger | None = None
    ) -> "Schedule":
        """A schedule whose first starts lie within an interval (and its jitter) from now.

        What history knows goes on: the failures in a row of each key, and what was spent today.
        """
        where, lines = phases(timetable.cadences), {}
        for cadence in timetable.cadences:
            key = cadence.key
            grid = Grid(key=key, interval=cadence.interval, phase=where[key], jitter=timetable.jitter)
            lines[key] = Line(cadence=cadence, grid=grid, slot=grid.first(now), failures=(failures or {}).get(key, 0))
        return cls(timetable=timetable, lines=lines, ledger=ledger or Ledger())

    def reload(
        self,
        timetable: Timetable,
        now: float,
        failures: Mapping[Key, int] | None = None,
        ledger: Ledger | None = None,
    ) -> "Schedule":
        """The schedule by another timetable; of keys that are new history knows the failures in a row, and `ledger`
        is what it knows of budgets that are new.

        A key that stays keeps its failures and its burst; with the same interval also its phase, even if a restart
        would now choose another. Runs under way go on and still stand in the way of their key.
        Ask `due` first: what fell due of a key that changes or goes is forgotten here.
        """
        fresh = Schedule.begin(timetable, now, failures)
        lines = {}
        for key, line in fresh.lines.items():
            old = self.lines.get(key, line)
            same = (old.grid.interval, old.grid.jitter) == (line.grid.interval, line.grid.jitter)
            lines[key] = msgspec.structs.replace(
                old if same else line, cadence=line.cadence, failures=old.failures, burst=old.burst
            )
        known = self.ledger if ledger is None else self.ledger.corrected(ledger)
        return msgspec.structs.replace(self, timetable=timetable, lines=lines, ledger=known)

    def stop(self) -> "Schedule":
        """From now on nothing starts: what falls due, and what bursts hold, is skipped as `shutdown`."""
        return msgspec.structs.replace(self, stopping=True)

    def next_due(self) -> float | None:
        """When to ask `due` again; later than the moment it was last asked about. None: never."""
        return min((self.due_next(key) for key in self.lines), default=None)

    def due_next(self, key: Key) -> float:
        """When this key's next decision falls due."""
        line = self.lines[key]
        slot = line.grid.planned(line.slot)
        return min(slot, line.burst.moment) if line.burst and key not in self.running else slot

    def due(self, now: float, wall: float) -> tuple[tuple[Start | Skip, ...], "Schedule"]:
        """What becomes of each start that fell due, oldest first where places are few."""
        skips, wanted, lines = [], [], dict(self.lines)
        for key, line in self.lines.items():
            moments, lines[key] = line.pending(now)
            for planned in moments[:-1]:  # the next one fell due as well
                why = SkipReason.SHUTDOWN if self.stopping else SkipReason.OVERLAP
                skips.append(Skip(key=key, trigger="scheduled", planned=planned, reason=why))
            newest = moments[-1] if moments else None
            burst = None if self.stopping else lines[key].burst
            if burst and (key in self.running or burst.moment > now):
                burst = msgspec.structs.replace(burst, held=newest)
            elif newest is not None:
                wanted.append(Start(key=key, trigger="scheduled", planned=newest, lag=now - newest))
            elif burst:
                wanted.append(Start(key=key, trigger="confirm", planned=burst.moment, lag=now - burst.moment))
            lines[key] = msgspec.structs.replace(lines[key], burst=burst)
        schedule, decided = msgspec.structs.replace(self, lines=lines), []
        for start in sorted(wanted, key=lambda start: (start.planned, start.key)):
            decision, schedule = schedule._decide(start, now, wall)
            decided.append(decision)
        return (*skips, *decided), schedule

    def manual(self, key: Key, now: float, wall: float) -> tuple[Start | Skip, "Schedule"]:
        """Somebody asks for a run of this key now: it starts unless a planned one could not."""
        return self._decide(Start(key=key, trigger="manual", planned=now, lag=0.0), now, wall)

    def finished(self, key: Key, now: float, wall: float, outcome: Outcome, agent_seconds: float) -> "Schedule":
        """The run of this key ended and its agent was there for so long. A KeyError tells that none was under way."""
        running, lines = dict(self.running), dict(self.lines)
        run = running.pop(key)
        if key in lines:
            lines[key] = lines[key].after(run, now, outcome)
        ledger = self.ledger.charged(key.target, agent_seconds, wall)
        return msgspec.structs.replace(self, running=running, lines=lines, ledger=ledger)

    def paused(self, key: Key, wall: float) -> bool:
        """Whether maintenance keeps this key from starting."""
        return any(window.covers(wall) for window in self.lines[key].cadence.maintenance)

    def closed(self, key: Key, wall: float) -> SkipReason | None:
        """Why the operator lets nothing of this key start now: maintenance, or a budget that is spent."""
        budget = self.lines[key].cadence.budget
        if self.paused(key, wall):
            return SkipReason.MAINTENANCE
        if budget is not None and self.ledger.spent(key.target, wall) >= budget:
            return SkipReason.BUDGET
        return None

    def _decide(self, start: Start, now: float, wall: float) -> tuple[Start | Skip, "Schedule"]:
        """The start, or why not; what was to be started for a burst and could not be ends the burst."""
        key, line, burst = start.key, self.lines[start.key], self.lines[start.key].burst
        reason, running = self._obstacle(start, line, wall), self.running
        if reason is None:
            running = {**running, key: Running(trigger=start.trigger, started=now)}
        if start.trigger != "manual":
            burst = burst.started() if burst and reason is None else None
        lines = {**self.lines, key: msgspec.structs.replace(line, burst=burst)}
        schedule = msgspec.structs.replace(self, lines=lines, running=running)
        if reason is None:
            return start, schedule
        return Skip(key=key, trigger=start.trigger, planned=start.planned, reason=reason), schedule

    def _obstacle(self, start: Start, line: Line, wall: float) -> SkipReason | None:
        """The first reason against this start, the operator's word before our own troubles."""
        if self.stopping:
            return SkipReason.SHUTDOWN
        late = line.burst is None and start.lag > LATEST * line.cadence.interval
        against = {
            SkipReason.OVERLAP: start.key in self.running or late,
            SkipReason.CONCURRENCY: len(self.running) >= self.timetable.max_concurrent_runs,
        }
        ours = (reason for reason, stands in against.items() if stands)
        return self.closed(start.key, wall) or next(ours, None)
