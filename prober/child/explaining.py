"""Runs that an agent failed, explained by the agent's own log: what it tells of them becomes an event of theirs."""

import asyncio
import logging
from collections.abc import Callable

from prober.child.making import RunChild
from prober.child.messages import Order
from prober.child.parent import run_child
from prober.core.diagnosis import OF_THE_AGENT
from prober.core.events import AnyEvent, Event, RoomJoined
from prober.core.timeline import Timeline
from prober.core.verdict import judge
from prober.diagnosis.log_source import Source, open_log
from prober.sinks.log_lines import tell

log = logging.getLogger(__name__)
WITHIN = 5.0
"""Seconds given to the disk."""


class Explaining:
    """Makes runs as `run` does; each log that orders name is read once. Its own trouble is told, and ends no run."""

    def __init__(self, run: RunChild = run_child) -> None:
        self._run = run
        self._logs: dict[str, Source] = {}

    async def __call__(
        self, order: Order, *, stop: asyncio.Event, on_event: Callable[[Event], None], verbose: bool = False
    ) -> tuple[AnyEvent, ...]:
        """The events of the run, and what the log tells of it. Raises OSError where no process can be started."""
        name = order.agent_log
        if name is not None and name not in self._logs:
            self._logs[name] = open_log(name)  # before the run: what comes through a pipe is read from now on
        events = await self._run(order, stop=stop, on_event=on_event, verbose=verbose)
        timeline = Timeline(events)
        joined = timeline.first(RoomJoined)
        if name is None or joined is None or judge(timeline, order.plan.expectations).reason not in OF_THE_AGENT:
            return events
        try:
            async with asyncio.timeout(WITHIN):
                at = max(event.at for event in events)
                logged = await asyncio.to_thread(self._logs[name].told_of, joined.room, at=at)
        except OSError as error:  # out of time, too
            why = error.strerror or str(error) or type(error).__name__
            tell(log, logging.WARNING, "agent_log.unreadable", f"{name} cannot be read: {why}", file=name, error=why)
            return events
        if logged is None:
            return events
        on_event(logged)
        return (*events, logged)
