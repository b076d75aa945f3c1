"""Who is told of what the canary does: the log, the metrics, the disk. Whatever they do with it, probing goes on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from prober.core.record import RunRecord
from prober.sinks.keeper import State
from prober.watch.agenda import Agenda
from prober.watch.cadence import Key
from prober.watch.restoring import Restored
from prober.watch.schedule import Skip, Start


class Observer(Protocol):
    """Each verb is called on the event loop's own thread, in the order in which things happen."""

    def configured(self, agenda: Agenda, restored: Restored) -> None:
        """From now on this is watched; `restored` is what the history knows of the lines that are new."""

    def reload_failed(self, why: str) -> None:
        """The configuration stays the one that it was."""

    def started(self, start: Start) -> None:
        """A run begins."""

    def skipped(self, skips: Sequence[Skip]) -> None:
        """These starts of one line are left out for one reason; only those of trigger `scheduled` were planned."""

    def ended(self, start: Start, record: RunRecord, failures: int | None) -> None:
        """The run is over, and its line now has so many judged failures in a row; None: it is watched no longer."""

    def paused(self, key: Key, paused: bool) -> None:
        """A maintenance window opened, or closed."""


class Keeping(Protocol):
    """Where runs are kept: a Keeper, or nobody."""

    @property
    def state(self) -> State:
        """How it goes."""

    def draft(self, run_id: str) -> Path | None:
        """Where this run is to put its recording, if anywhere."""

    def publish(self, record: RunRecord, recording: Path | None = None) -> None:
        """Keep this run; never raises, never waits."""
