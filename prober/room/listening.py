"""The agent's audio at our ear: kept whole, counted in samples, its speech dated by the stream's own clock."""

import collections
import time

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from prober.core.events import AgentSpeechStarted, AgentSpeechStopped, AudioLate
from prober.core.readings import AUDIO_LATE_SPAN
from prober.core.sound_clock import StreamClock
from prober.core.speech import RATE, SpeechDetector, VoiceGate
from prober.recorder import Recorder

FRAME_MS = 20
"""At 20 ms a frame an audio stream costs 4.5 % of a core, at 10 ms 6.3 % (measured, 48 kHz)."""

LATE_FRAMES = round(AUDIO_LATE_SPAN * 1000) // FRAME_MS
"""Late frames in a row that are no mere stall."""
LATE = 0.020
"""Seconds of lateness that a frame may have: one frame."""


class Ear:
    """Hears one audio track of the agent, from subscription to the end."""

    def __init__(self, track: rtc.Track, recorder: Recorder, gate: VoiceGate) -> None:
        self._recorder = recorder
        self._track = track
        self._stream = open_stream(track)
        self._detector = SpeechDetector(gate)
        self._frames: list[NDArray[np.int16]] = []
        self._clock = StreamClock()
        self._lateness: collections.deque[float] = collections.deque(maxlen=LATE_FRAMES)

    async def listen(self) -> None:
        """Hear until the track or the call ends; record the edges of the agent's speech, dated back."""
        async for event in self._stream:
            pcm = np.frombuffer(event.frame.data, dtype=np.int16)
            self._frames.append(pcm.copy())
            edges = self._detector.push(pcm)
            self._clock.push(time.monotonic(), self._detector.samples)
            self._note_lateness()
            for edge in edges:
                kind = AgentSpeechStarted if edge.kind == "onset" else AgentSpeechStopped
                self._recorder.record(kind(at=self._recorder.since_start(self._clock.moment(edge.sample))))
        if self._detector.speaking:  # a track that ends in mid speech ends that speech
            at = self._recorder.since_start(self._clock.moment(self._detector.samples))
            self._recorder.record(AgentSpeechStopped(at=at))

    def _note_lateness(self) -> None:
        """A short stall makes a few late frames; lateness that stays means frames are gone or never catch up."""
        self._lateness.append(self._clock.lateness)
        if len(self._lateness) == LATE_FRAMES and min(self._lateness) > LATE:
            self._recorder.record(AudioLate(at=self._recorder.elapsed(), seconds=round(min(self._lateness), 3)))
            self._lateness.clear()

    async def stats(self) -> rtc.stats.RtcStats.InboundRtp | None:
        """WebRTC's totals for this track, if it has any yet."""
        for item in await self._track.get_stats():
            if item.WhichOneof("stats") == "inbound_rtp":
                return item.inbound_rtp
        return None

    @property
    def heard(self) -> tuple[float, NDArray[np.int16]] | None:
        """Everything heard at 16 kHz, and when (seconds of the run) its first sample came; None when nothing did."""
        if not self._frames:
            return None
        return self._recorder.since_start(self._clock.moment(0)), np.concatenate(self._frames)

    async def aclose(self) -> None:
        """Let go of the track: an unclosed stream keeps costing after its room is gone."""
        await self._stream.aclose()


def open_stream(track: rtc.Track) -> rtc.AudioStream:
    """A mono stream of the track at the detector's rate; unbounded, so that Python never drops a frame."""
    return rtc.AudioStream(track, sample_rate=RATE, num_channels=1, frame_size_ms=FRAME_MS)
