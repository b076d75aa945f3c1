"""One call: joins the room as a customer would, tells the recorder what happens there, and leaves it again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from livekit import rtc

from prober.core.events import (
    AgentJoined,
    AgentState,
    AgentTrack,
    MicrophonePublished,
    ParticipantSeen,
    ReceiverStats,
    Reconnected,
    Reconnecting,
    RoomJoined,
    TranscriptHeard,
    TurnRechecked,
    UtteranceEnded,
    UtteranceStarted,
)
from prober.core.plan import Session
from prober.core.reasons import Reason, TargetError
from prober.core.speech import VoiceGate
from prober.fixtures import Clip
from prober.recorder import Recorder
from prober.room.listening import Ear
from prober.room.playback import Microphone
from prober.room.recording import Recording

STATE = "lk.agent.state"
NAME = "lk.agent.name"
ON_BEHALF = "lk.publish_on_behalf"
"""Set on avatars: they are of kind AGENT and not the agent (components-js, useVoiceAssistant)."""
TRANSCRIPTION = "lk.transcription"
LEAVE_WITHIN = 3.0
"""Seconds for a polite goodbye; the process ends soon after anyway."""


class Call:
    """The room from inside. Its callbacks record and return; `speak` and `recheck` do the rest."""

    def __init__(self, recorder: Recorder, *, listens: bool, gate: VoiceGate) -> None:
        self._recorder = recorder
        self._listens = listens
        self._gate = gate
        self._room = rtc.Room()
        self._microphone: Microphone | None = None
        self._agent: str | None = None
        self._joined = False
        self._leaving = False
        self._tracks: asyncio.Queue[rtc.Track] = asyncio.Queue()
        self._transcripts: asyncio.Queue[tuple[rtc.TextStreamReader, str]] = asyncio.Queue()
        self._track: rtc.Track | None = None
        self._ears: list[Ear] = []
        self.recording = Recording()
        self._watch()

    def _watch(self) -> None:
        room, record, elapsed = self._room, self._recorder.record, self._recorder.elapsed
        room.register_text_stream_handler(
            TRANSCRIPTION, lambda reader, identity: self._transcripts.put_nowait((reader, identity))
        )

        @room.on("participant_connected")
        def _(participant: rtc.RemoteParticipant) -> None:
            if self._joined:
                self._see(participant, before_us=False)

        @room.on("participant_attributes_changed")
        def _(changed: dict[str, str], participant: rtc.Participant) -> None:
            if participant.identity == self._agent and STATE in changed:
                record(AgentState(at=elapsed(), identity=participant.identity, state=changed[STATE]))

        @room.on("track_published")
        def _(publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant) -> None:
            self._see_publication(publication, participant)

        @room.on("track_subscribed")
        def _(track: rtc.Track, _publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant) -> None:
            if self._listens and participant.identity == self._agent and track.kind == rtc.TrackKind.KIND_AUDIO:
                self._hear(track)

        @room.on("participant_disconnected")
        def _(participant: rtc.RemoteParticipant) -> None:
            if participant.identity == self._agent and not self._leaving:
                self._recorder.stop(Reason.AGENT_LEFT, _reason_name(participant.disconnect_reason))

        @room.on("reconnecting")
        def _() -> None:
            record(Reconnecting(at=elapsed()))

        @room.on("reconnected")
        def _() -> None:
            record(Reconnected(at=elapsed()))

        @room.on("disconnected")
        def _(reason: rtc.DisconnectReason.ValueType) -> None:
            if self._joined and not self._leaving:
                self._recorder.stop(Reason.DISCONNECTED, _reason_name(reason))

    def _see(self, participant: rtc.RemoteParticipant, *, before_us: bool) -> None:
        at, identity = self._recorder.elapsed(), participant.identity
        kind = rtc.ParticipantKind.Name(participant.kind).removeprefix("PARTICIPANT_KIND_").lower()
        self._recorder.record(ParticipantSeen(at=at, identity=identity, kind=kind, before_us=before_us))
        if self._agent is not None or not is_agent(participant):
            return
        self._agent = identity
        attributes = participant.attributes
        self._recorder.record(AgentJoined(at=at, identity=identity, name=attributes.get(NAME, ""), before_us=before_us))
        if STATE in attributes:
            self._recorder.record(AgentState(at=at, identity=identity, state=attributes[STATE]))
        for publication in participant.track_publications.values():
            self._see_publication(publication, participant)
            if self._listens and publication.track is not None and publication.kind == rtc.TrackKind.KIND_AUDIO:
                self._hear(publication.track)

    def _see_publication(self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant) -> None:
        """Where the scenario only looks, a published track is all there is to see."""
        audio = publication.kind == rtc.TrackKind.KIND_AUDIO
        if audio and not self._listens and participant.identity == self._agent:
            self._recorder.record(AgentTrack(at=self._recorder.elapsed(), identity=participant.identity))

    def _hear(self, track: rtc.Track) -> None:
        if track is self._track:
            return
        self._track = track
        self._recorder.record(AgentTrack(at=self._recorder.elapsed(), identity=self._agent or ""))
        self._tracks.put_nowait(track)

    async def connect(self, session: Session, within: float) -> None:
        """Join and say who is there; raises TargetError. A connect is never cancelled: that kills the process.

        Source: python-sdks issues 784 and 785. A connect that does not come back ends with this process.
        """
        options = rtc.RoomOptions(auto_subscribe=self._listens)
        connecting = asyncio.create_task(self._room.connect(session.url, session.token, options))
        done, _ = await asyncio.wait({connecting}, timeout=within)
        if not done:
            raise TargetError(Reason.SERVER_UNREACHABLE, f"no answer within {within:g} s")
        try:
            connecting.result()
        except rtc.ConnectError as error:
            raise TargetError(*_classify(error.message)) from error
        at = self._recorder.elapsed()
        self._joined = True
        self._recorder.record(RoomJoined(at=at, room=self._room.name, identity=self._room.local_participant.identity))
        for participant in list(self._room.remote_participants.values()):
            self._see(participant, before_us=True)

    async def publish(self) -> None:
        """Open our microphone, as the customer's page does on joining."""
        self._microphone = Microphone()
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self._room.local_participant.publish_track(self._microphone.track, options)
        self._recorder.record(MicrophonePublished(at=self._recorder.elapsed()))

    async def attend(self) -> None:
        """Hear the agent's tracks and transcripts as they come, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read_transcripts(group))
            while True:
                ear = Ear(await self._tracks.get(), self._recorder, self._gate)
                self._ears.append(ear)
                group.create_task(ear.listen())

    async def _read_transcripts(self, group: asyncio.TaskGroup) -> None:
        while True:
            reader, identity = await self._transcripts.get()
            group.create_task(self._read_transcript(reader, identity))

    async def _read_transcript(self, reader: rtc.TextStreamReader, identity: str) -> None:
        final = (reader.info.attributes or {}).get("lk.transcription_final") == "true"
        text = await reader.read_all()
        speaker = "caller" if identity == self._room.local_participant.identity else "agent"
        self._recorder.record(
            TranscriptHeard(at=self._recorder.elapsed(), speaker=speaker, final=final, characters=len(text))  # type: ignore[arg-type]
        )

    async def speak(self, turn: int, clip: Clip) -> None:
        """Say the sentence; its first and last sample of speech are recorded, dated as they left."""
        assert self._microphone is not None  # noqa: S101 - a scenario that speaks has published
        await self.note_receiver()
        spoken = await self._microphone.say(clip)
        at = self._recorder.since_start
        self.recording.spoke(turn, at(spoken.heard_from), spoken.heard, clip)
        self._recorder.record(UtteranceStarted(at=at(spoken.began), turn=turn, fixture=clip.id))
        self._recorder.record(UtteranceEnded(at=at(spoken.ended), turn=turn, drift=spoken.drift))

    async def note_receiver(self) -> None:
        """Record WebRTC's totals for the agent's audio, if it has any yet."""
        stats = await self._room.get_rtc_stats()
        for item in (*stats.publisher_stats, *stats.subscriber_stats):  # with one peer connection all is the publisher's
            if item.WhichOneof("stats") == "inbound_rtp" and item.inbound_rtp.stream.kind == "audio":
                inbound, received = item.inbound_rtp.inbound, item.inbound_rtp.received
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
        for ear in self._ears:
            if ear.heard is not None:
                self.recording.heard(*ear.heard)
        for turn, ended, answered in self.recording.recheck(self._recorder.events, self._gate):
            self._recorder.record(TurnRechecked(at=self._recorder.elapsed(), turn=turn, ended=ended, answered=answered))

    async def leave(self) -> None:
        """Say goodbye and give everything back, in the order that leaks nothing."""
        self._leaving = True
        await _finish(self._room.disconnect())
        for ear in self._ears:
            await _finish(ear.aclose())
        if self._microphone is not None:
            await _finish(self._microphone.aclose())


@contextlib.asynccontextmanager
async def join(
    session: Session, recorder: Recorder, *, within: float, listens: bool, gate: VoiceGate, recording: Path | None
) -> AsyncIterator[Call]:
    """A joined call; left again on every way out, its recording written if asked for. Raises TargetError."""
    call = Call(recorder, listens=listens, gate=gate)
    try:
        await call.connect(session, within)
        if listens:
            await call.publish()
        attending = asyncio.create_task(call.attend())
        try:
            yield call
        finally:
            attending.cancel()
            await asyncio.wait({attending})
    finally:
        await call.leave()
        if recording is not None:
            call.recording.write(recording)


def is_agent(participant: rtc.RemoteParticipant) -> bool:
    """Whether customers' pages take this participant for the agent."""
    return participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT and ON_BEHALF not in participant.attributes


def _reason_name(reason: rtc.DisconnectReason.ValueType | None) -> str:
    return "" if reason is None else rtc.DisconnectReason.Name(reason).lower()


async def _finish(closing) -> None:  # type: ignore[no-untyped-def]
    """Wait a while for a goodbye; what hangs ends with this process and is never cancelled."""
    await asyncio.wait({asyncio.ensure_future(closing)}, timeout=LEAVE_WITHIN)


CAUSES: tuple[tuple[str, Reason], ...] = (
    ("401 Unauthorized", Reason.TOKEN_INVALID),
    ("client error:", Reason.ROOM_REFUSED),
    ("server error:", Reason.ROOM_REFUSED),
    ("signal failure:", Reason.SERVER_UNREACHABLE),
)
"""What the SDK's ConnectError says, first match (texts of livekit 1.2.1)."""


def _classify(message: str) -> tuple[Reason, str]:
    reason = next((reason for text, reason in CAUSES if text in message), Reason.MEDIA_UNREACHABLE)
    return reason, message
