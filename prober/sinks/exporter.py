"""What the canary tells Prometheus: it is told what happens, and writes all of it down as metrics.

It knows neither schedule nor HTTP. Told of a target or a scenario that is not (or no longer) configured, it counts
nothing. What it counts is what `docs/metrics.md` promises: a restart begins the counters anew, and takes from history
what the last run was like and how many had failed.
"""

import logging
import platform
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata

import msgspec
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from prober import __version__
from prober.core.accounts import agent_seconds, cleanup_seconds, left_behind, missed
from prober.core.measure import OBJECTIVES
from prober.core.metric import Line
from prober.core.metric_schema import CLEANUP, LEVELS, METRICS
from prober.core.reasons import Outcome
from prober.core.record import RunRecord
from prober.core.statistics import outline
from prober.sinks.families import Example, Families
from prober.sinks.history import Standing
from prober.sinks.keeper import State
from prober.sinks.metrics import LAST_RUN, LastRun, LastRuns, ended_at, why
from prober.sinks.negotiation import form_for
from prober.sinks.revision import revision

Key = tuple[str, str]
"""Target and scenario."""
_ALSO = {"agent_join": "agent_join_duration_seconds", "response": "agent_response_duration_seconds"}
"""Phases with a histogram of their own, of finer buckets."""


class Exporter:
    """The metrics of a canary. All of it belongs to one thread, but for its log handler."""

    def __init__(self, history: Callable[[], State] = State) -> None:
        self._history = history
        self._families = Families(name for name in METRICS if name not in LAST_RUN)
        self._last = LastRuns()
        self._lines: dict[Key, Line] = {}
        self._running: set[Key] = set()
        self._longest_lag = 0.0
        self._registry = CollectorRegistry(auto_describe=True)
        self._registry.register(self._families)
        self._registry.register(self._last)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        self._families.tell(
            "build_info", __version__, revision(), platform.python_version(), metadata.version("livekit")
        )

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """Everything in the format that this Accept header asks for, and its content type. Is a scrape."""
        state, families = self._history(), self._families
        families.set("history_write_failures_total", to=state.failures)
        families.set("history_lost_runs_total", to=state.lost)
        families.set("history_waiting_runs", to=state.waiting)
        families.set("evidence_write_failures_total", to=state.evidence_failures)
        families.set("event_loop_lag_seconds", to=self._longest_lag)
        form = form_for(accept)
        body = form.write(self._registry)
        self._longest_lag = 0.0
        return body, form.content_type

    def expect(self, lines: Iterable[Line], now: float) -> None:
        """Have the series of these lines from now (Unix time) on: new ones at zero, those that stay as they are."""
        self._lines = {line.key: line for line in lines}
        self._families.expect(self._lines.values())
        for key, line in self._lines.items():
            self._families.set("target_interval_seconds", *key, to=line.interval)
            self._families.set("target_timeout_seconds", *key, to=line.timeout)
        self._last.known = {key: self._last.known.get(key, LastRun(ended=now)) for key in self._lines}
        self._count_targets()
        self._count_running()

    def restore(self, key: Key, standing: Standing) -> None:
        """Go on from where history says that this line stood."""
        if key in self._lines:
            began = self._last.known[key].ended
            self._last.known[key] = last_run(standing, began)
            self._families.set("consecutive_failures", *key, to=standing.consecutive_failures)

    def reloaded(self, *, ok: bool, when: float, sha256: str) -> None:
        """The configuration was read at this moment (Unix time), at start or again; `sha256` is of the one in use."""
        self._families.set("config_last_reload_successful", to=ok)
        if ok:
            self._families.set("config_last_reload_success_timestamp_seconds", to=when)
            self._families.tell("config_info", sha256)

    def paused(self, key: Key, paused: bool) -> None:
        """Maintenance keeps this line from starting now, or does not."""
        self._families.set("target_paused", *key, to=paused)
        self._count_targets()

    def started(self, key: Key, trigger: str, lag: float) -> None:
        """A run began, so many seconds after it was planned."""
        if trigger == "scheduled":
            self._families.observe("schedule_lag_seconds", value=lag)
        self._running.add(key)
        self._count_running()

    def skipped(self, key: Key, reason: str) -> None:
        """A scheduled run was not started."""
        self._families.add("runs_skipped_total", *key, reason)

    def ended(self, record: RunRecord) -> None:
        """A run is over: count it, and show it as the last one unless somebody asked for it by hand."""
        key = (record.target, record.scenario)
        self._running.discard(key)
        self._count_running()
        self._count(record)
        if key not in self._lines or record.trigger == "manual":
            return
        self._last.publish(record)
        if record.outcome is Outcome.INCONCLUSIVE:
            return
        if record.outcome is Outcome.PASS:
            self._families.set("consecutive_failures", *key, to=0)
        else:
            self._families.add("consecutive_failures", *key)
        if record.trigger == "scheduled":
            self._observe(record)

    def cleanup_failed(self, target: str, resource: str) -> None:
        """Something of ours is left in the world, and no run's record says so."""
        self._families.add("cleanup_failures_total", target, resource)

    def event_loop_lag(self, seconds: float) -> None:
        """The event loop did not run for so long."""
        self._longest_lag = max(self._longest_lag, seconds)

    def logged(self, level: int) -> None:
        """A message of this level of `logging` was logged; from any thread."""
        self._families.add("log_messages_total", LEVELS[min(max(level // logging.DEBUG, 1), len(LEVELS)) - 1])

    def log_handler(self) -> logging.Handler:
        """A handler that counts what is logged."""
        return _Counting(self.logged)

    def _count(self, record: RunRecord) -> None:
        key, add = (record.target, record.scenario), self._families.add
        run = (*key, record.trigger)
        if record.outcome is Outcome.INCONCLUSIVE:
            add("runs_inconclusive_total", *run, record.reason or "")
        else:
            add("runs_total", *run)
        if record.outcome is Outcome.FAIL:
            add("run_failures_total", *run, record.reason or "")
            if record.diagnosis is not None:
                add("diagnoses_total", *key, record.diagnosis.cause)
        for objective in missed(record):
            add("objective_misses_total", *run, objective)
        for resource in left_behind(record):
            add("cleanup_failures_total", record.target, resource)
        add("agent_session_seconds_total", *key, amount=agent_seconds(record))

    def _observe(self, record: RunRecord) -> None:
        key, example = (record.target, record.scenario), Example(record.run_id, ended_at(record))
        for phase, tally in outline(record).tallies.items():
            for value in tally.values:
                self._families.observe("phase_duration_seconds", *key, phase, value=value, example=example)
                if phase in _ALSO:
                    self._families.observe(_ALSO[phase], *key, value=value, example=example)
        for name, seconds in {
            ("phase_duration_seconds", *key, CLEANUP): cleanup_seconds(record),
            ("run_duration_seconds", *key): record.seconds,
        }.items():
            if seconds is not None:
                self._families.observe(*name, value=seconds, example=example)

    def _count_targets(self) -> None:
        starting = {key[0] for key in self._lines if not self._families.value("target_paused", *key)}
        paused = {key[0] for key in self._lines} - starting
        self._families.set("targets", "active", to=len(starting))
        self._families.set("targets", "paused", to=len(paused))

    def _count_running(self) -> None:
        for target, _ in self._lines:
            running = sum(key[0] == target for key in self._running)
            self._families.set("runs_in_progress", target, to=running)


class _Counting(logging.Handler):
    """Tells of each message's level and nothing else."""

    def __init__(self, logged: Callable[[int], None]) -> None:
        super().__init__()
        self._logged = logged

    def emit(self, record: logging.LogRecord) -> None:
        self._logged(record.levelno)


def last_run(standing: Standing, began: float | None) -> LastRun:
    """What is told of a line that stood like this; without a judged run, `began` is when it was first to be run."""
    last, judged, passed = standing.last, standing.last_judged, standing.last_passed
    told = LastRun(ended=began)
    if judged is not None:
        values: Mapping[str, tuple[float, ...]] = {name: tally.values for name, tally in judged.tallies.items()}
        told = LastRun(
            success=judged.outcome == Outcome.PASS,
            **why(standing.diagnosis),
            ended=None if judged.seconds is None else judged.started_at + judged.seconds,
            succeeded=None if passed is None or passed.seconds is None else passed.started_at + passed.seconds,
            duration=judged.seconds,
            phases={name: max(values[name]) for name in OBJECTIVES if values.get(name)},
        )
    if last is not None:
        inconclusive = last.outcome == Outcome.INCONCLUSIVE
        told = msgspec.structs.replace(told, outcome=last.outcome if inconclusive else last.reason or last.outcome)
    return told
