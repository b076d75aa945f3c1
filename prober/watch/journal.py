"""The canary's log: one line for each run's end, for what was left out or late, and for each change of what it does."""

import logging
from collections.abc import Sequence

from prober.core.accounts import missed
from prober.core.events import AgentLogUnread
from prober.core.reasons import Outcome
from prober.core.record import RunRecord
from prober.core.timeline import Timeline
from prober.sinks import narration, text
from prober.sinks.log_lines import tell
from prober.watch.agenda import Agenda
from prober.watch.cadence import Key
from prober.watch.restoring import Restored
from prober.watch.schedule import Skip, SkipReason, Start

log = logging.getLogger(__name__)
LEVELS = {Outcome.PASS: logging.INFO, Outcome.FAIL: logging.ERROR, Outcome.INCONCLUSIVE: logging.WARNING}
OURS = frozenset({SkipReason.OVERLAP, SkipReason.CONCURRENCY})
"""Starts left out because the prober cannot keep its schedule."""
LATE = 1.0
"""Seconds after which a start is worth a line of its own."""


class Journal:
    """An observer that writes it all to the log."""

    def __init__(self) -> None:
        self._failures: dict[Key, int] = {}
        self._begun = False

    def configured(self, agenda: Agenda, restored: Restored) -> None:
        """Say what is watched, and with which memory."""
        self._failures |= restored.failures
        said = ", ".join(f"{one.key} every {one.interval:g} s" for one in agenda.timetable.cadences)
        event, verb = ("config.reloaded", "reloaded, watching") if self._begun else ("config.loaded", "watching")
        self._begun = True
        loaded = agenda.loaded
        tell(
            log,
            logging.INFO,
            event,
            f"{verb} {said or 'nothing'} ({loaded.file})",
            config=str(loaded.file),
            sha256=loaded.sha256,
        )
        for key, failures in restored.failures.items():
            if failures:
                words = f"{key} had failed {failures} times in a row before this start"
                names = {"target": key.target, "scenario": key.scenario}
                tell(log, logging.WARNING, "history.resumed", words, **names, consecutive_failures=failures)
        if restored.trouble is not None:
            words = f"{restored.trouble} What it knows is not known here: no failures in a row, nothing spent today."
            tell(log, logging.ERROR, "history.unread", words, error=restored.trouble)

    def reload_failed(self, why: str) -> None:
        """Say why."""
        tell(log, logging.ERROR, "config.refused", f"the configuration stays as it was: {why}", error=why)

    def started(self, start: Start) -> None:
        """Only a late start is worth a word: the end of the run tells the rest."""
        if start.trigger == "scheduled" and start.lag >= LATE:
            words = f"{start.key} starts {start.lag:.1f} s late"
            tell(log, logging.INFO, "run.late", words, **_names(start), lag=round(start.lag, 3))

    def skipped(self, skips: Sequence[Skip]) -> None:
        """Say what was not run, how often and why."""
        skip, count = skips[0], len(skips)
        level = logging.WARNING if skip.reason in OURS else logging.INFO
        times = f" {count} times" if count > 1 else ""
        words = f"{skip.key} skipped{times}: {skip.reason} ({skip.trigger})"
        tell(log, level, "run.skipped", words, **_names(skip), reason=skip.reason, count=count)

    def ended(self, start: Start, record: RunRecord, failures: int | None) -> None:
        """The verdict, and how often that was so."""
        before, key = self._failures.get(start.key, 0), start.key
        words = [text.verdict(record), record.trigger]
        if record.seconds is not None:
            words.append(f"{record.seconds:.1f} s")
        if record.outcome is not Outcome.PASS:
            words.append(record.message)
        if record.diagnosis is not None:
            words.append(f"cause {record.diagnosis.cause}")
        if failures is not None:
            if failures > max(before, 1):
                words.append(f"{failures} failures in a row")
            elif before and not failures:
                words.append(f"recovered after {before} failure{'s' if before > 1 else ''}")
            self._failures[key] = failures
        tell(
            log,
            LEVELS[record.outcome],
            "run.finished",
            " · ".join(words),
            run_id=record.run_id,
            **_names(start),
            outcome=record.outcome,
            reason=record.reason,
            message=record.message,
            room=record.room,
            seconds=record.seconds,
            lag=round(start.lag, 3),
            consecutive_failures=failures,
            objectives_missed=missed(record),
        )
        for unread in Timeline(record.timeline).all(AgentLogUnread):
            fields = {"run_id": record.run_id, **_names(start), "file": unread.file, "error": unread.error}
            tell(log, logging.WARNING, "agent_log.unreadable", narration.words(unread) or "", **fields)
        for left in record.left_behind:
            tell(log, logging.WARNING, "run.left_behind", f"left behind: {left}", run_id=record.run_id, **_names(start))

    def paused(self, key: Key, paused: bool) -> None:
        """Say so."""
        words = f"{key} is {'under maintenance' if paused else 'no longer under maintenance'}"
        names = {"target": key.target, "scenario": key.scenario}
        tell(log, logging.INFO, "target.paused" if paused else "target.resumed", words, **names)


def _names(what: Start | Skip) -> dict[str, str]:
    return {"target": what.key.target, "scenario": what.key.scenario, "trigger": what.trigger}
