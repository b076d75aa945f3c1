"""Runs that an agent failed, explained by the agent's own log: what it tells of them becomes an event of theirs."""

import asyncio
from collections.abc import Callable, Collection
from concurrent.futures import Future
from functools import cached_property
from typing import Any

import msgspec

from prober.child.aside import Aside
from prober.child.making import RunChild
from prober.child.messages import Order
from prober.child.parent import run_child
from prober.core.events import AgentLogged, AgentLogQuiet, AgentLogUnread, AnyEvent, Event, Leaving, RoomJoined, Stopped
from prober.core.evidence import OF_THE_AGENT
from prober.core.timeline import Timeline
from prober.core.verdict import judge
from prober.core.words import whereabouts
from prober.diagnosis.log_source import BUSY, Source, open_log

WITHIN = 5.0
"""Seconds given to the disk, for which a failed run may have to wait."""


_Told = AgentLogged | AgentLogQuiet


class Explaining:
    """Makes runs as `run` does; each log that orders name is read once. Its own trouble is an event and ends no run."""

    def __init__(self, run: RunChild = run_child) -> None:
        self._run = run
        self.logs: dict[str, _Log] = {}

    async def __call__(
        self, order: Order, *, stop: asyncio.Event, on_event: Callable[[Event], None], verbose: bool = False
    ) -> tuple[AnyEvent, ...]:
        """The events of the run, and what the log tells of it. Raises OSError where no process can be started."""
        name = order.agent_log
        if name is None:
            return await self._run(order, stop=stop, on_event=on_event, verbose=verbose)
        asking = _Asking(self.logs.setdefault(name, _Log(name)).begin(order.hidden), on_event)
        events = await self._run(order, stop=stop, on_event=asking, verbose=verbose)
        timeline = Timeline(events)
        if timeline.first(RoomJoined) is None or judge(timeline, order.plan.expectations).reason not in OF_THE_AGENT:
            return events
        at = max(event.at for event in events)
        found: _Told | AgentLogUnread
        try:
            told = await _answer(asyncio.wrap_future(asking.answer(timeline)), stop)
            found = msgspec.structs.replace(told, at=at)
        except Exception as error:  # noqa: BLE001 - whatever a log does to us, the run was made
            found = AgentLogUnread(at=at, file=name, error=_why(error))
        on_event(found)
        return (*events, found)


class _Asking:
    """Hears of a run, and asks its log in time."""

    def __init__(self, ask: Callable[[str], Future[_Told]], on_event: Callable[[Event], None]) -> None:
        self._ask, self._on_event = ask, on_event
        self._room = ""
        self._by_then: Future[_Told] | None = None
        """What the log tells before we are gone."""

    def __call__(self, event: Event) -> None:
        match event:
            case RoomJoined(room=room):
                self._room = room
            case Leaving() if self._room:
                self._by_then = self._ask(self._room)
        self._on_event(event)

    def answer(self, timeline: Timeline) -> Future[_Told]:
        """What the log tells of a run that is over.

        An agent that we leave, with its room, may well raise an exception: where we waited in vain, nothing that comes
        after is why. Where something happened instead, its agent may be gone before its worker says so.
        """
        stopped = timeline.first(Stopped)
        happened = stopped is not None and stopped.given_up is None
        return self._ask(self._room) if happened or self._by_then is None else self._by_then


async def _answer(answer: asyncio.Future[_Told], stop: asyncio.Event) -> _Told:
    """What comes of it; a TimeoutError where that is not there in time, nor when we are to stop."""
    stopping = asyncio.create_task(stop.wait())
    try:
        waiting: tuple[asyncio.Future[Any], ...] = (answer, stopping)
        await asyncio.wait(waiting, timeout=WITHIN, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        answer.cancel()
    if answer.cancelled():
        raise TimeoutError
    return answer.result()


class _Log:
    """A log, all of whose reading is done aside: nothing that is asked here waits or raises."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.aside = Aside(patience=WITHIN)

    @cached_property
    def _source(self) -> Source:
        return open_log(self._name)

    def begin(self, hide: Collection[str]) -> Callable[[str], Future[_Told]]:
        """What to ask of a run that begins now, by its room: not what the log holds by now, nor `hide`."""
        begun = self.aside.ask(self._lines)
        return lambda room: self.aside.ask(
            lambda: self._source.told_of(room, at=0.0, since=begun.result(timeout=0), hide=hide)
        )

    def _lines(self) -> int:
        return self._source.begin()


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return BUSY
    return error.strerror or str(error) if isinstance(error, OSError) else whereabouts(error)
