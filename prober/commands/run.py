"""`run`: probe a product, by its flags or by a configuration."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from click.core import ParameterSource

from prober.child.messages import Order
from prober.commands.configuration import read_configuration
from prober.commands.outputs import OUTPUTS, GroupedCommand, OutputOption, make_outputs
from prober.commands.probing import probe_all
from prober.core.plan import ApiKey, DirectEntry, Greeting, Scenario, TrialEntry
from prober.options import WHAT, all_of, direct_entry, greeting_option, make_plan, recording, trial_entry


@click.command(cls=GroupedCommand, short_help="Probe a product, once or several times.")
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Probe the targets of this file, each of their scenarios; docs/configuration.md explains it.",
)
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
@click.option(
    "--agent-log",
    metavar="FILE",
    help="The log of the agent's worker, to tell why the agent failed; - for standard input.",
)
@greeting_option(Greeting.OPTIONAL)
@all_of(*WHAT, *OUTPUTS)
def run(targets: Sequence[str], config: Path | None, **what: Any) -> None:
    """Probe: walk in, join the room, talk to the agent, judge.

    With --config the TARGETs of that file, default all. With --trial-url by the product's own web flow; otherwise with
    an API key into a room of our own. A key given beside --trial-url is used where it belongs to the LiveKit server
    that the flow leads to: the room is deleted, and LiveKit is asked why an agent failed.
    """
    if config is not None:
        orders = _configured(config, targets, what)
    elif targets:
        raise click.UsageError(f"The target '{targets[0]}' is one of a configuration: give --config FILE.")
    else:
        orders = [_from_flags(**what)]
    said = [sentence for order in orders for sentence in order.plan.say]
    outputs = make_outputs(what, said, config)
    sys.exit(asyncio.run(probe_all(orders, outputs)))


def _configured(config: Path, targets: Sequence[str], what: dict[str, Any]) -> list[Order]:
    """The orders of these targets. Raises UsageError, also where a flag says what the configuration says already."""
    context = click.get_current_context()
    given = {name for name in what if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    for parameter in context.command.params:
        if parameter.name in given - {"scenario"} and not isinstance(parameter, OutputOption):
            raise click.UsageError(f"{parameter.opts[0]} does not go with --config: the file says it. Leave out one.")
    loaded = read_configuration(config, targets or None)
    from prober.config.orders import NothingToRunError, orders  # noqa: PLC0415 - see `read_configuration`

    try:
        made = orders(loaded, targets, Scenario(what["scenario"]) if "scenario" in given else None)
    except NothingToRunError as error:
        raise click.UsageError(str(error)) from error
    kept = what["record"]
    return [
        msgspec.structs.replace(
            order, plan=msgspec.structs.replace(order.plan, recording=recording(kept, order.plan.run_id))
        )
        for order in made
    ]


def _from_flags(
    *,
    trial_url: str | None,
    url: str | None,
    api_key: str | None,
    api_secret: str | None,
    agent_name: str,
    agent_log: str | None,
    **what: Any,
) -> Order:
    key = ApiKey(url=url, key=api_key, secret=api_secret) if url and api_key and api_secret else None
    if trial_url is not None:
        entry: TrialEntry | DirectEntry = trial_entry(trial_url)
    elif key is not None:
        entry = direct_entry(key.url, agent_name)
    else:
        raise click.UsageError(
            "No way in: give --config FILE, or --trial-url, or --url, --api-key and --api-secret "
            "(or LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET)."
        )
    return Order(plan=make_plan(entry, what), key=key, agent_log=agent_log)
