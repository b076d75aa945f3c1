"""A room in which everything happens at scripted moments: the same seam as `prober.room`, on any clock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import msgspec

from prober.core.events import (
    AgentJoined,
    AgentSpeechStarted,
    AgentSpeechStopped,
    AgentState,
    AgentTrack,
    Event,
    ParticipantSeen,
    ReceiverStats,
    RoomJoined,
    TranscriptHeard,
    TurnRechecked,
    UtteranceEnded,
    UtteranceStarted,
    YieldRechecked,
)
from prober.core.plan import Session
from prober.core.reasons import Reason, RunFault
from prober.core.timeline import Timeline
from prober.fixtures import Clip
from prober.recorder import Recorder

AGENT = "agent-AJ_1"


@dataclass(frozen=True, kw_only=True)
class Script:
    """What the agent does, in seconds after we joined; None: never.

    `replies`: after the end of each sentence. `interrupts`: speech from and to, after the onset of the first sentence.
    `yields`: the end of the speech that we speak over, after our onset. `text`: what every transcript says.
    `adds`: after the end of the first sentence, one more thing said.
    `lag`: how much later speech is recorded than it is dated, as by a detector; an end by twice as much.
    """

    refuses: Reason | None = None
    joins: float | None = 0.5
    state: float | None = 0.1
    track: float | None = 0.2
    greets: float | None = 1.0
    greets_for: float = 1.0
    yields: float | None = None
    text: str = ""
    adds: tuple[float, str] | None = None
    replies: tuple[float | None, ...] = ()
    leaves: float | None = None
    interrupts: tuple[float, float] | None = None
    lag: float = 0.15
    breaks: Exception | None = None


class ScriptedCall:
    """The call's side of it."""

    def __init__(self, script: Script, recorder: Recorder) -> None:
        self._script = script
        self._recorder = recorder
        self._turns = 0
        self._text: list[tuple[float, str]] = []
        self._ending: asyncio.TimerHandle | None = None
        self.left = False

    def at(self, delay: float, event: type[Event], **fields: object) -> None:
        """Record this event in `delay` seconds, dated then."""

        def happen() -> None:
            if not self.left:
                self._recorder.record(event(at=self._recorder.elapsed(), **fields))

        asyncio.get_running_loop().call_later(delay, happen)

    def say(self, delay: float, seconds: float = 1.0, text: str | None = None) -> None:
        """The agent speaks."""
        self._detect(delay, AgentSpeechStarted, self._script.lag)
        self._ending = self._detect(delay + seconds, AgentSpeechStopped, 2 * self._script.lag)
        self._write(delay, seconds, self._script.text if text is None else text)

    def _write(self, delay: float, seconds: float, text: str) -> None:
        if text:
            self._text.append((self._recorder.elapsed() + delay, text))
            self.at(delay + seconds, TranscriptHeard, speaker="agent", final=True, characters=len(text))

    def agent_text(self, since: float) -> str:
        """What was said from then on, once its transcript is there."""
        told = [event.at for event in self._recorder.events if isinstance(event, TranscriptHeard)]
        return " ".join(text for at, text in self._text if since <= at < max(told, default=0.0))

    def _detect(self, delay: float, event: type[Event], lag: float) -> asyncio.TimerHandle:
        at = self._recorder.elapsed() + delay

        def happen() -> None:
            if not self.left:
                self._recorder.record(event(at=at))

        return asyncio.get_running_loop().call_later(delay + lag, happen)

    def enter(self) -> None:
        """We are in; from here the script runs."""
        script, record = self._script, self._recorder.record
        record(RoomJoined(at=self._recorder.elapsed(), room="r", identity="caller"))
        if script.joins is None:
            return
        self.at(script.joins, ParticipantSeen, identity=AGENT, kind="agent", before_us=False)
        self.at(script.joins, AgentJoined, identity=AGENT, name="", before_us=False)
        if script.state is not None:
            self.at(script.joins + script.state, AgentState, identity=AGENT, state="listening")
        if script.track is not None:
            self.at(script.joins + script.track, AgentTrack, identity=AGENT)
        if script.greets is not None:
            self.say(script.joins + script.greets, script.greets_for)
        if script.leaves is not None:
            asyncio.get_running_loop().call_later(
                script.joins + script.leaves, self._recorder.stop, Reason.AGENT_LEFT, ""
            )

    async def speak(self, turn: int, clip: Clip, *, barge_in: bool) -> None:
        """Speak for as long as the clip's speech lasts."""
        if self._script.breaks is not None:
            raise self._script.breaks
        record, elapsed = self._recorder.record, self._recorder.elapsed
        await self.note_receiver()
        began = elapsed()
        if barge_in and self._script.yields is not None and self._ending is not None:
            self._ending.cancel()
            self._detect(self._script.yields, AgentSpeechStopped, 2 * self._script.lag)
        if self._script.interrupts is not None and turn == 1:
            begin, end = self._script.interrupts
            self.say(begin, end - begin)
        await asyncio.sleep((clip.end_sample - clip.onset_sample) / clip.rate)
        record(UtteranceStarted(at=began, turn=turn, fixture=clip.id, barge_in=barge_in))
        record(UtteranceEnded(at=elapsed(), turn=turn, drift=0.0))
        delay = self._script.replies[self._turns] if self._turns < len(self._script.replies) else None
        self._turns += 1
        if delay is not None:
            self.say(delay)
        if self._script.adds is not None and self._turns == 1:
            self.say(self._script.adds[0], text=self._script.adds[1])

    async def note_receiver(self) -> None:
        """A receiver that holds every sample for 40 ms."""
        at = self._recorder.elapsed()
        emitted = round(48_000 * at)
        self._recorder.record(
            ReceiverStats(
                at=at,
                jitter_buffer_delay=emitted * 0.04,
                jitter_buffer_emitted=emitted,
                packets_received=0,
                packets_lost=0,
                concealed_samples=0,
                total_samples=emitted,
            )
        )

    def recheck(self) -> None:
        """The recording agrees with everything."""
        greeting = Timeline(self._recorder.events).greeting()
        if greeting is not None:
            self._recorder.record(TurnRechecked(at=self._recorder.elapsed(), turn=0, ended=None, answered=greeting.at))
        for turn in Timeline(self._recorder.events).turns():
            self._recorder.record(
                TurnRechecked(at=self._recorder.elapsed(), turn=turn.number, ended=turn.ended, answered=turn.answered)
            )
            if turn.under is not None:
                again = YieldRechecked(at=0.0, turn=turn.number, began=turn.began, yielded=turn.under.stopped)
                self._recorder.record(msgspec.structs.replace(again, at=self._recorder.elapsed()))


def scripted(script: Script, recorder: Recorder, calls: list[ScriptedCall] | None = None):  # type: ignore[no-untyped-def]
    """A `join` for `probe`."""

    @asynccontextmanager
    async def join(session: Session) -> AsyncIterator[ScriptedCall]:
        assert session.token
        if script.refuses is not None:
            raise RunFault(script.refuses, "no")
        call = ScriptedCall(script, recorder)
        if calls is not None:
            calls.append(call)
        call.enter()
        try:
            yield call
        finally:
            call.left = True

    def joined(session: Session) -> AbstractAsyncContextManager[ScriptedCall]:
        return join(session)

    return joined
