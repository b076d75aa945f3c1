"""A run as its record, whatever becomes of its process: the one way in which `run` and `watch` make runs."""

import asyncio
import datetime
import os
import uuid
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from prober.child.messages import Order
from prober.child.parent import run_child
from prober.core.events import AnyEvent, Event, Stopped
from prober.core.plan import Plan
from prober.core.reasons import Reason
from prober.core.record import Head, RunRecord, derive


class RunChild(Protocol):
    """Makes a run and gives its events; `run_child` does, in a process of its own."""

    async def __call__(
        self, order: Order, *, stop: asyncio.Event, on_event: Callable[[Event], None], verbose: bool = False
    ) -> tuple[AnyEvent, ...]:
        """The events of the run. Raises OSError where its process cannot be started."""


def head_of(plan: Plan, labels: Mapping[str, str]) -> Head:
    """The head of a run that begins now."""
    return Head(
        run_id=plan.run_id,
        target=plan.target,
        trigger=plan.trigger,
        started_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
        labels=dict(labels),
    )


async def make_record(
    order: Order,
    head: Head,
    *,
    stop: asyncio.Event,
    on_event: Callable[[Event], None] = lambda _event: None,
    verbose: bool = False,
    run: RunChild = run_child,
) -> RunRecord:
    """Make the run; its record. A process that cannot be started is our own trouble, and spoils no other run."""
    try:
        events = await run(order, stop=stop, on_event=on_event, verbose=verbose)
    except OSError as error:
        return unmade(order, head, f"the run's process could not be started: {error.strerror or type(error).__name__}")
    return derive(head, order.plan.expectations, events)


def unmade(order: Order, head: Head, why: str) -> RunRecord:
    """The record of a run that our own trouble kept from being made."""
    return derive(head, order.plan.expectations, (Stopped(at=0.0, reason=Reason.PROBER_INTERNAL, detail=why),))


def fresh_id() -> str:
    """An id that no other run has."""
    return uuid.uuid4().hex[:16]


def planned(order: Order, **changes: object) -> Order:
    """The order with these changes to its plan."""
    return msgspec.structs.replace(order, plan=msgspec.structs.replace(order.plan, **changes))


def cores() -> int:
    """The cores that this process may use: as many runs are made side by side."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
