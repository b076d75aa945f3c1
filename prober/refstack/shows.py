"""The runs that show faults, and those on the product without one: what each expects, and what it says."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from prober.core.plan import BargeIn, Deadlines, Expectations, Greeting, Ready, Scenario, TurnPlan, WhenInterrupted
from prober.refstack.faults import Shown

BRISK: Mapping[str, float] = MappingProxyType(
    {"trial": 3.0, "room_join": 3.0, "agent_join": 6.0, "agent_ready": 3.0, "greeting": 3.0, "response": 3.0}
)
"""Seconds: objectives that what is slow here misses, and what is well meets on a busy machine.

Slow is 4 s, for the agent's joining 8 s: its process starts meanwhile. Well is below 1 s on an idle machine.
"""

JOINING = ("trial", "room_join", "agent_join", "agent_ready")
UNANNOUNCED = ("trial", "room_join", "agent_ready")
"""LiveKit tells of an agent that publishes nothing up to 3 s late: its joining is not judged then."""


def look(*brisk: str, ready: Ready = Ready.STATE, agent_join: float = Deadlines().agent_join) -> Shown:
    """A run that only looks, with these phases' objectives."""
    return Shown(
        expectations=Expectations(
            scenario=Scenario.JOIN,
            ready=ready,
            deadlines=Deadlines(agent_join=agent_join),
            objectives={phase: BRISK[phase] for phase in brisk},
        )
    )


def talk(
    *turns: TurnPlan,
    say: tuple[str, ...] = ("en-hours",),
    interruption: WhenInterrupted = WhenInterrupted.RECORD,
    brisk: Iterable[str] = (),
) -> Shown:
    """A run that talks, with these phases' objectives."""
    return Shown(
        say=say,
        expectations=Expectations(
            greeting=Greeting.EXPECTED,
            turns=turns or (TurnPlan(),),
            interruption=interruption,
            objectives={phase: BRISK[phase] for phase in brisk},
        ),
    )


LOOK = look()
BRISK_LOOK = look(*JOINING)
HOURS = TurnPlan(expect_text="nine to five")
TALK = talk()
BRISK_TALK = talk(brisk=BRISK)
UNINTERRUPTED = talk(interruption=WhenInterrupted.FAIL)
OPENING_HOURS = talk(HOURS)
BARGING_IN = talk(TurnPlan(), TurnPlan(barge_in=BargeIn()), say=("en-weather", "en-stop"))
ALL_AT_ONCE = talk(HOURS, interruption=WhenInterrupted.FAIL, brisk=BRISK)

HEALTHY: Mapping[str, Shown] = MappingProxyType({"healthy": ALL_AT_ONCE, "healthy, interrupted": BARGING_IN})
"""Runs on the product without a fault, which pass: what shows a fault is not what makes it."""
