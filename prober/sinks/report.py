"""What a command tells of its runs, in words for a person; a reader that is gone changes no verdict."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol, Self

from rich.console import Console

from prober.core.events import Event
from prober.core.reasons import Outcome
from prober.core.record import RunRecord
from prober.core.series import Series
from prober.core.statistics import statistics
from prober.sinks import narration, text
from prober.sinks.live import Run, View, moves, say, show, view_for


class Report(Protocol):
    """Tells of runs: each as it goes on, and all when they are over."""

    def __enter__(self) -> Self:
        """Begin, before the first run."""

    def __exit__(self, *_: object) -> None:
        """The last run is over."""

    def started(self, run: Run) -> None:
        """The run begins."""

    def event(self, run: Run, event: Event) -> None:
        """One more event of the run."""

    def finished(self, run: Run, record: RunRecord) -> None:
        """The run is over and judged."""

    def concluded(self, series: Sequence[Series], kept: Sequence[str]) -> None:
        """All runs are over; `kept` are the places of the recordings: a run in which nobody was heard has none."""

    def trouble(self, sentence: str) -> None:
        """Trouble of the prober's own."""


class Words:
    """Words on a console; `quiet` leaves only the verdicts."""

    def __init__(self, console: Console, errors: Console, runs: Sequence[Run], *, quiet: bool) -> None:
        self._console, self._errors = console, errors
        self._quiet = quiet
        self._several = len(runs) > 1
        self._view: View | None = None if quiet else view_for(console, runs)
        self._showing: AbstractContextManager[object] = self._view or nullcontext()

    def __enter__(self) -> Self:
        self._showing.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._showing.__exit__(None, None, None)

    def started(self, _run: Run) -> None:
        """Its first moment tells of it."""

    def event(self, run: Run, event: Event) -> None:
        """Show it."""
        if self._view is not None:
            self._view.event(run, event)

    def finished(self, run: Run, record: RunRecord) -> None:
        """Show it."""
        if self._view is not None:
            self._view.finished(run, record)

    def concluded(self, series: Sequence[Series], kept: Sequence[str]) -> None:
        """Print each run's verdict: in full where it did not pass or stands alone, and the numbers of the others."""
        for one in series:
            for record in one.records:
                self._conclude(record, alone=len(one.records) == 1)
            if len(one.records) > 1:
                made = statistics(one)
                show(self._console, [text.rate(made)] if self._quiet else ["", *text.spread(made)])
        if not self._quiet:
            for wav in kept:
                also = " and .wav" if Path(wav).is_file() else ""
                say(self._console, f"  record: {Path(wav).with_suffix('.json')}{also}")

    def _conclude(self, record: RunRecord, *, alone: bool) -> None:
        passed = record.outcome is Outcome.PASS
        if self._quiet or (passed and not alone):
            say(self._console, text.verdict(record))
            return
        if moves(self._console) and not (passed and self._several):  # elsewhere each of its lines has been printed
            show(self._console, narration.timeline(record.timeline))
        show(self._console, ["", *text.summary(record, self._console.width)])

    def trouble(self, sentence: str) -> None:
        """Tell of it where errors are told."""
        say(self._errors, f"livekit-prober: {sentence}")
