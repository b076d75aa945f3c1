"""One run, told top to bottom: walk in, join, wait for the agent, talk to it, leave. It records; others judge."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from typing import Protocol

from prober.core.events import (
    AgentJoined,
    AgentSpeechStarted,
    AgentSpeechStopped,
    AgentState,
    AgentTrack,
    Event,
    Held,
    Leaving,
    ReadyToSpeak,
    RoomJoined,
    RunStarted,
    UtteranceEnded,
)
from prober.core.plan import Expectations, Greeting, Ready, Scenario, Session
from prober.core.reasons import Reason, RunFault
from prober.core.timeline import Timeline
from prober.core.words import harmless
from prober.fixtures import Clip
from prober.recorder import GRACE, DeadlinePassed, Recorder, RunStopped

QUIET = 1.0
"""Seconds of the agent's silence after which the turn is ours."""
HEARD_OUT = 1.0
"""Seconds of an answer that are heard before anything else: the recording must show that it was speech."""


class Call(Protocol):
    """A joined room, as far as a run needs it."""

    async def speak(self, turn: int, clip: Clip) -> None:
        """Say the sentence and record its edges."""

    async def note_receiver(self) -> None:
        """Record the receiver's totals, where there are any."""

    def recheck(self) -> None:
        """Find the moments of every turn again from the recording."""


Enter = Callable[[], Awaitable[Session]]
Join = Callable[[Session], AbstractAsyncContextManager[Call]]


async def probe(
    expectations: Expectations, clips: Sequence[Clip], recorder: Recorder, *, enter: Enter, join: Join
) -> None:
    """Make the run; whatever happens is in the recorder's events afterwards. Raises only CancelledError."""
    recorder.record(RunStarted(at=recorder.elapsed(), monotonic=recorder.origin))
    deadline = asyncio.get_running_loop().time() + expectations.deadlines.run
    with _faults_recorded(recorder):
        async with AsyncExitStack() as joined:
            async with _until(deadline, recorder):
                call = await joined.enter_async_context(join(await enter()))
            with _faults_recorded(recorder):  # before we leave: a fault after that is nobody's failure
                async with _until(deadline, recorder):
                    await _meet(expectations, recorder)
                    if expectations.scenario is Scenario.JOIN:
                        await _hold(expectations, recorder)
                    else:
                        await _converse(expectations, clips, recorder, call)
            recorder.record(Leaving(at=recorder.elapsed()))
            call.recheck()


@contextmanager
def _faults_recorded(recorder: Recorder) -> Iterator[None]:
    """Theirs or ours is decided here: what is raised becomes an event, and the run is over."""
    try:
        yield
    except (DeadlinePassed, RunStopped):
        pass  # the timeline already shows what did not happen in time, or what went wrong
    except RunFault as error:
        recorder.stop(error.reason, str(error), at=error.at)
    except Exception as error:  # noqa: BLE001 - ours: this run says nothing about the target
        recorder.stop(Reason.PROBER_INTERNAL, harmless(repr(error)))


@asynccontextmanager
async def _until(deadline: float, recorder: Recorder) -> AsyncIterator[None]:
    """The run's own deadline; a bare TimeoutError could be anyone's."""
    limit = asyncio.timeout_at(deadline)
    try:
        async with limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise RunFault(Reason.RUN_DEADLINE, f"not over after {recorder.elapsed():.0f} s") from error


async def _meet(expectations: Expectations, recorder: Recorder) -> None:
    """Wait for the agent, its state and its track: each milestone by its own deadline."""
    due, joined = expectations.deadlines, _last(recorder, RoomJoined)
    agent = await recorder.wait_for(AgentJoined, due=joined + due.agent_join)
    if expectations.ready is Ready.STATE:
        await recorder.wait_for(AgentState, due=agent.at + due.agent_ready)
    if expectations.subscribes or expectations.ready is Ready.TRACK:
        await recorder.wait_for(AgentTrack, due=agent.at + due.agent_ready)


async def _hold(expectations: Expectations, recorder: Recorder) -> None:
    """Stay: a crash right after the agent's start is seen only by who is still there."""
    await recorder.pause(recorder.elapsed() + expectations.hold)
    recorder.record(Held(at=recorder.elapsed()))


async def _converse(expectations: Expectations, clips: Sequence[Clip], recorder: Recorder, call: Call) -> None:
    due = expectations.deadlines
    if expectations.greeting is not Greeting.NONE:
        try:
            await recorder.wait_for(AgentSpeechStarted, due=recorder.elapsed() + due.greeting)
        except DeadlinePassed:
            if expectations.greeting is Greeting.EXPECTED:
                raise
    for turn, (clip, plan) in enumerate(zip(clips, expectations.turns, strict=True), start=1):
        await _silence(recorder)
        recorder.record(ReadyToSpeak(at=recorder.elapsed(), turn=turn))
        await call.speak(turn, clip)
        try:
            answered = await _answer(turn, recorder, plan.reply_within)
            await recorder.pause(answered + HEARD_OUT)
        finally:
            await call.note_receiver()  # where nothing was heard: were there packets?


async def _silence(recorder: Recorder) -> None:
    """Wait until the agent has said nothing for a while; the run's deadline bounds it."""
    while (quiet_until := _quiet_until(recorder)) is None or quiet_until > recorder.elapsed():
        if quiet_until is None:
            last = _last(recorder, AgentSpeechStarted)
            await recorder.wait_for(AgentSpeechStopped, due=float("inf"), where=lambda stop, last=last: stop.at >= last)  # type: ignore[misc]
        else:
            await recorder.pause(quiet_until)


def _quiet_until(recorder: Recorder) -> float | None:
    """When the agent will have been silent long enough, if it stays so; None while it speaks."""
    speech = Timeline(recorder.events).agent_speech()
    if not speech:
        return _last(recorder, AgentTrack) + QUIET
    stopped = speech[-1].stopped
    return None if stopped is None else stopped + QUIET


async def _answer(turn: int, recorder: Recorder, within: float) -> float:
    """Wait for the answer to this turn: speech that goes on past our end, or begins after it. When it began.

    The detector is given its time first: what sounded at our end may have ended before it, or just begun.
    """
    ended = _last(recorder, UtteranceEnded)
    await recorder.pause(ended + GRACE)
    so_far = next(found for found in Timeline(recorder.events).turns() if found.number == turn)
    if so_far.answered is not None:
        return so_far.answered
    answer = await recorder.wait_for(AgentSpeechStarted, due=ended + within, where=lambda onset: onset.at >= ended)
    return answer.at


def _last(recorder: Recorder, kind: type[Event]) -> float:
    return max(event.at for event in recorder.events if isinstance(event, kind))
