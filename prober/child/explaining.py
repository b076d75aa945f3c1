"""Runs that an agent failed, explained by the agent's own log: what it tells of them becomes an event of theirs."""

import asyncio
from collections.abc import Callable

from prober.child.making import RunChild
from prober.child.messages import Order
from prober.child.parent import run_child
from prober.core.diagnosis import OF_THE_AGENT
from prober.core.events import AgentLogged, AgentLogUnread, AnyEvent, Event, RoomJoined
from prober.core.timeline import Timeline
from prober.core.verdict import judge
from prober.diagnosis.log_source import Source, open_log

WITHIN = 5.0
"""Seconds given to the disk."""


class Explaining:
    """Makes runs as `run` does; each log that orders name is read once. Its own trouble is an event and ends no run."""

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
        found = await self._ask(name, joined.room, at=max(event.at for event in events))
        if found is None:
            return events
        on_event(found)
        return (*events, found)

    async def _ask(self, name: str, room: str, *, at: float) -> AgentLogged | AgentLogUnread | None:
        try:
            async with asyncio.timeout(WITHIN):
                return await asyncio.to_thread(self._logs[name].told_of, room, at=at)
        except OSError as error:  # out of time, too
            why = error.strerror or str(error) or f"that took longer than {WITHIN:g} s"
            return AgentLogUnread(at=at, file=name, error=why)
