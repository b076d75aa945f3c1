"""`run`: probe a product once."""

import asyncio
import sys
from typing import Any

import click

from prober.child.messages import Order
from prober.commands.outputs import OUTPUTS, GroupedCommand, make_outputs
from prober.commands.probing import probe_all
from prober.core.plan import ApiKey, DirectEntry, Greeting, TrialEntry
from prober.options import WHAT, all_of, direct_entry, greeting_option, make_plan, trial_entry


@click.command(cls=GroupedCommand, short_help="Probe a product once.")
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
@all_of(*WHAT, *OUTPUTS)
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
    order = Order(plan=make_plan(entry, what), key=key)
    sys.exit(asyncio.run(probe_all([order], make_outputs(what))))
