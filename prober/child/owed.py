"""What a run owes the world and has not taken away yet, as its parent sees it. Pure."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from prober.child.messages import CleanUp, Order, Owes
from prober.core.events import AgentJoined, CleanedUp, Event, RoomJoined
from prober.core.plan import Step, TrialEntry
from prober.core.steps import variables_of
from prober.core.words import harmless

SOON = 10.0
"""Seconds after our own join in which an agent that is not there may still be on its way."""


def agent_may_come(events: Sequence[Event]) -> bool:
    """Whether the run ended so soon after its join that the agent may not have arrived yet."""
    joined = next((event for event in events if isinstance(event, RoomJoined)), None)
    if joined is None or any(isinstance(event, AgentJoined) for event in events):
        return False
    return max(event.at for event in events) - joined.at < SOON


def still_owed(order: Order, owes: Owes, events: Sequence[Event]) -> CleanUp | None:
    """The order to take away what the events do not tell of; None where there is nothing."""
    told = {(event.resource, event.name) for event in events if isinstance(event, CleanedUp)}
    room = owes.room if owes.room is not None and ("room", _shown(owes.room, order)) not in told else None
    steps = tuple(step for step in cleanup_steps(order) if ("trial", step.name) not in told)
    owed = CleanUp(
        order=_with_cleanup(order, steps),
        owes=Owes(room=room, trial=owes.trial if steps else None),
        agent_may_come=agent_may_come(events),
    )
    return owed if any(left_behind(owed)) else None


def left_behind(owed: CleanUp) -> tuple[CleanedUp, ...]:
    """What to tell where nobody took it away."""
    left = []
    if owed.owes.trial is not None:
        known = owed.owes.trial.variables.keys() | owed.order.secrets.keys()
        left = [_left("trial", step.name) for step in cleanup_steps(owed.order) if variables_of(step) <= known]
    return (*left, _left("room", _shown(owed.owes.room, owed.order))) if owed.owes.room is not None else tuple(left)


def cleanup_steps(order: Order) -> tuple[Step, ...]:
    """The clean-up steps of the order's entry; the direct way has none."""
    return order.plan.entry.cleanup if isinstance(order.plan.entry, TrialEntry) else ()


def _with_cleanup(order: Order, steps: tuple[Step, ...]) -> Order:
    if not isinstance(order.plan.entry, TrialEntry):
        return order
    entry = msgspec.structs.replace(order.plan.entry, cleanup=steps)
    return msgspec.structs.replace(order, plan=msgspec.structs.replace(order.plan, entry=entry))


def _shown(room: str, order: Order) -> str:
    return harmless(room, hide=order.hidden)


def _left(resource: Literal["room", "trial"], name: str) -> CleanedUp:
    return CleanedUp(at=0.0, resource=resource, name=name, ok=False, detail="could not be taken away")
