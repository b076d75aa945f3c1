"""The command line: the only place that exits or prints."""

import asyncio
import contextlib
import datetime
import inspect
import io
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from prober import __version__
from prober.child.parent import run_child
from prober.core.plan import ApiKey, DirectEntry, Greeting, Plan, TrialEntry
from prober.core.record import Head, RunRecord, derive, rederive
from prober.options import WHAT, all_of, direct_entry, greeting_option, make_plan, trial_entry
from prober.sinks import text
from prober.sinks.live import Progress, say

FAILED, INCONCLUSIVE = 1, 4
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WORST_FIRST = (1, 4, 3, 0)
"""Of several runs the exit code that matters most."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, package_name="livekit-prober")
def main() -> None:
    """Measure, as a customer would, how long a LiveKit voice agent takes to join and to answer.

    Exit codes: 0 pass, 1 the target failed, 2 usage, 3 it worked but an objective was missed, 4 inconclusive (the
    prober's own trouble), 129, 130 and 143 stopped by a signal.
    """


@main.command(short_help="Probe a product once.")
@click.option("--trial-url", metavar="URL", help="The page with the Start Trial button: walk in as a customer does.")
@click.option("--url", envvar="LIVEKIT_URL", metavar="URL", help="LiveKit's own URL, for the direct way in.")
@click.option("--api-key", envvar="LIVEKIT_API_KEY", metavar="KEY", help="LiveKit API key.")
@click.option(
    "--api-secret",
    envvar="LIVEKIT_API_SECRET",
    metavar="SECRET",
    help="Its secret. Better in LIVEKIT_API_SECRET: arguments can be read by every user of the machine.",
)
@click.option("--agent-name", default="", metavar="NAME", help="Agent to dispatch in the direct way; none: implicit.")
@greeting_option(Greeting.OPTIONAL)
@all_of(*WHAT)
def run(
    trial_url: str | None,
    url: str | None,
    api_key: str | None,
    api_secret: str | None,
    agent_name: str,
    **what: Any,
) -> None:
    """Probe once: walk in, join the room, talk to the agent, judge.

    With --trial-url by the product's own web flow; otherwise with an API key into a room of our own. A key given beside
    --trial-url serves clean-up: where it belongs to the LiveKit server that the flow leads to, the room is deleted.
    """
    key = ApiKey(url=url, key=api_key, secret=api_secret) if url and api_key and api_secret else None
    if trial_url is not None:
        entry: TrialEntry | DirectEntry = trial_entry(trial_url)
    elif key is not None:
        entry = direct_entry(key.url, agent_name)
    else:
        raise click.UsageError(
            "No way in: give --trial-url, or --url, --api-key and --api-secret "
            "(or LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET)."
        )
    sys.exit(asyncio.run(_probe(make_plan(entry, what), key, what)))


@main.command(short_help="Start a small real product to try the prober on.")
@click.option("--once", is_flag=True, help="Make one run against the stack, stop everything, exit as `run` does.")
@click.option("--fault", metavar="NAME", help="Break the stack first; `--fault help` lists what can be broken.")
@greeting_option(Greeting.EXPECTED)
@all_of(*WHAT)
def demo(once: bool, fault: str | None, **what: Any) -> None:
    """Start the reference stack: a small real voice product on this machine. Needs no account.

    Without --once it stays up until Ctrl-C, for a browser or for `run --trial-url`; the flags of a run then do nothing.
    """
    # The reference stack is an extra: only this command needs it.
    from prober.refstack.faults import EFFECTS, Fault  # noqa: PLC0415
    from prober.refstack.process import StackError  # noqa: PLC0415
    from prober.refstack.stack import ReferenceStack  # noqa: PLC0415

    if fault == "help":
        for known in Fault:
            click.echo(f"{known.value:16}{EFFECTS[known].description}")
        return
    if fault is not None and fault not in set(Fault):
        raise click.BadParameter(f"'{fault}' is no fault; known are {', '.join(Fault)}.", param_hint="--fault")
    broken = None if fault is None else Fault(fault)
    logs = Path(tempfile.mkdtemp(prefix="livekit-prober-"))

    async def session() -> int:
        async with ReferenceStack(fault=broken, directory=logs, progress=_progress) as stack:
            key = ApiKey(url=stack.server.url, key=stack.server.api_key, secret=stack.server.api_secret)
            if once:
                return await _probe(make_plan(trial_entry(stack.trial_url), what), key, what)
            click.echo(f"The product is up: {stack.trial_url}\nOpen it and press Start Trial, or probe it:")
            click.echo(f"  livekit-prober run --trial-url {stack.trial_url}")
            click.echo(f"The logs of its server and its agent are in {logs}\nCtrl-C stops it.")
            return await asyncio.Event().wait()

    try:
        code = asyncio.run(_until_signal(session()))
    except StackError as error:  # our own trouble, and no word about any target
        click.echo(f"The reference stack cannot run: {error}", err=True)
        code = INCONCLUSIVE
    if once and code in {FAILED, INCONCLUSIVE}:
        click.echo(f"The logs of the stack's server and agent are in {logs}", err=True)
    else:
        shutil.rmtree(logs, ignore_errors=True)
    sys.exit(code if once or code == INCONCLUSIVE else 0)


@main.command(short_help="Judge saved run records again.")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--schema", is_flag=True, help="Print the JSON Schema of a run record and do nothing else.")
def replay(files: Sequence[Path], schema: bool) -> None:
    """Derive measurements and verdict again from saved run records, and exit as `run` does."""
    if schema:
        click.echo(msgspec.json.format(msgspec.json.encode(_cleaned(msgspec.json.schema(RunRecord))), indent=1))
        return
    if not files:
        raise click.UsageError("Name at least one file that `--json` or `--record` has written.")
    codes = []
    for file in files:
        try:
            record = rederive(msgspec.json.decode(file.read_bytes(), type=RunRecord))
        except msgspec.MsgspecError as error:
            raise click.BadParameter(f"{file} is no run record: {error}") from error
        console = Console(highlight=False)
        _print(console, [*text.timeline(record.timeline), "", *text.summary(record, console.width)])
        codes.append(record.exit_code)
    sys.exit(min(codes, key=WORST_FIRST.index))


async def _probe(plan: Plan, key: ApiKey | None, what: dict[str, Any]) -> int:
    """Make the run, show it, keep it; the exit code."""
    json_to: str | None = what["json_to"]
    console = Console(stderr=json_to == "-", highlight=False)
    stop, signals = asyncio.Event(), list[int]()

    def stopped_by(number: int) -> None:
        signals.append(number)
        stop.set()

    for number in STOPS:
        asyncio.get_running_loop().add_signal_handler(number, stopped_by, number)
    head = Head(
        run_id=plan.run_id,
        target=plan.target,
        trigger=plan.trigger,
        started_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
    )
    with Progress(console) as progress:
        events = await run_child(plan, key, stop=stop, on_event=progress.show, verbose=what["verbose"])
    record = derive(head, plan.expectations, events)
    _keep(record, plan.recording, json_to)
    if console.is_terminal:  # elsewhere each of its lines has been printed
        _print(console, text.timeline(record.timeline))
    _print(console, ["", *text.summary(record, console.width)])
    if plan.recording is not None:
        say(console, f"  record: {Path(plan.recording).with_suffix('.json')} and .wav")
    return 128 + signals[0] if signals else record.exit_code


def program() -> None:
    """The program: trouble of its own is exit 4, never a word about the target."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without our arrows still gets the numbers
    code: Any = INCONCLUSIVE
    try:
        code = main(prog_name="livekit-prober", standalone_mode=False)
    except SystemExit as error:
        code = error.code
    except click.UsageError as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = 128 + signal.SIGINT
    except (click.ClickException, OSError) as error:
        with contextlib.suppress(OSError):
            click.echo(f"livekit-prober: {error}", err=True)
    except Exception:  # noqa: BLE001 - a bug of ours must not leave as 1, "the target failed"
        traceback.print_exc()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(code or 0)  # a reader that is gone must not turn this into another code at exit


def _keep(record: RunRecord, recording: str | None, json_to: str | None) -> None:
    """Write the record wherever it was asked for."""
    body = msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"
    if recording is not None:
        Path(recording).with_suffix(".json").write_bytes(body)
    if json_to == "-":
        sys.stdout.buffer.write(body)
    elif json_to is not None:
        Path(json_to).write_bytes(body)


def _cleaned(schema: Any) -> Any:
    """The schema with its descriptions as Python 3.13 has them: without the indentation of docstrings."""
    if isinstance(schema, dict):
        return {
            key: inspect.cleandoc(value) if key == "description" and isinstance(value, str) else _cleaned(value)
            for key, value in schema.items()
        }
    return [_cleaned(item) for item in schema] if isinstance(schema, list) else schema


def _print(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        say(console, line)


async def _until_signal(work: Coroutine[Any, Any, int]) -> int:
    """Do this until it is done or a signal comes, which ends it in good order; the exit code."""
    working, signals = asyncio.ensure_future(work), list[int]()

    def stopped_by(number: int) -> None:
        signals.append(number)
        working.cancel()

    for number in STOPS:
        asyncio.get_running_loop().add_signal_handler(number, stopped_by, number)
    try:
        return await working
    except asyncio.CancelledError:
        return 128 + signals[0]


def _progress(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    program()
