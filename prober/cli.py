"""The command line: the only place that exits or prints."""

import asyncio
import collections
import datetime
import signal
import sys
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import click
import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from prober import __version__
from prober.child.parent import run_child
from prober.core.events import Event
from prober.core.measure import OBJECTIVES
from prober.core.plan import (
    ApiKey,
    Deadlines,
    DirectEntry,
    Expectations,
    Greeting,
    Plan,
    Ready,
    Scenario,
    TrialEntry,
)
from prober.core.record import Head, RunRecord, derive, rederive
from prober.core.steps import trial_steps
from prober.sinks import text

F = TypeVar("F", bound=Callable[..., Any])

TIMEOUTS = {Scenario.JOIN: 45.0, Scenario.CONVERSATION: 90.0}
"""Seconds for a whole run, unless `--timeout` says otherwise."""
WORST_FIRST = (1, 4, 3, 0)
"""Of several runs the exit code that matters most."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, package_name="livekit-prober")
def main() -> None:
    """Measure, as a customer would, how long a LiveKit voice agent takes to join and to answer.

    Exit codes: 0 pass, 1 the target failed, 2 usage, 3 it worked but an objective was missed, 4 inconclusive (the
    prober's own trouble), 130 and 143 stopped by a signal.
    """


def _objective(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> dict[str, float]:
    """`NAME=SECONDS`, any number of them."""
    objectives: dict[str, float] = {}
    for value in values:
        name, _, seconds = value.partition("=")
        if name not in OBJECTIVES:
            raise click.BadParameter(f"'{name}' is no measurement; the measurements are {', '.join(OBJECTIVES)}.")
        try:
            objectives[name] = float(seconds)
        except ValueError:
            raise click.BadParameter(f"'{value}' is not NAME=SECONDS, such as agent_join=3.") from None
    return objectives


_WHAT = (
    click.option(
        "--scenario",
        type=click.Choice([scenario.value for scenario in Scenario]),
        default=Scenario.CONVERSATION.value,
        show_default=True,
        help="join: see the agent arrive and stay. conversation: also speak to it and hear its answers.",
    ),
    click.option(
        "--say",
        multiple=True,
        metavar="FIXTURE|FILE",
        help="A recorded sentence by its fixture id, or a WAV file; one turn each.  [default: en-hours]",
    ),
    click.option(
        "--ready",
        type=click.Choice([ready.value for ready in Ready]),
        default=Ready.STATE.value,
        show_default=True,
        help='What the product\'s page waits for before it stops saying "connecting…".',
    ),
    click.option("--target", default="default", show_default=True, help="A name for what is probed."),
    click.option(
        "--agent-join-deadline",
        type=click.FloatRange(min=0, min_open=True),
        default=Deadlines().agent_join,
        show_default=True,
        help="Seconds after which an absent agent fails the run.",
    ),
    click.option(
        "--reply-within",
        type=click.FloatRange(min=0, min_open=True),
        default=Deadlines().reply,
        show_default=True,
        help="Seconds after which a missing answer fails the run.",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        help="Seconds for the whole run.  [default: 45 for join, 90 for conversation]",
    ),
    click.option(
        "--objective",
        "objectives",
        multiple=True,
        metavar="NAME=SECONDS",
        callback=_objective,
        help="A measurement's limit; missing it is exit code 3, not a failure. Repeatable.",
    ),
    click.option("--json", "json_to", metavar="FILE|-", help="Write the run record; '-' for standard output."),
    click.option(
        "--record",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Keep the record and both sides' sound (stereo WAV: left we, right the agent) in this folder.",
    ),
    click.option("-v", "--verbose", is_flag=True, help="Show what the run's own process prints."),
)


def _greeting(default: Greeting) -> Callable[[F], F]:
    return click.option(
        "--greeting",
        type=click.Choice([greeting.value for greeting in Greeting]),
        default=default.value,
        show_default=True,
        help="Whether the agent speaks first. optional waits for it and goes on without.",
    )


def _options(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@main.command()
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
@_greeting(Greeting.OPTIONAL)
@_options(*_WHAT)
def run(
    trial_url: str | None,
    url: str | None,
    api_key: str | None,
    api_secret: str | None,
    agent_name: str,
    **what: Any,
) -> None:
    """Probe once: walk in, join the room, talk to the agent, judge.

    With --trial-url by the product's own web flow; otherwise with an API key into a room of our own.
    """
    key = ApiKey(url=url, key=api_key, secret=api_secret) if url and api_key and api_secret else None
    if trial_url is not None:
        entry: TrialEntry | DirectEntry = _trial(trial_url)
    elif key is not None:
        entry = DirectEntry(url=key.url, agent_name=agent_name)
    else:
        raise click.UsageError(
            "No way in: give --trial-url, or --url, --api-key and --api-secret "
            "(or LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET)."
        )
    sys.exit(asyncio.run(_probe(_plan(entry, what), key, what)))


def _trial(trial_url: str) -> TrialEntry:
    try:
        return trial_steps(trial_url)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--trial-url") from error


@main.command()
@click.option("--once", is_flag=True, help="Make one run against the stack, stop everything, exit as `run` does.")
@click.option("--fault", metavar="NAME", help="Break the stack first; `--fault help` lists what can be broken.")
@_greeting(Greeting.EXPECTED)
@_options(*_WHAT)
def demo(once: bool, fault: str | None, **what: Any) -> None:
    """Start the reference stack: a small real voice product on this machine. Needs no account."""
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

    async def session() -> int:
        async with ReferenceStack(fault=broken, progress=_progress) as stack:
            key = ApiKey(url=stack.server.url, key=stack.server.api_key, secret=stack.server.api_secret)
            if once:
                return await _probe(_plan(_trial(stack.trial_url), what), key, what)
            click.echo(f"The product is up: {stack.trial_url}\nOpen it and press Start Trial, or probe it:")
            click.echo(f"  livekit-prober run --trial-url {stack.trial_url}\nCtrl-C stops it.")
            return await _until_signal()

    try:
        sys.exit(asyncio.run(session()))
    except StackError as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def replay(files: Sequence[Path]) -> None:
    """Derive measurements and verdict again from saved run records, and exit as `run` does."""
    codes = []
    for file in files:
        try:
            record = rederive(msgspec.json.decode(file.read_bytes(), type=RunRecord))
        except msgspec.MsgspecError as error:
            raise click.BadParameter(f"{file} is no run record: {error}") from error
        _print(Console(highlight=False), record, with_timeline=True)
        codes.append(record.exit_code)
    sys.exit(min(codes, key=WORST_FIRST.index))


def _plan(entry: TrialEntry | DirectEntry, what: dict[str, Any]) -> Plan:
    scenario = Scenario(what["scenario"])
    say = tuple(what["say"] or ("en-hours",)) if scenario is Scenario.CONVERSATION else ()
    if what["say"] and not say:
        raise click.UsageError("--say belongs to --scenario conversation: join does not speak.")
    if not _is_name(what["target"]):
        raise click.BadParameter("a target's name has 1 to 63 of a-z, 0-9 and '-'.", param_hint="--target")
    run_id = uuid.uuid4().hex[:16]
    directory: Path | None = what["record"]
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
    return Plan(
        run_id=run_id,
        target=what["target"],
        entry=entry,
        say=tuple(_sentence(name) for name in say),
        recording=None if directory is None else str((directory / f"{run_id}.wav").absolute()),
        expectations=Expectations(
            scenario=scenario,
            greeting=Greeting(what["greeting"]),
            ready=Ready(what["ready"]),
            turns=len(say),
            deadlines=Deadlines(
                agent_join=what["agent_join_deadline"],
                reply=what["reply_within"],
                run=what["timeout"] or TIMEOUTS[scenario],
            ),
            objectives=what["objectives"],
        ),
    )


def _sentence(name: str) -> str:
    """The fixture's id, or the file's absolute path; wrong ones are found before the run begins."""
    from prober.fixtures import FixtureError, load_fixture  # noqa: PLC0415 - numpy, only where something is said

    try:
        load_fixture(name)
    except FixtureError as error:
        raise click.BadParameter(str(error), param_hint="--say") from error
    return name


def _is_name(target: str) -> bool:
    return 0 < len(target) <= 63 and all(char in "abcdefghijklmnopqrstuvwxyz0123456789-" for char in target)


async def _probe(plan: Plan, key: ApiKey | None, what: dict[str, Any]) -> int:
    """Make the run, show it, keep it; the exit code."""
    json_to: str | None = what["json_to"]
    console = Console(stderr=json_to == "-", highlight=False)
    stop, signals = asyncio.Event(), list[int]()

    def stopped_by(number: int) -> None:
        signals.append(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped_by, number)
    head = Head(
        run_id=plan.run_id,
        target=plan.target,
        trigger=plan.trigger,
        started_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
    )
    with _Progress(console) as progress:
        events = await run_child(plan, key, stop=stop, on_event=progress.show, verbose=what["verbose"])
    record = derive(head, plan.expectations, events)
    _print(console, record, with_timeline=console.is_terminal)
    _keep(record, plan.recording, json_to)
    return 128 + signals[0] if signals else record.exit_code


class _Progress:
    """The run while it goes on: on a terminal its newest moments, which go again; elsewhere a plain line each."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._newest: collections.deque[str] = collections.deque(maxlen=8)
        self._live = Live(console=console, transient=True, refresh_per_second=8)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, event: Event) -> None:
        line = text.moment(event)
        if line is None:
            return
        if self._console.is_terminal:
            self._newest.append(line)
            self._live.update(Group(*(Text(newest) for newest in self._newest), Spinner("dots")))
        else:
            self._console.print(line, markup=False, soft_wrap=True)


def _keep(record: RunRecord, recording: str | None, json_to: str | None) -> None:
    """Write the record wherever it was asked for."""
    body = msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"
    if recording is not None:
        Path(recording).with_suffix(".json").write_bytes(body)
    if json_to == "-":
        sys.stdout.buffer.write(body)
    elif json_to is not None:
        Path(json_to).write_bytes(body)


def _print(console: Console, record: RunRecord, *, with_timeline: bool) -> None:
    lines = [*text.timeline(record.timeline), ""] if with_timeline else [""]
    for line in [*lines, *text.summary(record)]:
        console.print(line, markup=False, soft_wrap=True)


async def _until_signal() -> int:
    """Wait for Ctrl-C or a polite kill: how a demo ends."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    return 0


def _progress(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    main()
