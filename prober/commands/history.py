"""`history`: the runs that were kept: as a list with their numbers, as JSON lines, or one of them in full."""

import contextlib
import datetime
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from prober.core.reasons import Outcome, Reason
from prober.core.record import rederive
from prober.core.statistics import Tally
from prober.core.visible import visible
from prober.sinks import narration, text
from prober.sinks.entries import Entry, Query
from prober.sinks.live import COLOURS, say, show
from prober.sinks.moments import moment

if TYPE_CHECKING:
    from prober.sinks.history import History

LISTED = 20
"""Runs listed where nobody asks for another number."""
SHOWN = ("time_to_ready", "agent_join", "response")


def default_database() -> Path:
    """The user's own history, where the XDG Base Directory Specification puts state."""
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    return (state if state.is_absolute() else Path.home() / ".local" / "state") / "livekit-prober" / "history.db"


def _named(_context: click.Context, _parameter: click.Parameter, value: Path) -> Path:
    """A path that is not empty, as that of a variable which is not set."""
    if not value.name:
        raise click.BadParameter("it is empty. Name a file, or leave the option out.")
    return value


database_option = click.option(
    "--db",
    callback=_named,
    envvar="LIVEKIT_PROBER_DB",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    default=default_database,
    help="The history; or LIVEKIT_PROBER_DB.  "
    "[default: livekit-prober/history.db in $XDG_STATE_HOME or ~/.local/state]",
)


def _moment(_context: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    """`24h` is so long ago; a date is its beginning in UTC, unless it names another zone."""
    if value is None:
        return None
    try:
        return moment(value, time.time())
    except ValueError as error:
        raise click.BadParameter(f"'{value}' is {error}.") from error


@click.command(short_help="Show the runs that were kept.")
@click.argument("run_id", required=False)
@database_option
@click.option("--target", metavar="NAME", help="Only runs against this target.")
@click.option("--scenario", metavar="NAME", help="Only runs of this scenario.")
@click.option("--trigger", type=click.Choice(["scheduled", "confirm", "manual"]), help="Only runs started by this.")
@click.option("--since", metavar="24h|DATE", callback=_moment, help="Only runs that began since then (30m, 24h, 7d).")
@click.option(
    "--outcome", type=click.Choice([outcome.value for outcome in Outcome]), help="Only runs with this outcome."
)
@click.option(
    "--reason",
    type=click.Choice([reason.value for reason in Reason]),
    metavar="REASON",
    help="Only runs with this reason.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help=f"List the newest N.  [default: {LISTED}; --json: all]"
)
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON, one a line, as they were written.")
def history(run_id: str | None, db: Path, limit: int | None, as_json: bool, **which: str | float | None) -> None:
    """Show the runs that the canary has kept, the newest last, with the numbers of all that match.

    With RUN_ID show that run as `replay` does. Nothing is probed, and the exit code is no verdict: 0 unless the history
    cannot be read.
    """
    # SQLite is loaded by those commands only that need it.
    from prober.sinks.history import reading  # noqa: PLC0415
    from prober.sinks.migrations import HistoryError, RefusedHistoryError  # noqa: PLC0415

    query = msgspec.convert({**which, "limit": limit}, Query)
    try:
        with reading(db) as kept:
            if run_id is not None:
                _one(kept, run_id, db, as_json=as_json)
            elif as_json:
                _lines(kept.documents(query))
            else:
                _table(kept, query, db)
    except RefusedHistoryError as error:
        raise click.BadParameter(str(error), param_hint="--db") from error
    except HistoryError as error:
        raise click.ClickException(str(error)) from error


def _one(kept: "History", run_id: str, db: Path, *, as_json: bool) -> None:
    """All of one run, as today's rules see it."""
    if as_json:
        body = kept.document(run_id)
        if body is not None:
            _lines([body])
            return
    record = kept.run(run_id)
    if record is None:
        raise click.BadParameter(f"there is no run '{run_id}' in {db}.", param_hint="RUN_ID")
    console, again = Console(highlight=False), rederive(record)
    show(console, [*narration.timeline(again.timeline), "", *text.summary(again, console.width)])
    if (record.outcome, record.reason) != (again.outcome, again.reason):
        say(console, f"  judged then: {_verdict(record.outcome, record.reason)}")


def _table(kept: "History", query: Query, db: Path) -> None:
    """The newest of these runs, and all of them in numbers."""
    console = Console(highlight=False)
    if damaged := kept.damaged():
        say(console, f"Left out: {damaged} of the history's rows, which {'is' if damaged == 1 else 'are'} damaged.")
    listed = list(kept.runs(msgspec.structs.replace(query, limit=query.limit or LISTED)))
    if not listed:
        say(console, f"No run in {db} matches.")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("started (UTC)", "target", "scenario", "trigger", "verdict"):
        table.add_column(column, no_wrap=True)
    for column in SHOWN:
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("run", no_wrap=True)
    for entry in reversed(listed):
        table.add_row(*_cells(entry))
    # As wide as it is where nobody looks: what reads a pipe finds whole lines.
    wide = console if console.is_terminal else Console(highlight=False, width=200)
    wide.print(table)
    for summary in kept.summaries(query):
        show(console, ["", *text.spread(summary)])


def _cells(entry: Entry) -> Iterable[Text]:
    """What is visible of them, and no markup: anybody may have written what is kept."""
    started = datetime.datetime.fromtimestamp(entry.started_at, datetime.UTC)
    verdict = _verdict(entry.outcome, entry.reason) + (" (objective missed)" if entry.exit_code == 3 else "")
    for cell in (f"{started:%Y-%m-%d %H:%M:%S}", entry.target, entry.scenario, entry.trigger):
        yield Text(visible(cell))
    yield Text(visible(verdict), COLOURS.get(entry.outcome.upper(), ""))
    for name in SHOWN:
        yield Text(_seconds(entry.tallies.get(name)))
    yield Text(visible(entry.run_id))


def _seconds(tally: Tally | None) -> str:
    """The one number of a run: for several the slowest."""
    return f"{max(tally.values):.3f}" if tally is not None and tally.values else ""


def _verdict(outcome: str, reason: str | None) -> str:
    return f"{outcome.upper()} {reason}" if reason is not None else outcome.upper()


def _lines(bodies: Iterable[bytes]) -> None:
    """As they were written; on a terminal what is visible of them."""
    with contextlib.suppress(BrokenPipeError):  # a reader that has seen enough
        for body in bodies:
            if sys.stdout.isatty():
                click.echo(visible(body.decode(errors="replace")))
            else:
                sys.stdout.buffer.write(body + b"\n")
