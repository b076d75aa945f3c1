"""Who is in the room and what becomes of them: LiveKit's callbacks record and return, nothing else."""

import asyncio
from typing import Literal

from livekit import rtc

from prober.core.events import (
    AgentJoined,
    AgentState,
    AgentTrack,
    ParticipantSeen,
    Reconnected,
    Reconnecting,
    TranscriptHeard,
)
from prober.core.reasons import Reason
from prober.core.timeline import Timeline
from prober.core.verdict import cut_off
from prober.recorder import Recorder

STATE = "lk.agent.state"
NAME = "lk.agent.name"
ON_BEHALF = "lk.publish_on_behalf"
"""Set on avatars: they are of kind AGENT and not the agent (components-js, useVoiceAssistant)."""
TRANSCRIPTION = "lk.transcription"
TRANSCRIBED = "lk.transcribed_track_id"
"""Of a transcript: the track that is transcribed; an agent may send what its caller says under its own name."""
_KINDS = {number: name.removeprefix("PARTICIPANT_KIND_").lower() for name, number in rtc.ParticipantKind.items()}
"""A server that is newer than we are may have more of them."""
BACK_WITHIN = 2.0
"""Seconds after a reconnect in which participants are announced again."""
RESTART = 0.2
"""Seconds in which a reconnect of our own explains that the agent is gone (rust-sdks, `handle_restarting`)."""


class Presence:
    """Watches a room, from before it is joined until we leave; the agent is the first one that pages take for it.

    `tracks` gets the agent's audio tracks as we are subscribed to them, `transcripts` the open text streams.
    """

    def __init__(self, room: rtc.Room, recorder: Recorder, *, listens: bool) -> None:
        self._room = room
        self._recorder = recorder
        self._listens = listens
        self._agent: str | None = None
        self._here = False
        self._heard: set[str] = set()
        self.tracks: asyncio.Queue[rtc.Track] = asyncio.Queue()
        self.transcripts: asyncio.Queue[tuple[rtc.TextStreamReader, str, float]] = asyncio.Queue()
        self._said: list[tuple[float, str]] = []
        self._watch()

    def entered(self, at: float) -> None:
        """We are in: who is there already was there before us, and no callback tells of them; they are dated `at`."""
        self._here = True
        for participant in list(self._room.remote_participants.values()):
            self._see(participant, at, before_us=True)

    def leaving(self) -> None:
        """From here on nothing that happens is a fault."""
        self._here = False

    def _watch(self) -> None:
        room, record, elapsed = self._room, self._recorder.record, self._recorder.elapsed
        room.register_text_stream_handler(
            TRANSCRIPTION, lambda reader, identity: self.transcripts.put_nowait((reader, identity, elapsed()))
        )

        @room.on("participant_connected")
        def _(participant: rtc.RemoteParticipant) -> None:
            if self._here:
                self._see(participant, elapsed(), before_us=False)

        @room.on("participant_attributes_changed")
        def _(changed: dict[str, str], participant: rtc.Participant) -> None:
            if participant.identity == self._agent and STATE in changed:
                self._show_state(participant.identity, changed[STATE], elapsed())

        @room.on("track_published")
        def _(publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant) -> None:
            self._see_publication(publication, participant)

        @room.on("track_subscribed")
        def _(_track: rtc.Track, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant) -> None:
            self._see_publication(publication, participant)

        @room.on("participant_disconnected")
        def _(participant: rtc.RemoteParticipant) -> None:
            if participant.identity == self._agent and self._here:
                left = (elapsed(), reason_name(participant.disconnect_reason))
                asyncio.get_running_loop().call_later(RESTART, self._decide_left, *left)

        @room.on("reconnecting")
        def _() -> None:
            record(Reconnecting(at=elapsed()))

        @room.on("reconnected")
        def _() -> None:
            record(Reconnected(at=elapsed()))
            asyncio.get_running_loop().call_later(BACK_WITHIN, self._decide_lost, elapsed())

        @room.on("disconnected")
        def _(reason: rtc.DisconnectReason.ValueType) -> None:
            if self._here:
                self._recorder.stop(Reason.DISCONNECTED, reason_name(reason))

    def _decide_left(self, at: float, detail: str) -> None:
        """The agent is gone, unless we are: a full reconnect reports everybody as gone, whenever it tells of itself."""
        events = self._recorder.events
        restarted = any(isinstance(event, Reconnecting | Reconnected) and event.at >= at for event in events)
        restarted = restarted or cut_off(Timeline(events)) is not None
        if self._here and not restarted:
            self._recorder.stop(Reason.AGENT_LEFT, detail, at=at)
        elif restarted:
            self._heard.clear()

    def _decide_lost(self, at: float) -> None:
        """An agent that did not stay through our reconnect lost us as we lost it: that is the connection's failure."""
        if self._here and self._agent is not None and self._agent not in self._room.remote_participants:
            self._recorder.stop(Reason.DISCONNECTED, "the agent was gone when the connection was back", at=at)

    def _see(self, participant: rtc.RemoteParticipant, at: float, *, before_us: bool) -> None:
        """A first sight already carries attributes and tracks: they are read here and not only when they change."""
        identity, attributes = participant.identity, participant.attributes
        kind = _KINDS.get(participant.kind, str(participant.kind))
        behalf = attributes.get(ON_BEHALF)
        self._recorder.record(
            ParticipantSeen(
                at=at,
                identity=self._recorder.told(identity),
                kind=kind,
                before_us=before_us,
                on_behalf_of=None if behalf is None else self._recorder.told(behalf),
            )
        )
        if self._agent is None and is_agent(participant):
            self._meet(participant, at, before_us=before_us)
        for person in list(self._room.remote_participants.values()):  # an avatar may be here before its agent
            for publication in person.track_publications.values():
                self._see_publication(publication, person)

    def _meet(self, participant: rtc.RemoteParticipant, at: float, *, before_us: bool) -> None:
        identity, attributes = participant.identity, participant.attributes
        self._agent = identity
        name = self._recorder.told(attributes.get(NAME, ""))
        self._recorder.record(
            AgentJoined(at=at, identity=self._recorder.told(identity), name=name, before_us=before_us)
        )
        if STATE in attributes:
            self._show_state(identity, attributes[STATE], at)

    def _show_state(self, identity: str, state: str, at: float) -> None:
        self._recorder.record(
            AgentState(at=at, identity=self._recorder.told(identity), state=self._recorder.told(state))
        )

    def _see_publication(self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant) -> None:
        """A track is there once we are subscribed; where the scenario only looks, once it is published."""
        wanted = self._speaks(participant) and publication.kind == rtc.TrackKind.KIND_AUDIO
        track = publication.track
        if not wanted or publication.sid in self._heard or (self._listens and track is None):
            return
        self._heard.add(publication.sid)
        self._recorder.record(
            AgentTrack(at=self._recorder.elapsed(), identity=self._recorder.told(participant.identity))
        )
        if self._listens and track is not None:
            self.tracks.put_nowait(track)

    def _speaks(self, participant: rtc.RemoteParticipant) -> bool:
        """Whether the agent's voice comes from here: from itself or, where it publishes no sound, from its avatar."""
        if self._agent is None or participant.identity == self._agent:
            return self._agent is not None
        if participant.attributes.get(ON_BEHALF) != self._agent:
            return False
        agent = self._room.remote_participants.get(self._agent)
        published = () if agent is None else agent.track_publications.values()
        return not any(publication.kind == rtc.TrackKind.KIND_AUDIO for publication in published)

    async def read_transcripts(self) -> None:
        """Record every transcript of the agent and of us, until cancelled; others may send what they like."""
        async with asyncio.TaskGroup() as group:
            while True:
                reader, identity, began = await self.transcripts.get()
                speaker = self._speaker(reader, identity)
                if speaker is not None:
                    group.create_task(self._read_transcript(reader, speaker, began))

    def _speaker(self, reader: rtc.TextStreamReader, identity: str) -> Literal["agent", "caller"] | None:
        """Whose words the stream holds. The server says who sends it; an agent may send it in our name."""
        us, track = self._room.local_participant, (reader.info.attributes or {}).get(TRANSCRIBED)
        if identity == us.identity or (identity == self._agent and track in us.track_publications):
            return "caller"
        return "agent" if identity == self._agent else None

    def agent_text(self, since: float) -> str:
        """The agent's transcripts that began since this moment, in order; what was said is kept nowhere else."""
        return " ".join(text for began, text in sorted(self._said) if began >= since)

    async def _read_transcript(
        self, reader: rtc.TextStreamReader, speaker: Literal["agent", "caller"], began: float
    ) -> None:
        final = (reader.info.attributes or {}).get("lk.transcription_final") == "true"
        try:
            text = await reader.read_all()
        except rtc.StreamError:
            return  # broken off by its sender; a run does not depend on transcripts
        if speaker == "agent":
            self._said.append((began, text))
        self._recorder.record(
            TranscriptHeard(at=self._recorder.elapsed(), speaker=speaker, final=final, characters=len(text))
        )


def is_agent(participant: rtc.RemoteParticipant) -> bool:
    """Whether customers' pages take this participant for the agent."""
    return participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT and ON_BEHALF not in participant.attributes


def reason_name(reason: rtc.DisconnectReason.ValueType | None) -> str:
    """LiveKit's name of it, in small letters; empty where there is none."""
    return "" if reason is None else rtc.DisconnectReason.Name(reason).lower()
