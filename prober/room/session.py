"""One call: joins the room as a customer would, speaks and listens there, and leaves it again."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from livekit import rtc
from livekit.rtc.participant import PublishTrackError

from prober.core.events import (
    MicrophonePublished,
    ReceiverStats,
    RoomJoined,
    TokenValidated,
    UtteranceEnded,
    UtteranceStarted,
)
from prober.core.plan import Session
from prober.core.reasons import Reason, RunFault
from prober.core.speech import VoiceGate
from prober.core.words import whereabouts
from prober.fixtures import Clip
from prober.recorder import GRACE, Recorder
from prober.room.listening import Ear
from prober.room.playback import Microphone
from prober.room.presence import Presence
from prober.room.recording import Recording

OK = 200
STATS_WITHIN = 1.0
"""Seconds given to the SDK for its statistics."""
LEAVE_WITHIN = 3.0
"""Seconds for a polite goodbye; the process ends soon after anyway."""

CAUSES: tuple[tuple[str, Reason], ...] = (
    ("401 Unauthorized", Reason.TOKEN_INVALID),
    ("client error:", Reason.ROOM_REFUSED),
    ("server error:", Reason.ROOM_REFUSED),
    ("signal failure:", Reason.SERVER_UNREACHABLE),
)
"""What the SDK's ConnectError says, first match (texts of livekit 1.2.1); anything else is about the media path."""

_BODY = re.compile(r"((?:client|server) error: [\w ]+) - .*", re.DOTALL)
"""A refusal with its body, which is of wherever redirects led the SDK: it follows them, and we are not asked."""


class Call:
    """The room from inside."""

    def __init__(self, recorder: Recorder, *, listens: bool, gates: Callable[[], VoiceGate]) -> None:
        self._recorder = recorder
        self._listens = listens
        self._gates = gates  # one for each stream: it remembers what it has heard
        self._room = rtc.Room()
        self._presence = Presence(self._room, recorder, listens=listens)
        self._microphone = Microphone() if listens else None
        self._ears: list[Ear] = []
        self.recording = Recording()

    async def connect(self, session: Session, due: float) -> None:
        """Join by `due` seconds of the run and say who is there; raises RunFault.

        A connect is never cancelled: that kills the process.

        Source: python-sdks issues 784 and 785. A connect that does not come back ends with this process.
        """
        options = rtc.RoomOptions(auto_subscribe=self._listens)
        connecting = asyncio.create_task(self._room.connect(session.url, session.token, options))
        done, _ = await asyncio.wait({connecting}, timeout=due - self._recorder.elapsed() + GRACE)
        if not done:
            if any(isinstance(event, TokenValidated) and event.status == OK for event in self._recorder.events):
                raise RunFault(Reason.MEDIA_UNREACHABLE, "LiveKit answers, but no connection comes up", due=due)
            raise RunFault(Reason.SERVER_UNREACHABLE, "LiveKit does not answer", due=due)
        try:
            connecting.result()
        except rtc.ConnectError as error:
            reason = next((reason for text, reason in CAUSES if text in error.message), Reason.MEDIA_UNREACHABLE)
            said = _BODY.sub(r"\1", error.message)
            raise RunFault(reason, self._recorder.told(said, hide=(session.token,))) from None
        at, identity = self._recorder.elapsed(), self._room.local_participant.identity
        told = self._recorder.told
        self._recorder.record(RoomJoined(at=at, room=told(self._room.name), identity=told(identity)))
        self._presence.entered(at)

    async def publish(self) -> None:
        """Open our microphone, as the customer's page does on joining."""
        if self._microphone is not None:
            options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
            try:
                await self._room.local_participant.publish_track(self._microphone.track, options)
            except PublishTrackError as error:
                raise RunFault(
                    Reason.MEDIA_UNREACHABLE, f"no microphone: {self._recorder.told(error.message)}"
                ) from error
            self._recorder.record(MicrophonePublished(at=self._recorder.elapsed()))

    async def attend(self) -> None:
        """Hear the agent's tracks and transcripts as they come, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._presence.read_transcripts())
            while True:
                ear = Ear(await self._presence.tracks.get(), self._recorder, self._gates())
                self._ears.append(ear)
                group.create_task(ear.listen())

    def stopped_attending(self, attending: asyncio.Task[None]) -> None:
        """Who cannot hear must not judge: whatever ended it was ours."""
        if not attending.cancelled() and (error := attending.exception()) is not None:
            causes = error.exceptions if isinstance(error, BaseExceptionGroup) else (error,)
            self._recorder.stop(Reason.PROBER_INTERNAL, ", ".join(whereabouts(cause) for cause in causes))

    async def speak(self, turn: int, clip: Clip, *, barge_in: bool) -> None:
        """Say the sentence; its first and last sample of speech are recorded, dated as they left."""
        assert self._microphone is not None  # noqa: S101 - who only looks never speaks
        await self.note_receiver()
        spoken = await self._microphone.say(clip)
        at = self._recorder.since_start
        await self.note_receiver()
        self.recording.spoke(turn, at(spoken.heard_from), spoken.heard, clip)
        self._recorder.record(UtteranceStarted(at=at(spoken.began), turn=turn, fixture=clip.id, barge_in=barge_in))
        self._recorder.record(UtteranceEnded(at=at(spoken.ended), turn=turn, drift=round(spoken.drift, 6)))

    def agent_text(self, since: float) -> str:
        """What the agent's transcripts say that have begun since this moment of the run."""
        return self._presence.agent_text(since)

    async def note_receiver(self) -> None:
        """Record WebRTC's totals for the agent's newest track, where there are any in time."""
        if not self._ears:
            return
        try:
            stats = await asyncio.wait_for(self._ears[-1].stats(), STATS_WITHIN)
        except (TimeoutError, RuntimeError):
            return  # the turn's number is void without them
        if stats is not None:
            inbound, received = stats.inbound, stats.received
            self._recorder.record(
                ReceiverStats(
                    at=self._recorder.elapsed(),
                    jitter_buffer_delay=inbound.jitter_buffer_delay,
                    jitter_buffer_emitted=inbound.jitter_buffer_emitted_count,
                    packets_received=received.packets_received,
                    packets_lost=received.packets_lost,
                    concealed_samples=inbound.concealed_samples - inbound.silent_concealed_samples,
                    total_samples=inbound.total_samples_received,
                )
            )

    def recheck(self) -> None:
        """Find every turn's moments again, from the recording alone."""
        if not self._listens:
            return
        for ear in self._ears:
            if ear.heard is not None:
                self.recording.heard(*ear.heard)
        for rechecked in self.recording.recheck(self._recorder.events, self._gates(), at=self._recorder.elapsed()):
            self._recorder.record(rechecked)

    async def leave(self) -> None:
        """Say goodbye and give everything back, in the order that leaks nothing."""
        self._presence.leaving()
        await _finish(self._room.disconnect())
        for ear in self._ears:
            await _finish(ear.aclose())
        if self._microphone is not None:
            await _finish(self._microphone.aclose())


@contextlib.asynccontextmanager
async def join(
    session: Session,
    recorder: Recorder,
    *,
    due: float,
    listens: bool,
    gates: Callable[[], VoiceGate],
) -> AsyncIterator[Call]:
    """A call joined by `due` seconds of the run, left again on every way out. Raises RunFault."""
    call = Call(recorder, listens=listens, gates=gates)
    try:
        await call.connect(session, due)
        await call.publish()
        attending = asyncio.create_task(call.attend())
        attending.add_done_callback(call.stopped_attending)
        try:
            yield call
        finally:
            attending.cancel()
            await asyncio.wait({attending})
    finally:
        await call.leave()


async def _finish(closing: Coroutine[Any, Any, None]) -> None:
    """Wait a while for a goodbye; what hangs ends with this process and is never cancelled."""
    await asyncio.wait({asyncio.create_task(closing)}, timeout=LEAVE_WITHIN)
