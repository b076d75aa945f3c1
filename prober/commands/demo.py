"""`demo`: the reference stack, with a run on it or until it is stopped."""

import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click
import msgspec
from click.core import ParameterSource

from prober.child.messages import Order
from prober.commands.faults import listing
from prober.commands.outputs import OUTPUTS, GroupedCommand, OutputOption, make_outputs
from prober.commands.probing import STOPS, probe_all
from prober.core.plan import ApiKey, Greeting, Plan
from prober.core.series import FAILED, INCONCLUSIVE
from prober.options import WHAT, all_of, greeting_option, make_plan, trial_entry

OF_THE_RUN = frozenset(
    {"scenario", "say", "greeting", "ready", "agent_join_deadline", "reply_within", "timeout", "objectives"}
)
"""Who says one of these says what the run does, and gets that run in place of the one that shows the fault."""


@click.command(cls=GroupedCommand, short_help="Start a small real product to try the prober on.")
@click.option("--once", is_flag=True, help="Make one run against the stack, stop everything, exit as `run` does.")
@click.option("--fault", metavar="NAME", help="Break something first; `livekit-prober faults` lists what.")
@greeting_option(Greeting.EXPECTED)
@all_of(*WHAT, *OUTPUTS)
def demo(once: bool, fault: str | None, **what: Any) -> None:
    """Start the reference stack: a small real voice product on this machine. Needs no account.

    Without --once it stays up until Ctrl-C, for a browser or for `run --trial-url`; what tells of runs is then refused.
    A fault comes with the run that shows it, unless flags say what the run shall do.
    """
    # The reference stack is an extra: only this command needs it.
    from prober.refstack.effects import EFFECTS  # noqa: PLC0415
    from prober.refstack.faults import Fault, Place  # noqa: PLC0415
    from prober.refstack.process import StackError  # noqa: PLC0415
    from prober.refstack.sabotage import sabotaged, saboteur  # noqa: PLC0415
    from prober.refstack.stack import ReferenceStack  # noqa: PLC0415

    if fault == "help":
        click.echo("\n".join(listing()))
        return
    if fault is not None and fault not in set(Fault):
        raise click.BadParameter(f"'{fault}' is no fault; `livekit-prober faults` lists them.", param_hint="--fault")
    outputs = make_outputs(what, what["say"])
    broken = None if fault is None else Fault(fault)
    if broken is not None and EFFECTS[broken].place is Place.PROBER and not once:
        raise click.UsageError(f"--fault {broken} is done to a run and not to the product: add --once.")
    context = click.get_current_context()
    chosen = {name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    for parameter in context.command.params:
        if not once and parameter.name in chosen and isinstance(parameter, OutputOption):
            raise click.UsageError(f"{parameter.opts[-1]} is about a run: add --once.")

    def plan_of(stack: ReferenceStack) -> Plan:
        plan = make_plan(trial_entry(stack.trial_url_with(broken)), what)
        if broken is not None and not chosen & OF_THE_RUN:
            shown = EFFECTS[broken].shown
            plan = msgspec.structs.replace(plan, say=shown.say, expectations=shown.expectations)
        return sabotaged(plan, broken)

    faults = () if broken is None else (broken,)
    logs = Path(tempfile.mkdtemp(prefix="livekit-prober-"))

    async def session() -> int:
        async with ReferenceStack(faults=faults, directory=logs, progress=_progress) as stack:
            if once:
                server = stack.server_of(broken)
                key = ApiKey(url=server.url, key=server.api_key, secret=server.api_secret)
                watch = saboteur(broken, lambda: signal.raise_signal(signal.SIGINT))
                return await probe_all([Order(plan=plan_of(stack), key=key)], outputs, watch=watch)
            url = stack.trial_url_with(broken)
            click.echo(f"The product is up: {url}\nOpen it and press Start Trial, or probe it:")
            click.echo(f"  livekit-prober run --trial-url '{url}'")
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
