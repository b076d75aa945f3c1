"""The flags that say what a run shall do, and the plan that they make. Raises click's usage errors only."""

import math
import subprocess
import sys
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from prober import recordings
from prober.core.measure import OBJECTIVES
from prober.core.plan import Deadlines, DirectEntry, Expectations, Greeting, Plan, Ready, Scenario, TrialEntry, TurnPlan
from prober.core.steps import trial_steps

F = TypeVar("F", bound=Callable[..., Any])

_ENTERED = frozenset({"trial", "room_join", "agent_join", "agent_ready", "time_to_ready"})
MEASURED = {Scenario.JOIN: _ENTERED, Scenario.CONVERSATION: _ENTERED | {"greeting", "response"}}
"""What each scenario can measure."""
DAY = 86_400.0
TIMEOUTS = {Scenario.JOIN: 45.0, Scenario.CONVERSATION: 90.0}
"""Seconds for a whole run, unless `--timeout` says otherwise."""


def _objective(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> dict[str, float]:
    """`NAME=SECONDS`, any number of them."""
    objectives: dict[str, float] = {}
    for value in values:
        name, _, seconds = value.partition("=")
        if name not in OBJECTIVES:
            raise click.BadParameter(f"'{name}' is no measurement; the measurements are {', '.join(OBJECTIVES)}.")
        try:
            limit = float(seconds)
        except ValueError:
            limit = 0.0
        if not 0 < limit < math.inf:
            raise click.BadParameter(f"'{value}' is not NAME=SECONDS, such as agent_join=3.")
        objectives[name] = limit
    return objectives


WHAT = (
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
        help="A recorded sentence, or a WAV file; one turn each.  "
        f"[default: en-hours; there are {', '.join(recordings.ids())}]",
    ),
    click.option(
        "--ready",
        type=click.Choice([ready.value for ready in Ready]),
        default=Ready.STATE.value,
        show_default=True,
        help='What the product\'s page waits for before it stops saying "connecting…".',
    ),
    click.option(
        "--target", metavar="NAME", default="default", show_default=True, help="A name for what is probed: a-z, 0-9, -."
    ),
    click.option(
        "--agent-join-deadline",
        type=click.FloatRange(min=0, min_open=True, max=DAY),
        default=Deadlines().agent_join,
        show_default=True,
        help="Seconds after which an absent agent fails the run.",
    ),
    click.option(
        "--reply-within",
        type=click.FloatRange(min=0, min_open=True, max=DAY),
        default=TurnPlan().reply_within,
        show_default=True,
        help="Seconds after which a missing answer fails the run.",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True, max=DAY),
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
)


def greeting_option(default: Greeting) -> Callable[[F], F]:
    """`--greeting`, whose default depends on what is probed."""
    return click.option(
        "--greeting",
        type=click.Choice([greeting.value for greeting in Greeting]),
        default=default.value,
        show_default=True,
        help="Whether the agent speaks first. optional waits for it and goes on without.",
    )


def all_of(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Put these options on a command, in this order in its help."""

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def make_plan(entry: TrialEntry | DirectEntry, what: dict[str, Any]) -> Plan:
    """The plan of the flags in `WHAT`, of `greeting_option` and of `--record`."""
    scenario = Scenario(what["scenario"])
    say = tuple(what["say"] or ("en-hours",)) if scenario is Scenario.CONVERSATION else ()
    if what["say"] and not say:
        raise click.UsageError("--say belongs to --scenario conversation: join does not speak.")
    if not _is_name(what["target"]):
        raise click.BadParameter("a target's name has 1 to 63 of a-z, 0-9 and '-'.", param_hint="--target")
    unheard = [name for name in what["objectives"] if name not in MEASURED[scenario]]
    if unheard:
        raise click.UsageError(f"--scenario {scenario} never measures {unheard[0]}: no objective can be set on it.")
    run_id = uuid.uuid4().hex[:16]
    directory: Path | None = what["record"]
    if directory is not None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise click.BadParameter(f"{directory} cannot be made: {error.strerror}.", param_hint="--record") from error
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
            turns=(TurnPlan(reply_within=what["reply_within"]),) * len(say),
            deadlines=_deadlines(scenario, say, what),
            objectives=what["objectives"],
        ),
    )


def _deadlines(scenario: Scenario, say: Sequence[str], what: dict[str, Any]) -> Deadlines:
    """A run that ends before one of its own deadlines could only ever say `run_deadline`."""
    deadlines = Deadlines(agent_join=what["agent_join_deadline"], run=what["timeout"] or TIMEOUTS[scenario])
    longest = max(deadlines.trial, deadlines.room_join, deadlines.agent_join, what["reply_within"])
    if deadlines.run < longest:
        raise click.BadParameter(
            f"{deadlines.run:g} s for the run is shorter than the deadline of a single step in it, {longest:g} s.",
            param_hint="--timeout",
        )
    spoken = sum(recordings.seconds(name) or 0.0 for name in say)
    if deadlines.run < spoken + longest:
        raise click.BadParameter(
            f"{deadlines.run:g} s for the run leave no time beside the {spoken:.0f} s that are said in it.",
            param_hint="--timeout",
        )
    return deadlines


def _sentence(name: str) -> str:
    """The fixture's id or the file's path; wrong ones are found before the run begins.

    A file is read in a process that goes away again: the parent stays small.
    """
    if name not in recordings.ids():
        command = [sys.executable, "-m", "prober.fixtures", name]
        looked = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if looked.returncode != 0:
            raise click.BadParameter(looked.stderr.strip().rpartition("\n")[2], param_hint="--say")
    return name


def _is_name(target: str) -> bool:
    return 0 < len(target) <= 63 and all(char in "abcdefghijklmnopqrstuvwxyz0123456789-" for char in target)


def direct_entry(url: str, agent_name: str) -> DirectEntry:
    """The direct way into this LiveKit."""
    if urlsplit(url).scheme not in {"ws", "wss", "http", "https"} or not urlsplit(url).hostname:
        raise click.BadParameter(f"{url!r} is no URL with wss:// (or ws, https, http) and a host.", param_hint="--url")
    return DirectEntry(url=url, agent_name=agent_name)


def trial_entry(trial_url: str) -> TrialEntry:
    """The usual trial flow behind this page."""
    try:
        return trial_steps(trial_url)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--trial-url") from error
