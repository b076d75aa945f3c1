"""The child: makes one run, or takes away what runs left behind, and tells its parent every event."""

import asyncio
import os
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
from yarl import URL

from prober.child.messages import (
    LINE,
    OVERTIME,
    CleanUp,
    Done,
    FromChild,
    Happened,
    Hello,
    Left,
    Order,
    Sweep,
    Swept,
    ToChild,
)
from prober.child.paying import Debts, pay
from prober.child.vigil import beat, heartbeat, watch_clocks
from prober.core.events import CleanedUp, RoomJoined, SessionGranted
from prober.core.evidence import OF_THE_AGENT
from prober.core.plan import Access, ApiKey, Plan, Session, TrialEntry
from prober.core.reasons import OURS, Reason, RunFault
from prober.core.timeline import Timeline
from prober.core.verdict import judge, network_failed
from prober.core.words import authority, harmless, whereabouts
from prober.entry import token
from prober.entry.allowed import check_server
from prober.entry.anchors import ask
from prober.entry.clock import clock_asked
from prober.entry.trial import walk
from prober.fixtures import FixtureError, load_fixture
from prober.recorder import Recorder
from prober.room.session import Call, join
from prober.run import probe
from prober.voice import SileroGate, VoiceGateError

REFUSALS = frozenset({Reason.TOKEN_INVALID, Reason.ROOM_REFUSED})
"""Reasons by which a server says that nobody comes in with this token."""


class Pipe:
    """Writes messages to the parent; when the parent is gone there is nobody left to tell."""

    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(descriptor, "wb", buffering=0)

    def send(self, message: FromChild) -> None:
        """Send one message, now."""
        with suppress(BrokenPipeError):
            self._file.write(msgspec.json.encode(message) + b"\n")


async def main(descriptor: int) -> None:
    """Read the order, obey it, say so."""
    pipe = Pipe(descriptor)
    stdin = asyncio.StreamReader(limit=LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    order: ToChild = msgspec.json.decode(await stdin.readline(), type=ToChild)
    match order:
        case CleanUp():
            await pay(order, _recorder(pipe, order.order))
        case Sweep():
            from prober.entry.sweep import sweep

            deleted, left, trouble = await sweep(order.key, older_than=order.older_than, now=time.time())
            pipe.send(Swept(deleted=deleted, left=tuple(Left(*one) for one in left), trouble=trouble))
        case Order():
            await _run(order, pipe, stdin)
    pipe.send(Done())


def _recorder(pipe: Pipe, order: Order) -> Recorder:
    """A recorder that begins now."""
    recorder = Recorder(
        time.monotonic,
        lambda event: pipe.send(Happened(event=event)),  # type: ignore[arg-type]
        hide=order.hidden,
    )
    pipe.send(Hello(origin=recorder.origin))
    return recorder


async def _run(order: Order, pipe: Pipe, stdin: asyncio.StreamReader) -> None:
    plan = order.plan
    try:
        if plan.expectations.subscribes:
            SileroGate()  # a machine that cannot tell speech must not listen
        clips = [load_fixture(name) for name in plan.say]
    except (VoiceGateError, FixtureError) as error:
        _recorder(pipe, order).stop(Reason.PROBER_INTERNAL, str(error))
        return
    recorder = _recorder(pipe, order)  # what loads, loads before the run begins
    debts = Debts(order, pipe.send)
    calls: list[Call] = []

    async def enter() -> Session:
        return await _enter(order, recorder, debts)

    @asynccontextmanager
    async def joined(session: Session) -> AsyncIterator[Call]:
        async with _join(session, plan, recorder) as call:
            calls.append(call)
            yield call
            await _ask_server(order, session, recorder)  # while we are in the room: an empty one may be gone

    probing = asyncio.create_task(probe(plan.expectations, clips, recorder, enter=enter, join=joined))
    watches = [asyncio.create_task(watch) for watch in (beat(recorder), watch_clocks(recorder))]
    watches.append(asyncio.create_task(_obey(stdin, recorder, probing, plan.expectations.deadlines.run)))
    done, _ = await asyncio.wait({probing, *watches}, return_when=asyncio.FIRST_COMPLETED)
    for watch in done - {probing}:
        broken = watch.exception()
        if broken is not None:  # who no longer watches himself must not judge
            recorder.stop(Reason.PROBER_INTERNAL, whereabouts(broken))
            probing.cancel()
    await asyncio.wait({probing})
    for watch in watches:
        watch.cancel()
    if plan.anchors and network_failed(Timeline(recorder.events)):
        await ask(plan.anchors, recorder)
    if plan.recording is not None and calls:
        _write(calls[0], plan.recording, recorder)
    if not _may_exist(plan, recorder):
        debts.no_room()
    await debts.pay(recorder)
    recorder.record(heartbeat(recorder))


async def _ask_server(order: Order, session: Session, recorder: Recorder) -> None:
    """Have the server say what it knows of a room in which the agent failed us; the verdict is certain by then."""
    timeline = Timeline(recorder.events)
    if order.key is None or judge(timeline, order.plan.expectations).reason not in OF_THE_AGENT:
        return
    from prober.diagnosis.server import ask as ask_server
    from prober.diagnosis.server import unasked

    if not _is_of(order.key, session):
        hosts = [recorder.told(authority(URL(url))) for url in (order.key.url, session.url)]
        recorder.record(unasked(recorder.elapsed(), *hosts))
        return
    joined = timeline.first(RoomJoined)
    recorder.record(await ask_server(order.key, session.room, recorder.elapsed, joined=joined, shown=recorder.told))


def _is_of(key: Access, session: Session) -> bool:
    """Whether the key belongs to the session's LiveKit."""
    return authority(URL(key.url)) == authority(URL(session.url))


def _write(call: Call, path: str, recorder: Recorder) -> None:
    """Keep the sound; a disk that is full is no failure of the target and is told with what else was left undone."""
    try:
        call.recording.write(Path(path))
    except OSError as error:
        told = harmless(str(error))
        recorder.record(CleanedUp(at=recorder.elapsed(), resource="recording", name=path, ok=False, detail=told))


def _may_exist(plan: Plan, recorder: Recorder) -> bool:
    """A product may make its room before anybody joins; ours is made by joining it, which may go on unseen in time."""
    stopped = recorder.stopped
    if isinstance(plan.entry, TrialEntry) or stopped is None or stopped.given_up is not None:
        return True
    return stopped.reason not in REFUSALS | {Reason.SERVER_UNREACHABLE}


async def _enter(order: Order, recorder: Recorder, debts: Debts) -> Session:
    """Walk in by the plan's way; the token is read and shown to the server before anybody joins with it."""
    plan, entry = order.plan, order.plan.entry
    unix_ms, random = time.time_ns() // 1_000_000, uuid.uuid4().hex[:8]
    if isinstance(entry, TrialEntry):
        session = await walk(
            entry, plan, recorder, unix_ms=unix_ms, random=random, secrets=order.secrets, told=debts.owe_trial
        )
    else:
        from prober.entry.direct import grant

        assert isinstance(order.key, ApiKey)  # noqa: S101 - the command line and the configuration ask for it
        session = grant(entry, order.key, plan.target, plan.run_id, recorder, unix_ms=unix_ms, random=random)
    if order.key is not None and _is_of(order.key, session):
        debts.owe_room(session.room)  # whatever we think of its token: an agent may wait in it already
    try:
        token.examine(session, recorder, now=time.time(), speaks=plan.expectations.subscribes)
    except token.MisdatedError as fault:
        at = recorder.elapsed()  # not when LiveKit has told us the time
        told = await clock_asked(session, plan) or fault
        raise RunFault(told.reason, str(told), at=at) from None
    await check_server(session, plan.allowed)
    return session


@asynccontextmanager
async def _join(session: Session, plan: Plan, recorder: Recorder) -> AsyncIterator[Call]:
    """The joined room. What the server thinks of the token is asked beside it: it must not lengthen what we measure."""
    granted = next(event.at for event in recorder.events if isinstance(event, SessionGranted))
    validating = asyncio.create_task(token.validate(session, recorder, plan))
    try:
        async with join(
            session,
            recorder,
            due=granted + plan.expectations.deadlines.room_join,
            listens=plan.expectations.subscribes,
            gates=SileroGate,
        ) as call:
            yield call
    except RunFault as fault:
        at = recorder.elapsed()  # what the server says explains it, and came to pass when we failed to join
        opinion = await _opinion(validating)
        if isinstance(opinion, RunFault):
            told = opinion if _explains(opinion, fault) else fault
        else:
            told = RunFault(fault.reason, f"{fault}{opinion}") if fault.reason is Reason.ROOM_REFUSED else fault
        raise RunFault(told.reason, str(told), at=at, due=fault.due) from fault
    finally:
        validating.cancel()


async def _opinion(validating: asyncio.Task[str]) -> RunFault | str:
    try:
        return await validating
    except RunFault as opinion:
        return opinion


def _explains(opinion: RunFault, fault: RunFault) -> bool:
    """Whether /rtc/validate knows better than the join: a refusal is the server's word, a silence may be its own."""
    if opinion.reason in OURS:  # what our host lacks keeps us from the server, or its clock has misdated the token
        return fault.reason in {Reason.SERVER_UNREACHABLE, Reason.TOKEN_INVALID} and fault.due is None
    return opinion.reason in REFUSALS or (opinion.reason is fault.reason and fault.due is None)


async def _obey(stdin: asyncio.StreamReader, recorder: Recorder, probing: asyncio.Task[None], due: float) -> None:
    """The end of stdin is the order to stop, at once: the operator's, the parent's death, or that we took too long.

    Who was stopped for so long is no bug: the fault is dated to the run's own deadline, and judged as a missed one.
    """
    if (await stdin.read()).strip() == OVERTIME:
        recorder.stop(Reason.PROBER_INTERNAL, "the run did not end by itself", due=due)
    else:
        recorder.stop(Reason.INTERRUPTED, "")
    probing.cancel()


if __name__ == "__main__":
    os.environ["PATH"] = os.devnull  # at each join the SDK runs lsb_release where it finds it: 11 ms of room_join
    asyncio.run(main(int(sys.argv[1])))
    # The SDK now and then aborts in a clean exit (3 of 64 measured): everything is told, so leave without one.
    os._exit(0)
