"""A run seen from outside: starts the child, collects its events, ends it in time, cleans up after a dead one."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable

import msgspec

from prober.child.messages import (
    LINE,
    OVERTIME,
    Done,
    FromChild,
    Happened,
    Hello,
    Order,
    Owes,
    Sweep,
    Swept,
    ToChild,
)
from prober.child.owed import left_behind, still_owed
from prober.child.printing import Printing
from prober.core.events import AnyEvent, ChildExited, CleanedUp, Event, RoomJoined
from prober.environment import inherited

TEARDOWN = 15.0
"""Seconds a child may take to leave and clean up, before it is killed."""
CLEANUP = 15.0
"""Seconds a fresh child may take to delete a room and take back a trial."""
SWEEPING = 300.0
"""Seconds a fresh child may take to look for rooms that were left behind."""

_decoder = msgspec.json.Decoder(FromChild)


async def run_child(
    order: Order, *, stop: asyncio.Event, on_event: Callable[[Event], None], verbose: bool = False
) -> tuple[AnyEvent, ...]:
    """Make the run in a process of its own and return its events, what the parent saw of its end among them.

    `stop` set: the child leaves, cleans up and ends. A child that dies, hangs or is killed leaves what it told so far.
    `verbose`: what it prints is shown on our standard error.
    """
    child = _Child(on_event, Printing(order.hidden) if verbose else None)
    await child.start(order)
    overtime = order.plan.expectations.deadlines.run + TEARDOWN
    try:
        await child.finish(stop, overtime)
    finally:  # cancelled, too
        if not child.done:
            await _clean_up(child, order)
    return tuple(child.events)


async def sweep_rooms(order: Sweep) -> Swept:
    """Have rooms deleted that earlier runs left behind. Raises OSError where no process can be started."""
    sweeper = _Child(lambda _event: None)
    await sweeper.start(order)
    await sweeper.finish(asyncio.Event(), SWEEPING)
    return sweeper.swept


async def _clean_up(dead: "_Child", order: Order) -> None:
    """A fresh child takes away what a dead one left; what cannot be taken away is named."""
    owed = still_owed(order, dead.owes, dead.events)
    if owed is not None:
        cleaner = _Child(lambda _event: None)
        with contextlib.suppress(OSError):  # no process can be started: what the run told stands, and what it left
            await cleaner.start(owed)
            await cleaner.finish(asyncio.Event(), CLEANUP)
        told = {(event.resource, event.name): event for event in (*left_behind(owed), *cleaner.cleaned_up)}
        for event in told.values():
            dead.add(msgspec.structs.replace(event, at=dead.elapsed()))
    if dead.owes.room is None:
        _name_participant(dead)


def _name_participant(dead: "_Child") -> None:
    """Without a key nobody can take our participant away: LiveKit drops it when its pings stop."""
    for joined in [event for event in dead.events if isinstance(event, RoomJoined)]:
        left = CleanedUp(
            at=dead.elapsed(),
            resource="participant",
            name=f"{joined.identity} in {joined.room}",
            ok=False,
            detail="its process died; LiveKit drops it after its ping timeout (15 s)",
        )
        dead.add(left)


class _Child:
    """One child process and what it told."""

    def __init__(self, on_event: Callable[[Event], None], printing: Printing | None = None) -> None:
        self._printing = printing
        self._on_event = on_event
        self._origin = time.monotonic()
        self.done = False
        self.events: list[AnyEvent] = []
        self.owes = Owes()
        self.swept = Swept(trouble="the process that was to look died, or took too long")

    def elapsed(self) -> float:
        """Seconds of the run: the monotonic clock is one for all processes of a machine."""
        return round(time.monotonic() - self._origin, 6)

    @property
    def cleaned_up(self) -> list[CleanedUp]:
        """What it took away, or could not."""
        return [event for event in self.events if isinstance(event, CleanedUp)]

    def add(self, event: AnyEvent) -> None:
        self.events.append(event)
        self._on_event(event)

    async def start(self, order: ToChild) -> None:
        ours, theirs = os.pipe()
        told = os.fdopen(ours, "rb")
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "prober.child.main", str(theirs)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL if self._printing is None else self._printing.end,
                pass_fds=(theirs,),
                start_new_session=True,
                env=inherited(),
            )
        except BaseException:
            told.close()  # or a machine that can start no process for a while leaves none to open
            raise
        finally:
            os.close(theirs)
            if self._printing is not None:
                os.close(self._printing.end)
        reader = asyncio.StreamReader(limit=LINE)
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), told)
        self._reader = reader
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        self._stdin = self._process.stdin
        with contextlib.suppress(ConnectionError):
            self._stdin.write(msgspec.json.encode(order) + b"\n")
            await self._stdin.drain()

    async def finish(self, stop: asyncio.Event, within: float) -> None:
        """Collect until the child is gone; asked to stop, or out of time, it gets a moment to leave."""
        collecting = asyncio.create_task(self._collect())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({collecting, stopping}, timeout=within, return_when=asyncio.FIRST_COMPLETED)
            if not collecting.done():
                if not stop.is_set():
                    self._stdin.write(OVERTIME)
                await self._send_home(collecting)
        except asyncio.CancelledError:
            await self._send_home(collecting)
            raise
        finally:
            stopping.cancel()
            collecting.cancel()
            self._kill()
            status = await self._process.wait()
            self._transport.close()
            if not self.done:
                self.add(ChildExited(at=self.elapsed(), status=status))
            if self._printing is not None:
                await asyncio.to_thread(self._printing.wait)

    async def _send_home(self, collecting: asyncio.Task[None]) -> None:
        """The end of its stdin tells the child to leave; it gets a moment for that."""
        self._stdin.close()
        await asyncio.wait({collecting}, timeout=TEARDOWN)

    async def _collect(self) -> None:
        while line := await self._reader.readline():
            match _decoder.decode(line):
                case Hello(origin=origin):
                    self._origin = origin
                case Happened(event=event):
                    self.add(event)
                case Owes() as owes:
                    self.owes = owes
                case Swept() as swept:
                    self.swept = swept
                case Done():
                    self.done = True

    def _kill(self) -> None:
        """End whatever is left of the child's process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
