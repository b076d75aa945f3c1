"""What a command tells of its runs, as JSON lines for a log collector: a static `event` name and its fields.

Fields hold names, numbers, moments of the timeline and the prober's own sentences; no token, e-mail address or word of
what was said, as the record holds none.
"""

import contextlib
import datetime
from collections.abc import Sequence
from typing import Any, Self, TextIO

import msgspec

from prober.core.events import Event
from prober.core.reasons import Outcome
from prober.core.record import RunRecord
from prober.core.series import Series
from prober.core.statistics import statistics
from prober.sinks import narration
from prober.sinks.live import Run

LEVELS = {Outcome.PASS: "info", Outcome.FAIL: "error", Outcome.INCONCLUSIVE: "warning"}


class JsonLines:
    """One JSON object a line; `quiet` leaves verdicts and troubles."""

    def __init__(self, stream: TextIO, *, quiet: bool) -> None:
        self._stream = stream
        self._quiet = quiet

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held back."""

    def started(self, run: Run) -> None:
        """`run.started`."""
        if not self._quiet:
            self._write("run.started", "info", **_names(run))

    def event(self, run: Run, event: Event) -> None:
        """`run.moment`, for the events that have words for a person."""
        if not self._quiet and narration.moment(event) is not None:
            self._write("run.moment", "info", **_names(run), moment=msgspec.to_builtins(event))

    def finished(self, run: Run, record: RunRecord) -> None:
        """`run.finished`, with the verdict and every number."""
        told: dict[str, Any] = {
            name: getattr(record, name)
            for name in (
                *("outcome", "reason", "message", "look", "diagnosis", "room"),
                *("labels", "measurements", "objectives"),
            )
        }
        left = {"left_behind": record.left_behind, "seconds": record.seconds, "exit_code": record.exit_code}
        self._write("run.finished", LEVELS[record.outcome], **_names(run), **told, **left)

    def concluded(self, series: Sequence[Series], _kept: Sequence[str]) -> None:
        """`series.finished` for each series that has more than one run."""
        for one in series:
            if len(one.records) > 1:
                self._write("series.finished", "info" if one.exit_code == 0 else "error", series=statistics(one))

    def trouble(self, sentence: str) -> None:
        """`prober.trouble`."""
        self._write("prober.trouble", "error", message=sentence)

    def _write(self, event: str, level: str, **fields: Any) -> None:
        write_line(self._stream, event, level, **fields)


def write_line(stream: TextIO, event: str, level: str, *, when: datetime.datetime | None = None, **fields: Any) -> None:
    """One line, of what happened just now or at this moment; a reader that is gone changes nothing."""
    time = (when or datetime.datetime.now(datetime.UTC)).isoformat(timespec="milliseconds")
    line = msgspec.json.encode({"time": time, "level": level, "event": event, **fields}).decode()
    with contextlib.suppress(OSError):
        stream.write(line + "\n")
        stream.flush()


def _names(run: Run) -> dict[str, Any]:
    return {"run_id": run.run_id, "target": run.target, "scenario": run.scenario, "number": run.number}
