"""The flags that say what a run shall do, and the plan that they make. Raises click's usage errors only."""

import math
import re
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click
from click.core import ParameterSource

from prober import recordings, sayable
from prober.core.fitting import toothless, waits
from prober.core.measure import MEASURED, OBJECTIVES
from prober.core.plan import (
    TIMEOUTS,
    Deadlines,
    DirectEntry,
    Expectations,
    Greeting,
    Plan,
    Ready,
    Scenario,
    TrialEntry,
    TurnPlan,
)
from prober.core.steps import trial_steps
from prober.limits import DAY, LIVEKIT, NO_LIVEKIT, TARGET_NAME, TARGET_NAMED, is_url

F = TypeVar("F", bound=Callable[..., Any])


class Seconds(click.FloatRange):
    """Seconds within a range; NaN, which compares with nothing, lies in none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number. Raises BadParameter."""
        seconds: float = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value} is not a number of seconds.", param, ctx)
        return seconds


_SECONDS = Seconds(min=0, min_open=True, max=DAY)
_FLAGS = {"agent_join": "--agent-join-deadline", "reply_within": "--reply-within"}
"""Which of the waits in a run a flag sets; the others are fixed."""


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
        if name in objectives:
            raise click.BadParameter(f"{name} is given twice.")
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
        type=_SECONDS,
        default=Deadlines().agent_join,
        show_default=True,
        help="Seconds after which an absent agent fails the run.",
    ),
    click.option(
        "--reply-within",
        type=_SECONDS,
        default=TurnPlan().reply_within,
        show_default=True,
        help="Seconds after which a missing answer fails the run.",
    ),
    click.option(
        "--timeout",
        type=_SECONDS,
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
    if scenario is Scenario.JOIN:
        _refuse_speech()
    say = tuple(what["say"] or ("en-hours",)) if scenario is Scenario.CONVERSATION else ()
    if not re.fullmatch(TARGET_NAME, what["target"]):
        raise click.BadParameter(f"{TARGET_NAMED}.", param_hint="--target")
    unheard = [name for name in what["objectives"] if name not in MEASURED[scenario]]
    if unheard:
        raise click.UsageError(f"--scenario {scenario} never measures {unheard[0]}: no objective can be set on it.")
    expected = Expectations(
        scenario=scenario,
        greeting=Greeting(what["greeting"]),
        ready=Ready(what["ready"]),
        turns=(TurnPlan(reply_within=what["reply_within"]),) * len(say),
        deadlines=Deadlines(agent_join=what["agent_join_deadline"], run=what["timeout"] or TIMEOUTS[scenario]),
        objectives=what["objectives"],
    )
    _check_times(expected, say, asks=isinstance(entry, TrialEntry))
    run_id = uuid.uuid4().hex[:16]
    return Plan(
        run_id=run_id,
        target=what["target"],
        entry=entry,
        say=tuple(_sentence(name) for name in say),
        recording=recording(what["record"], run_id),
        expectations=expected,
    )


def _refuse_speech() -> None:
    """What belongs to a conversation would do nothing in a run that only looks."""
    context = click.get_current_context()
    for name in ("say", "reply_within", "greeting"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"--{name.replace('_', '-')} belongs to --scenario conversation: join does not speak or listen."
            )


def recording(directory: Path | None, run_id: str) -> str | None:
    """Where the sound of this run is kept, in a folder that is there now; None where it is not."""
    if directory is None:
        return None
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.BadParameter(f"{directory} cannot be made: {error.strerror}.", param_hint="--record") from error
    return str((directory / f"{run_id}.wav").absolute())


def _check_times(expected: Expectations, say: Sequence[str], *, asks: bool) -> None:
    """A run that ends before one of its own deadlines could only ever say `run_deadline`."""
    singles = {name: wait for name, wait in waits(expected).items() if asks or name != "trial"}
    whole, (what, longest) = expected.deadlines.run, max(singles.items(), key=lambda pair: pair[1])
    said = sum(recordings.seconds(name) or 0.0 for name in say)
    if whole < longest:
        raise click.UsageError(
            f"{whole:g} s for the run is shorter than the {longest:g} s of {_FLAGS.get(what, what)}, a single step "
            f"in it. Give --timeout {longest:g} or more."
        )
    if whole < said + longest:
        raise click.UsageError(
            f"{whole:g} s for the run leave no time beside the {said:.0f} s that are said in it. "
            f"Give --timeout {math.ceil(said + longest)} or more."
        )
    for name, limit, wait, seconds in toothless(expected):
        raise click.UsageError(
            f"--objective {name}={limit:g} can never be missed: the run has failed after {seconds:g} s "
            f"({_FLAGS.get(wait, wait)}). Give less."
        )


def _sentence(name: str) -> str:
    """The fixture's id or the file's path; wrong ones are found before the run begins."""
    wrong = None if name in recordings.ids() else sayable.why_not(name)
    if wrong is not None:
        raise click.BadParameter(wrong, param_hint="--say")
    return name


def direct_entry(url: str, agent_name: str) -> DirectEntry:
    """The direct way into this LiveKit."""
    if not is_url(url, LIVEKIT):
        raise click.BadParameter(f"{url!r} {NO_LIVEKIT}", param_hint="--url")
    return DirectEntry(url=url, agent_name=agent_name)


def trial_entry(trial_url: str) -> TrialEntry:
    """The usual trial flow behind this page."""
    if "@" in urlsplit(trial_url).netloc:
        raise click.BadParameter(
            "a name or password in the URL can be read by everybody: use a configuration and its `secrets`.",
            param_hint="--trial-url",
        )
    try:
        return trial_steps(trial_url)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--trial-url") from error
