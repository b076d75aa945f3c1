"""`demo`: the reference stack, with one run on it, or with the canary on it until it is stopped."""

import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Collection, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from click.core import ParameterSource

from prober.child.messages import Order
from prober.commands.faults import listing
from prober.commands.outputs import OUTPUTS, GroupedCommand, OutputOption, Outputs, make_outputs
from prober.commands.probing import STOPS, probe_all
from prober.core.plan import ApiKey, Greeting
from prober.core.series import FAILED, INCONCLUSIVE
from prober.options import WHAT, all_of, greeting_option, make_plan, trial_entry

if TYPE_CHECKING:
    from prober.refstack.faults import Fault
    from prober.watch.web.listen import Listen

UNWELL = frozenset({FAILED, INCONCLUSIVE})
OF_THE_RUN = frozenset(
    {"scenario", "say", "greeting", "ready", "agent_join_deadline", "reply_within", "timeout", "objectives"}
)
"""Who says one of these says what the run does, and gets that run in place of the one that shows the fault."""


@click.command(cls=GroupedCommand, short_help="Start a small real product, and the canary on it.")
@click.option("--once", is_flag=True, help="Make one run against the stack, stop everything, exit as `run` does.")
@click.option("--fault", metavar="NAME", help="Break something first; `livekit-prober faults` lists what.")
@click.option(
    "--listen",
    metavar="HOST:PORT",
    default="127.0.0.1:9765",
    show_default=True,
    help="Where the canary's status page and metrics are; without --once.",
)
@greeting_option(Greeting.EXPECTED)
@all_of(*WHAT, *OUTPUTS)
def demo(once: bool, fault: str | None, listen: str, **what: Any) -> None:
    """Start the reference stack: a small real voice product on this machine. Needs no account.

    Without --once it stays up until Ctrl-C, with the canary (`watch`) on it: open its status page, and break the
    product on the product's own page. What tells of single runs is then refused. With --once, a fault comes with the
    run that shows it, unless flags say what the run shall do.
    """
    # The reference stack is an extra: only this command needs it.
    from prober.refstack.faults import Fault  # noqa: PLC0415

    if fault == "help":
        click.echo("\n".join(listing()))
        return
    if fault is not None and fault not in set(Fault):
        raise click.BadParameter(f"'{fault}' is no fault; `livekit-prober faults` lists them.", param_hint="--fault")
    outputs = make_outputs(what, what["say"])
    broken = None if fault is None else Fault(fault)
    given = _given()
    if once:
        if "listen" in given:
            raise click.UsageError("--listen is about the canary: leave out --once.")
        code = _in_a_folder(lambda logs: _run_once(broken, what, given & OF_THE_RUN, outputs, logs), keep=UNWELL)
        sys.exit(code)
    _refuse_what_is_about_a_run(given, broken)
    address = _address(listen)
    log_format = "json" if outputs.as_json else "text"
    code = _in_a_folder(lambda logs: _stay_up(broken, address, log_format, logs), keep={INCONCLUSIVE})
    sys.exit(code if code == INCONCLUSIVE else 0)


def _given() -> set[str]:
    """The parameters that the command line itself names."""
    context = click.get_current_context()
    return {name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}


def _refuse_what_is_about_a_run(given: Collection[str], broken: "Fault | None") -> None:
    from prober.refstack.effects import EFFECTS  # noqa: PLC0415
    from prober.refstack.faults import Place  # noqa: PLC0415

    if broken is not None and EFFECTS[broken].place is Place.PROBER:
        raise click.UsageError(f"--fault {broken} is done to a run and not to the product: add --once.")
    for parameter in click.get_current_context().command.params:
        about_a_run = isinstance(parameter, OutputOption) or parameter.name in OF_THE_RUN
        if parameter.name in given and about_a_run:
            raise click.UsageError(f"{parameter.opts[-1]} is about a run: add --once.")


def _address(listen: str) -> "Listen":
    from prober.watch.web.listen import ListenError, parsed  # noqa: PLC0415

    try:
        return parsed(listen)
    except ListenError as error:
        raise click.BadParameter(str(error), param_hint="--listen") from error


def _in_a_folder(session: Callable[[Path], Coroutine[Any, Any, int]], *, keep: Collection[int]) -> int:
    """Do this with a folder for the logs, until a signal; the exit code. With a code in `keep` the logs stay."""
    from prober.refstack.process import StackError  # noqa: PLC0415

    logs = Path(tempfile.mkdtemp(prefix="livekit-prober-"))
    try:
        code = asyncio.run(_until_signal(session(logs)))
    except StackError as error:  # our own trouble, and no word about any target
        click.echo(f"The reference stack cannot run: {error}", err=True)
        code = INCONCLUSIVE
    if code in keep:
        click.echo(f"The logs of the stack's server and agent are in {logs}", err=True)
    else:
        shutil.rmtree(logs, ignore_errors=True)
    return code


async def _run_once(
    broken: "Fault | None", what: dict[str, Any], chosen: Collection[str], outputs: Outputs, logs: Path
) -> int:
    """One run on the stack; its exit code."""
    from prober.refstack.effects import EFFECTS  # noqa: PLC0415
    from prober.refstack.sabotage import sabotaged, saboteur  # noqa: PLC0415
    from prober.refstack.stack import ReferenceStack  # noqa: PLC0415

    faults = () if broken is None else (broken,)
    async with ReferenceStack(faults=faults, directory=logs, progress=_progress) as stack:
        plan = make_plan(trial_entry(stack.trial_url_with(broken)), what)
        if broken is not None and not chosen:
            shown = EFFECTS[broken].shown
            plan = msgspec.structs.replace(plan, say=shown.say, expectations=shown.expectations)
        server = stack.server_of(broken)
        key = ApiKey(url=server.url, key=server.api_key, secret=server.api_secret)
        watch = saboteur(broken, lambda: signal.raise_signal(signal.SIGINT))
        return await probe_all(
            [Order(plan=sabotaged(plan, broken), key=key, agent_log=str(stack.agent_log_of(broken)))],
            outputs,
            watch=watch,
        )


async def _stay_up(broken: "Fault | None", listen: "Listen", log_format: str, logs: Path) -> int:
    """The stack with the canary on it, until it is stopped. Raises StackError where the canary ends by itself."""
    from prober.refstack.canary import CHEAP, canary, write_configuration  # noqa: PLC0415
    from prober.refstack.process import StackError  # noqa: PLC0415
    from prober.refstack.stack import ReferenceStack  # noqa: PLC0415

    faults = CHEAP if broken is None else {*CHEAP, broken}
    async with ReferenceStack(faults=faults, directory=logs, progress=_progress) as stack:
        url = stack.door_of(broken)
        if broken is not None and url == stack.trial_url:
            stack.app.switchboard.switch(broken)
        configuration = write_configuration(logs, url, stack.server, stack.agent_log_of(broken))
        async with canary(configuration, listen=str(listen), log_format=log_format) as watching:
            click.echo(f"The product:        {stack.trial_url}  (start a trial, or break it for all)")
            page = f"{listen.url(listen.port)}/  (metrics: /metrics)" if listen.port else "at a free port, told below"
            click.echo(f"The canary on it:   {page}")
            click.echo(f"A run of your own:  livekit-prober run --trial-url '{url}'")
            click.echo(f"The logs of the stack and the canary's configuration are in {logs}\nCtrl-C stops all of it.")
            code = await watching.wait()
            raise StackError(f"the canary ended with exit status {code}; what it said stands above.")


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
