"""The only mutable state of a run: stamps moments, appends them, wakes whoever waits for one."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeVar

from prober.core.events import AgentState, Event, MoreCame, Stopped, TranscriptHeard
from prober.core.hiding import hidden
from prober.core.reasons import Reason
from prober.core.words import harmless

E = TypeVar("E", bound=Event)

GRACE = 0.5
"""Seconds waited past a deadline: an onset is dated back from a window that ends up to this much later."""

OTHERS = (AgentState, TranscriptHeard)
"""Events that others in the room make as often as they like."""
MOST = 1000
"""Of each kind of them so many are recorded: no verdict and no measurement needs more than the first."""


class DeadlinePassed(Exception):  # noqa: N818 - not an error: the timeline shows what did not happen
    """What was waited for did not come in time."""


class RunStopped(Exception):  # noqa: N818 - not an error: the timeline holds the reason
    """A fault ended the run; its `Stopped` event is in the timeline."""


class Recorder:
    """Appends events in the order in which they became known; not thread-safe: for the event loop's thread alone.

    No event shall hold the strings to `hide`: the target's own words go through `told`.
    """

    def __init__(self, now: Callable[[], float], publish: Callable[[Event], None], *, hide: Iterable[str] = ()) -> None:
        self._now = now
        self.origin = now()
        self._publish = publish
        self.hide = tuple(hide)
        self._waiters: list[tuple[Callable[[Event], bool], asyncio.Future[Event]]] = []
        self.events: list[Event] = []
        self.stopped: Stopped | None = None
        self._others: Counter[type[Event]] = Counter()

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self.since_start(self._now())

    def since_start(self, moment: float) -> float:
        """A moment of the monotonic clock in seconds of the run."""
        return round(moment - self.origin, 6)

    def told(self, words: str, *, hide: Iterable[str] = ()) -> str:
        """Words of the target's own as an event may hold them, without the strings to `hide` either."""
        return harmless(words, hide=(*self.hide, *hide))

    def record(self, event: Event) -> None:
        """Append an event, but for those beyond MOST, and wake those who wait for it."""
        self._others[type(event)] += isinstance(event, OTHERS)
        if (came := self._others[type(event)]) <= MOST:
            self.events.append(event)
            self._publish(event)
        elif came == MOST + 1:
            self.record(MoreCame(at=event.at, kind=type(event).__name__))
        if isinstance(event, Stopped) and self.stopped is None:
            self.stopped = event
        for wanted, waiter in self._waiters:
            if waiter.done():
                continue
            if wanted(event):
                waiter.set_result(event)
            elif self.stopped is not None:
                waiter.set_exception(RunStopped(self.stopped.reason))

    def stop(self, reason: Reason, detail: str, *, at: float | None = None, due: float | None = None) -> None:
        """Record a fault, dated now, `at`, or to the deadline that was `due`: every wait ends."""
        now, detail = self.elapsed(), hidden(detail, self.hide)
        if due is not None:
            self.record(Stopped(at=due, reason=reason, detail=detail, given_up=max(now, due)))
        else:
            self.record(Stopped(at=now if at is None else at, reason=reason, detail=detail))

    async def wait_for(self, kind: type[E], *, due: float, where: Callable[[E], bool] | None = None) -> E:
        """The first such event, recorded already or to come, waited for until `due` seconds of the run (and a grace).

        Raises DeadlinePassed, or RunStopped when a fault came first.
        """

        def wanted(event: Event) -> bool:
            return isinstance(event, kind) and (where is None or where(event))

        found = next((event for event in self.events if wanted(event)), None)
        if found is None:
            found = await self._wait(wanted, due - self.elapsed() + GRACE)
        return found  # type: ignore[return-value]  # `wanted` has looked

    async def wait_for_news(self, *kinds: type[Event], due: float) -> None:
        """Wait for an event of these kinds that is recorded from now on, until `due` seconds of the run.

        Raises as `wait_for` does.
        """
        await self._wait(lambda event: isinstance(event, kinds), due - self.elapsed() + GRACE)

    async def pause(self, until: float) -> None:
        """Let time pass until `until` seconds of the run; RunStopped when a fault comes first."""
        with contextlib.suppress(DeadlinePassed):
            await self._wait(lambda _event: False, until - self.elapsed())

    async def _wait(self, wanted: Callable[[Event], bool], seconds: float) -> Event:
        """The next such event."""
        if self.stopped is not None:
            raise RunStopped(self.stopped.reason)
        waiter: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        entry = (wanted, waiter)
        self._waiters.append(entry)
        try:
            return await asyncio.wait_for(waiter, max(0.0, seconds))
        except TimeoutError:
            raise DeadlinePassed from None
        finally:
            self._waiters.remove(entry)
