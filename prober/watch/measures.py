"""The canary's metrics: what happens is told to the exporter, in its own words."""

from collections.abc import Callable, Sequence

from prober.config.watched import lines
from prober.core.record import RunRecord
from prober.sinks.exporter import Exporter
from prober.watch.agenda import Agenda
from prober.watch.cadence import Key
from prober.watch.restoring import Restored
from prober.watch.schedule import Skip, Start


class Measures:
    """An observer that counts."""

    def __init__(self, exporter: Exporter, wall: Callable[[], float]) -> None:
        self._exporter, self._wall = exporter, wall
        self._sha256 = ""

    def configured(self, agenda: Agenda, restored: Restored) -> None:
        """Have the series of what is watched, each from where it stood."""
        now, self._sha256 = self._wall(), agenda.loaded.sha256
        self._exporter.expect(lines(agenda.loaded.config), now)
        for key, standing in restored.standings.items():
            self._exporter.restore(key, standing)
        self._exporter.reloaded(ok=True, when=now, sha256=self._sha256)

    def reload_failed(self, _why: str) -> None:
        """Say that the file is not the configuration in use."""
        self._exporter.reloaded(ok=False, when=self._wall(), sha256=self._sha256)

    def started(self, start: Start) -> None:
        """Count it as under way."""
        self._exporter.started(start.key, start.trigger, start.lag)

    def skipped(self, skips: Sequence[Skip]) -> None:
        """Only what was planned can be skipped."""
        for skip in skips:
            if skip.trigger == "scheduled":
                self._exporter.skipped(skip.key, skip.reason)

    def ended(self, _start: Start, record: RunRecord, _failures: int | None) -> None:
        """Count the run; the exporter knows what is watched no longer."""
        self._exporter.ended(record)

    def paused(self, key: Key, paused: bool) -> None:
        """Say so."""
        self._exporter.paused(key, paused)
