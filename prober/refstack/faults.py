"""The faults that the reference stack can have, as a table: where each one sits and what a customer would see."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from prober.refstack.trial_app.connection import Knobs


class Fault(StrEnum):
    """What can be wrong with the reference product."""

    MISSING_TTS_KEY = "missing_tts_key"
    ASYNC_CALLBACK = "async_callback"
    AGENT_DEAF = "agent_deaf"
    TRIAL_500 = "trial_500"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a fault does to the product, and how that looks from outside."""

    description: str
    in_agent: bool
    """The agent has the fault, told by its dispatch's metadata; else the trial app has it."""


EFFECTS: Mapping[Fault, Effect] = MappingProxyType(
    {
        Fault.MISSING_TTS_KEY: Effect(
            description="The agent's job crashes at start for want of its speech provider's key: connecting… for ever.",
            in_agent=True,
        ),
        Fault.ASYNC_CALLBACK: Effect(
            description="The agent's job crashes at start on an async callback given to .on(): connecting… for ever.",
            in_agent=True,
        ),
        Fault.AGENT_DEAF: Effect(
            description="The agent joins and greets but hears nothing: every sentence stays without an answer.",
            in_agent=True,
        ),
        Fault.TRIAL_500: Effect(
            description="Start Trial answers with status 500: nobody gets as far as a call.",
            in_agent=False,
        ),
    }
)


def put(fault: Fault | None, knobs: Knobs) -> None:
    """Give a running product this fault in place of the one it had; None makes it well again."""
    in_agent = fault is not None and EFFECTS[fault].in_agent
    knobs.agent_metadata = json.dumps({"fault": fault}) if in_agent else ""
    knobs.fail_trial = fault is not None and not in_agent
