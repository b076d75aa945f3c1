"""`replay`: judge saved run records again."""

import contextlib
import inspect
import os
import re
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from prober.commands.keeping import Runs
from prober.core.decoding import decoded
from prober.core.record import RunRecord, rederive
from prober.core.series import INCONCLUSIVE, worst
from prober.sinks import narration, text
from prober.sinks.live import show

LARGEST = 64 << 20
"""Bytes read of a file: thousands of records."""
_LINES = re.compile(rb"\n[^\s}\]]")
"""There is a document on a line after the first: the lines of one that goes over several are indented."""


@click.command(short_help="Judge saved run records again.")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--schema", is_flag=True, help="Print the JSON Schema of a run record and do nothing else.")
def replay(files: Sequence[Path], schema: bool) -> None:
    """Derive measurements and verdict again from saved run records, and exit as `run` does.

    A FILE holds what `--json` or `--record` has written, or what `history --json` prints: a record a line.
    """
    if schema:
        click.echo(msgspec.json.format(msgspec.json.encode(_cleaned(_schema())), indent=1))
        return
    if not files:
        raise click.UsageError("Name at least one file that `--json` or `--record` has written.")
    codes = []
    for file in files:
        for record in map(rederive, _records(file)):
            console = Console(highlight=False)
            show(console, [*narration.timeline(record.timeline), "", *text.summary(record, console.width)])
            codes.append(record.exit_code)
    sys.exit(worst(codes) if codes else INCONCLUSIVE)  # nothing was judged in a file of a command stopped early


def _records(file: Path) -> Sequence[RunRecord]:
    """The record in the file, one a line, or those of several runs that `--json` has written together."""
    body = _read(file)
    with contextlib.suppress(ValueError):
        several: Runs = decoded(body, Runs)
        return several.runs
    try:
        return (decoded(body, RunRecord),)
    except ValueError as error:
        if _LINES.search(body) is None:
            raise click.BadParameter(f"{file} is no run record: {error}") from error
    return [_line(file, number, line) for number, line in enumerate(body.splitlines(), 1)]


def _line(file: Path, number: int, line: bytes) -> RunRecord:
    try:
        return decoded(line, RunRecord)
    except ValueError as error:
        raise click.BadParameter(f"{file}, line {number}, is no run record: {error}") from error


def _read(file: Path) -> bytes:
    """What is in the file, or comes out of the pipe that a shell names."""
    try:
        # Not to wait for somebody who opens the other end of a named pipe.
        with open(os.open(file, os.O_RDONLY | os.O_NONBLOCK), "rb") as opened:  # noqa: PTH123 - of a descriptor
            kind = os.fstat(opened.fileno()).st_mode
            if not stat.S_ISREG(kind) and not stat.S_ISFIFO(kind):
                raise click.BadParameter(f"{file} is neither a file nor a pipe.")
            os.set_blocking(opened.fileno(), True)
            body = opened.read(LARGEST + 1)
    except OSError as error:
        raise click.BadParameter(f"{file} cannot be read: {error.strerror}.") from error
    if len(body) > LARGEST:
        raise click.BadParameter(f"{file} is larger than {LARGEST >> 20} MiB.")
    return body


def _schema() -> Any:
    """What `--json` writes: the record of one run, or several of them with their statistics."""
    alternatives, parts = msgspec.json.schema_components([RunRecord, Runs])
    return {"anyOf": list(alternatives), "$defs": parts}


def _cleaned(schema: Any) -> Any:
    """The schema with its descriptions as Python 3.13 has them: without the indentation of docstrings."""
    if isinstance(schema, dict):
        return {
            key: inspect.cleandoc(value) if key == "description" and isinstance(value, str) else _cleaned(value)
            for key, value in schema.items()
        }
    return [_cleaned(item) for item in schema] if isinstance(schema, list) else schema
