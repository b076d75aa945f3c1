"""`demo`: the reference stack, with a run on it or until it is stopped."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click

from prober.child.messages import Order
from prober.commands.outputs import OUTPUTS, GroupedCommand, make_outputs
from prober.commands.probing import STOPS, probe_all
from prober.core.plan import ApiKey, Greeting
from prober.options import WHAT, all_of, greeting_option, make_plan, trial_entry

FAILED, INCONCLUSIVE = 1, 4


@click.command(cls=GroupedCommand, short_help="Start a small real product to try the prober on.")
@click.option("--once", is_flag=True, help="Make one run against the stack, stop everything, exit as `run` does.")
@click.option("--fault", metavar="NAME", help="Break the stack first; `--fault help` lists what can be broken.")
@greeting_option(Greeting.EXPECTED)
@all_of(*WHAT, *OUTPUTS)
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
    outputs = make_outputs(what)
    broken = None if fault is None else Fault(fault)
    logs = Path(tempfile.mkdtemp(prefix="livekit-prober-"))

    async def session() -> int:
        async with ReferenceStack(fault=broken, directory=logs, progress=_progress) as stack:
            key = ApiKey(url=stack.server.url, key=stack.server.api_key, secret=stack.server.api_secret)
            if once:
                order = Order(plan=make_plan(trial_entry(stack.trial_url), what), key=key)
                return await probe_all([order], outputs)
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
