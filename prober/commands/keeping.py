"""Writes the files that a command's flags ask for: one that fails is told, and the others are written all the same."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from prober.commands.outputs import Outputs
from prober.core.record import RunRecord
from prober.core.series import Series
from prober.core.statistics import Statistics, statistics
from prober.sinks import files, github, metrics
from prober.sinks.junit import junit


class Runs(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` writes of several runs; `statistics` has an entry for each series of repeats."""

    schema: Literal["livekit-prober/runs/1"] = "livekit-prober/runs/1"
    runs: tuple[RunRecord, ...]
    statistics: tuple[Statistics, ...]


def keep_record(record: RunRecord, recording: str | None) -> Iterator[str]:
    """Write the record beside its recording, as soon as there is one; yield what went wrong."""
    if recording is not None:
        path = Path(recording).with_suffix(".json")
        yield from _attempt(path, lambda: files.write(path, _encoded(record)))


def keep(outputs: Outputs, series: Sequence[Series], troubles: Sequence[str], *, single: bool) -> Iterator[str]:
    """Write every file but the job summary; yield what went wrong.

    The JUnit file is the last: it is no greener than `troubles` and what went wrong with the others.
    """
    found = list(troubles)
    records = [record for one in series for record in one.records]
    if outputs.json is not None:
        path = outputs.json
        made = tuple(statistics(one) for one in series)
        body = _encoded(records[0] if single and records else Runs(runs=tuple(records), statistics=made))
        found += _attempt(path, lambda: _print(body) if path == "-" else files.write(Path(path), body))
    if outputs.metrics is not None:
        prom = outputs.metrics
        found += _attempt(prom, lambda: files.write(prom, metrics.text_file(records, metrics.text_of(prom))))
    yield from found[len(troubles) :]
    if outputs.junit is not None:
        xml = outputs.junit
        yield from _attempt(xml, lambda: files.write(xml, junit(series, found)))


def summarize(path: Path, series: Sequence[Series], troubles: Sequence[str]) -> Iterator[str]:
    """Append to the job summary; yield what went wrong."""

    def append() -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(github.job_summary(series, troubles))

    yield from _attempt(path, append)


def _attempt(path: str | Path, write: Callable[[], None]) -> Iterator[str]:
    try:
        write()
    except OSError as error:
        yield f"{path} could not be written: {error.strerror or error}."
    except metrics.NotMetricsError as error:
        yield f"{path} was left as it is: {error}"


def _print(body: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):  # a reader that is gone changes no verdict
        sys.stdout.buffer.write(body)
        sys.stdout.flush()


def _encoded(document: RunRecord | Runs) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
