"""Runs on their way to disk: a thread writes them, so that no full disk, no lock and no slow one ever stops a caller.

Written in the order in which they came. What cannot be written waits in memory, is tried again until it can, and is
lost only where too many wait, where the program is killed meanwhile, or where it ends before the disk is free again.
All of it is counted and logged.
"""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from prober.core.reasons import Outcome
from prober.core.record import RunRecord
from prober.sinks.entries import Row, row
from prober.sinks.evidence import Evidence
from prober.sinks.history import History, open_for_writing
from prober.sinks.migrations import HistoryError
from prober.sinks.retention import Retention

log = logging.getLogger(__name__)
ROOM = 1000
"""Runs that may wait, some 3 kB each: half a day of a target probed at the default intervals."""
RETRY = 5.0
"""Seconds between attempts."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How it goes. `trouble` is what keeps runs from the disk now, as a sentence; None while all is well.

    `failures` are attempts that failed, `lost` runs that are not in the history and never will be.
    """

    written: int = 0
    waiting: int = 0
    failures: int = 0
    lost: int = 0
    evidence_failures: int = 0
    trouble: str | None = None


class _Run(NamedTuple):
    row: Row
    recording: Path | None


class Keeper:
    """Writes runs to the history, and what was heard in runs that failed to the evidence."""

    def __init__(
        self,
        path: Path,
        evidence: Evidence | None = None,
        *,
        retention: Retention = Retention(),  # noqa: B008 - frozen
        room: int = ROOM,
        retry: float = RETRY,
    ) -> None:
        self._path, self._evidence = path, evidence
        self._retention, self._room, self._retry = retention, room, retry
        self._queue: queue.Queue[_Run | None] = queue.Queue()
        self._changed = threading.Condition()
        self._state = State()
        self._ending = threading.Event()
        self._history: History | None = None
        self._thread = threading.Thread(target=self._work, name="history", daemon=True)
        self._thread.start()

    @property
    def state(self) -> State:
        """How it goes at this moment."""
        return self._state

    def publish(self, record: RunRecord, recording: Path | None = None) -> None:
        """Have this run written soon, and its recording taken care of. Never raises, never waits."""
        try:
            run = _Run(row(record), recording)
        except Exception:  # a sink must not spoil a run
            log.exception("history.unwritable", extra={"run_id": record.run_id})
            self._count(lost=1)
            _discard(recording)
            return
        if self._state.waiting >= self._room:
            self._lose(run, "too many runs wait already")
            _discard(recording)
            return
        self._count(waiting=1)
        self._queue.put(run)

    def wait_for(self, state: Callable[[State], bool], timeout: float) -> bool:
        """Whether within so many seconds it goes like this. Not for an event loop's own thread."""
        with self._changed:
            return self._changed.wait_for(lambda: state(self._state), timeout)

    def close(self, timeout: float) -> None:
        """Write what waits, each with one more attempt, and end; after so many seconds without what is left."""
        self._ending.set()
        self._queue.put(None)
        self._thread.join(timeout)
        if self._thread.is_alive():
            log.error("history.abandoned", extra={"runs": self._state.waiting})

    def _work(self) -> None:
        while (run := self._queue.get()) is not None:
            self._see_to(run)
            self._count(waiting=-1)
        self._disconnect()

    def _see_to(self, run: _Run) -> None:
        """Try until it is written, or until it is the end."""
        try:
            while not self._written(run):
                if self._ending.is_set():
                    self._lose(run, self._state.trouble)
                    return
                self._ending.wait(self._retry)
            self._keep_evidence(run)
        except Exception:  # this thread must outlive whatever is wrong with one run
            log.exception("history.unwritable", extra={"run_id": run.row.run_id})
            self._count(lost=1)
        finally:
            _discard(run.recording)

    def _written(self, run: _Run) -> bool:
        try:
            if self._history is not None and self._history.is_gone():
                self._disconnect()
            if self._history is None:
                self._history = open_for_writing(self._path)
            self._history.insert(run.row)
        except HistoryError as error:
            self._failed(error)
            return False
        self._count(written=1)
        if self._state.trouble is not None:
            log.warning("history.recovered", extra={"runs_waiting": self._state.waiting})
            self._set(trouble=None)
        try:
            self._history.prune(self._retention, now=run.row.started_at)
        except HistoryError as error:  # the run is written: what is too old goes with one of the next
            log.warning("history.not_pruned", extra={"error": str(error)})
        return True

    def _keep_evidence(self, run: _Run) -> None:
        """Once: evidence is worth having, and worth no waiting."""
        outcome, recording = run.row.outcome, run.recording
        if self._evidence is None or (recording is None and outcome != Outcome.FAIL):
            return
        try:
            kept = self._evidence.keep(run.row.run_id, outcome, run.row.document, recording)
            trouble = None if kept else "alone it is over the limits"
        except (OSError, ValueError) as error:
            trouble = str(error)
        if trouble is not None:
            self._count(evidence_failures=1)
            log.warning("evidence.failed", extra={"run_id": run.row.run_id, "error": trouble})

    def _failed(self, error: HistoryError) -> None:
        self._disconnect()
        self._count(failures=1)
        if self._state.trouble != str(error):
            log.error("history.failed", extra={"error": str(error), "runs_waiting": self._state.waiting})
            self._set(trouble=str(error))

    def _disconnect(self) -> None:
        history, self._history = self._history, None
        if history is not None:
            try:
                history.close()
            except HistoryError as error:
                log.warning("history.not_closed", extra={"error": str(error)})

    def _lose(self, run: _Run, why: str | None) -> None:
        self._count(lost=1)
        log.error("history.lost", extra={"run_id": run.row.run_id, "error": why})

    def _count(self, **more: int) -> None:
        with self._changed:
            self._set(**{name: getattr(self._state, name) + by for name, by in more.items()})

    def _set(self, **values: int | str | None) -> None:
        with self._changed:
            self._state = msgspec.structs.replace(self._state, **values)
            self._changed.notify_all()


def _discard(recording: Path | None) -> None:
    """What was not taken into the evidence is nobody's."""
    if recording is not None:
        with contextlib.suppress(OSError):
            recording.unlink(missing_ok=True)
