"""`watch`: the canary: probe the targets of a configuration on a timer, until it is stopped."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prober.commands.configuration import BadConfiguration, read_configuration, shard_option
from prober.commands.history import database_option
from prober.config.shard import Shard
from prober.options import Seconds

if TYPE_CHECKING:
    from prober.config.loading import Loaded


ENDING = (signal.SIGTERM, signal.SIGINT)


@contextlib.contextmanager
def _signals_obeyed() -> Iterator[None]:
    """Obey signals from the first line to the last, and have them mean what they did before."""
    before = {number: signal.getsignal(number) for number in (*ENDING, signal.SIGHUP)}
    try:
        _end_at_once()
        yield
    finally:
        for number, what in before.items():
            signal.signal(number, what)


def _end_at_once() -> None:
    """Before the canary begins and when it is over there is nothing to end in good order, nothing to reload."""
    for number in ENDING:
        signal.signal(number, lambda *_: os._exit(0))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


@click.command(short_help="Probe on a timer, for months.")
@click.option(
    "--config",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What is watched and how often; docs/configuration.md explains it.",
)
@click.option(
    "--listen",
    default="127.0.0.1:9765",
    show_default=True,
    metavar="HOST:PORT",
    help="Where metrics and pages are served. Beyond this machine put a proxy in front.",
)
@database_option
@click.option(
    "--evidence",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where recordings and failed runs are kept.  [default: evidence beside the history]",
)
@click.option("--no-evidence", is_flag=True, help="Record no sound and keep no failed runs beside the history.")
@click.option(
    "--grace",
    type=Seconds(min=0, max=3600),
    metavar="SECONDS",
    help="How long runs may go on after SIGTERM.  [default: as long as the longest run, 60 at most]",
)
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A file with the token that lets others reload and probe; else LIVEKIT_PROBER_TOKEN.",
)
@click.option("--enable-probe", is_flag=True, help="Answer /probe: whoever may ask it makes runs that cost money.")
@shard_option
@_signals_obeyed()
def watch(config: Path, db: Path, shard: Shard, **what: Any) -> None:
    """Probe the targets of a configuration on a timer, keep every run, serve metrics and pages.

    SIGTERM and Ctrl-C end it in good order, with exit code 0: runs may end, rooms are left and deleted, everything is
    written. SIGHUP reads the configuration again.
    """
    from prober.sinks.multiprocess import forget  # noqa: PLC0415 - the server and the metrics: 40 MB for this one verb

    forget(os.environ)
    from prober.sinks.claim import ClaimedError  # noqa: PLC0415
    from prober.sinks.log_lines import Lines, logging_to  # noqa: PLC0415
    from prober.sinks.log_queue import Unhurried  # noqa: PLC0415
    from prober.watch.canary import Settings, keep_watch  # noqa: PLC0415
    from prober.watch.web.listen import ListenError, parsed  # noqa: PLC0415

    if what["no_evidence"] and what["evidence"] is not None:
        raise click.UsageError("--evidence and --no-evidence exclude each other. Leave out one.")
    evidence = None if what["no_evidence"] else what["evidence"] or db.parent / "evidence"
    loaded = read_configuration(config, shard=shard, exposed=True)
    try:
        settings = Settings(
            database=db,
            evidence=evidence,
            listen=parsed(what["listen"]),
            token=_token(what["token_file"]),
            probe=what["enable_probe"],
            grace=what["grace"],
        )
    except ListenError as error:
        raise click.BadParameter(str(error), param_hint="--listen") from error
    as_json = click.get_current_context().find_root().params.get("log_format") == "json"

    async def load_again() -> "Loaded":
        from prober.config.loading import load  # noqa: PLC0415 - see `read_configuration`

        return await asyncio.to_thread(load, config, shard=shard, exposed=True)

    # A stream of its own: a thread that is stuck in writing to it keeps nobody from flushing standard output.
    stream = open(sys.stdout.fileno(), "w", encoding=sys.stdout.encoding, errors="replace", closefd=False)  # noqa: SIM115
    try:
        with logging_to(Unhurried(Lines(stream, as_json=as_json))):
            asyncio.run(keep_watch(loaded, load_again, settings))
            _end_at_once()  # the last lines may have to wait for their reader
    except ListenError as error:
        raise click.ClickException(str(error)) from error
    except ClaimedError as error:
        raise BadConfiguration(str(error)) from error


def _token(file: Path | None) -> str | None:
    """The token in the file, or in the environment, which then holds it no longer."""
    from prober.watch.web.guard import TokenError, checked_token, read_token  # noqa: PLC0415

    named = os.environ.pop("LIVEKIT_PROBER_TOKEN", "")
    try:
        if file is not None:
            return read_token(file)
        return checked_token(named, "LIVEKIT_PROBER_TOKEN") if named else None
    except TokenError as error:
        raise click.UsageError(str(error)) from error
