"""What can be wrong with the prober itself: its plan, its network, its child. Done to a run by whoever starts it."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable

import msgspec

from prober.core.events import AgentJoined, Event, RoomJoined, RunStarted
from prober.core.plan import Plan
from prober.refstack.faults import Fault

STALL = 4.0
"""Seconds for which the child is stopped: past the deadline that the run has set for the agent's joining."""
_NOBODY = "anchor.invalid:443"  # RFC 2606: it never resolves, as nothing does for who is offline


def sabotaged(plan: Plan, fault: Fault | None) -> Plan:
    """The plan as this fault spoils it; others leave it as it is."""
    if fault is Fault.PROBER_OFFLINE:
        return msgspec.structs.replace(plan, anchors=(_NOBODY,))
    if fault is Fault.UNREADABLE_RECORDING:
        return msgspec.structs.replace(plan, say=(os.devnull,) * len(plan.say))
    return plan


def saboteur(fault: Fault | None, stop: Callable[[], None]) -> Callable[[Event], None]:
    """Watches the events of runs, one after another, and does to each child what the fault asks for; or nothing.

    It waits for the agent, unless the fault is to miss it: a room that is deleted before its agent has joined is made
    anew by the agent.
    """
    pid: int | None = None

    def watch(event: Event) -> None:
        nonlocal pid
        match event, fault:
            case RunStarted(), _:
                pid = event.pid
            case AgentJoined(), Fault.OPERATOR_STOP:
                stop()
            case AgentJoined(), Fault.CHILD_KILLED:
                _send(pid, signal.SIGKILL)
            case RoomJoined(), Fault.CHILD_STALLED:
                _send(pid, signal.SIGSTOP)
                asyncio.get_running_loop().call_later(STALL, _send, pid, signal.SIGCONT)

    return watch


def _send(pid: int | None, number: signal.Signals) -> None:
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
