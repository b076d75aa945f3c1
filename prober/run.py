"""One run, told top to bottom: walk in, join, wait for the agent, talk to it, leave. It records; others judge."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from typing import Protocol

from prober.bounded import search
from prober.core.events import (
    AgentJoined,
    AgentSpeechStarted,
    AgentSpeechStopped,
    AgentState,
    AgentTrack,
    AnswerMatched,
    Event,
    Held,
    Leaving,
    ReadyToSpeak,
    RoomJoined,
    RunStarted,
    TranscriptHeard,
    UtteranceEnded,
)
from prober.core.plan import Expectations, Greeting, Ready, Scenario, Session
from prober.core.reasons import Reason, RunFault
from prober.core.timeline import BREATH, Timeline, Turn
from prober.core.words import whereabouts
from prober.fixtures import Clip
from prober.recorder import GRACE, DeadlinePassed, Recorder, RunStopped

QUIET = 1.0
"""Seconds of the agent's silence after which the turn is ours."""
HEARD_OUT = 1.0
"""Seconds of an answer that are heard before anything else: the recording must show that it was speech."""
TEXT_WITHIN = 3.0
"""Seconds after the agent's speech in which its transcript may still come: it keeps pace with the sound."""


class Call(Protocol):
    """A joined room, as far as a run needs it."""

    async def speak(self, turn: int, clip: Clip, *, barge_in: bool) -> None:
        """Say the sentence and record its edges."""

    def agent_text(self, since: float) -> str:
        """What the agent has said since this moment of the run, by its own transcripts."""

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
    recorder.record(RunStarted(at=recorder.elapsed(), monotonic=recorder.origin, pid=os.getpid()))
    due = expectations.deadlines.run
    deadline = asyncio.get_running_loop().time() + due + GRACE
    with _faults_recorded(recorder):
        async with AsyncExitStack() as joined:
            async with _until(deadline, due):
                call = await joined.enter_async_context(join(await enter()))
            with _faults_recorded(recorder):  # before we leave: a fault after that is nobody's failure
                async with _until(deadline, due):
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
        recorder.stop(error.reason, str(error), at=error.at, due=error.due)
    except Exception as error:  # noqa: BLE001 - ours: this run says nothing about the target
        recorder.stop(Reason.PROBER_INTERNAL, whereabouts(error))


@asynccontextmanager
async def _until(deadline: float, due: float) -> AsyncIterator[None]:
    """The run's own deadline, `due` seconds of the run; a bare TimeoutError could be anyone's."""
    limit = asyncio.timeout_at(deadline)
    try:
        async with limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise RunFault(Reason.RUN_DEADLINE, f"not over after {due:g} s", due=due) from error


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
            await call.note_receiver()  # where nothing was heard: were there packets?
            if expectations.greeting is Greeting.EXPECTED:
                raise
    for turn, (clip, plan) in enumerate(zip(clips, expectations.turns, strict=True), start=1):
        if plan.barge_in is not None:
            await _mid_speech(plan.barge_in.after, expectations.warm_up, clip, recorder)
        else:
            await silence(recorder)
        recorder.record(ReadyToSpeak(at=recorder.elapsed(), turn=turn))
        await call.speak(turn, clip, barge_in=plan.barge_in is not None)
        try:
            if plan.barge_in is not None:
                await _yielded(turn, plan.barge_in.within, recorder)
            answered = await _answer(turn, recorder, plan.reply_within)
            if plan.expect_text is not None:
                await _answer_text(turn, plan.expect_text, plan.reply_within, recorder, call)
            await recorder.pause(answered + HEARD_OUT)
        finally:
            await call.note_receiver()  # where nothing was heard: were there packets?


async def silence(recorder: Recorder) -> None:
    """Wait until the agent has said nothing for a while; the run's deadline bounds it."""
    while (quiet_until := _quiet_until(recorder)) is None or quiet_until > recorder.elapsed():
        if quiet_until is None:
            await recorder.wait_for_news(AgentSpeechStopped, due=float("inf"))
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
    so_far = _turn(turn, recorder)
    if so_far.answered is not None:
        return so_far.answered
    answer = await recorder.wait_for(AgentSpeechStarted, due=ended + within, where=lambda onset: onset.at >= ended)
    return answer.at


async def _mid_speech(after: float, warm_up: float, clip: Clip, recorder: Recorder) -> None:
    """Wait until our first sound will fall `after` seconds into the agent's speech, and past its warm-up.

    An agent that is silent by then leaves nothing to interrupt: the turn is taken as any other.
    """
    speech = Timeline(recorder.events).agent_speech()
    if speech:
        onset = max(speech[-1].started + after, speech[0].started + warm_up)
        await recorder.pause(onset - clip.onset_sample / clip.rate)
    speech = Timeline(recorder.events).agent_speech()
    if not speech or (speech[-1].stopped is not None and recorder.elapsed() - speech[-1].stopped > BREATH):
        await silence(recorder)


async def _yielded(number: int, within: float, recorder: Recorder) -> None:
    """Wait until the agent has fallen silent that was speaking when we began; a breath of it is no silence."""
    await recorder.pause(_last(recorder, UtteranceEnded) + GRACE)
    while (turn := _turn(number, recorder)).under is not None and turn.under.stopped is None:
        await recorder.wait_for_news(AgentSpeechStopped, due=turn.began + within)


async def _answer_text(number: int, expected: str, within: float, recorder: Recorder, call: Call) -> None:
    """Wait until the answer's transcript holds what is expected: a fault once the agent is silent and it does not.

    An answer may come in pieces, "one moment" before it: all of the time for an answer is given to it.
    """
    turn = _turn(number, recorder)
    since = turn.began if turn.interrupted is not None else _last(recorder, UtteranceEnded)
    while not search(f"turn {number}", expected, text := call.agent_text(since), re.IGNORECASE):
        stopped = Timeline(recorder.events).agent_speech()[-1].stopped
        due = float("inf") if stopped is None else max(stopped + TEXT_WITHIN, since + within)
        try:
            await recorder.wait_for_news(TranscriptHeard, AgentSpeechStarted, AgentSpeechStopped, due=due)
        except DeadlinePassed:
            found = f"its transcript ({len(text)} characters) does not match" if text else "no transcript of it came"
            raise RunFault(Reason.AGENT_WRONG_ANSWER, f"turn {number}: {found}", due=due) from None
    recorder.record(AnswerMatched(at=recorder.elapsed(), turn=number))


def _turn(number: int, recorder: Recorder) -> Turn:
    return next(turn for turn in Timeline(recorder.events).turns() if turn.number == number)


def _last(recorder: Recorder, kind: type[Event]) -> float:
    return max(event.at for event in recorder.events if isinstance(event, kind))
