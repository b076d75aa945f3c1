"""Our microphone: plays a sentence and tells when its *speech* began and ended as it left, by a tap on our track."""

import asyncio
import time
from typing import NamedTuple

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from prober.core.alignment import align
from prober.core.reasons import Reason, RunFault
from prober.core.resampling import resample
from prober.core.sound_clock import StreamClock
from prober.core.speech import RATE
from prober.fixtures import Clip
from prober.room.listening import open_stream

SOURCE_RATE = 24_000
"""The fixtures' own rate, so that what leaves is what was recorded."""
FRAME = SOURCE_RATE // 50
"""20 ms. LiveKit's source sends silence for what is not a whole 10 ms."""
QUEUE_MS = 100
"""Left idle between sentences: the SDK sends the silence. Not a multiple of 10 would abort the process."""
LOOK_AGAIN = RATE // 10
"""Samples between two looks for the end of our speech in the tap."""
PATIENCE = 1.5
"""Seconds past the expected end after which the sentence did not leave as it was recorded."""


class Spoken(NamedTuple):
    """A sentence that left: moments of the monotonic clock, and what left (16 kHz) from the moment `heard_from`."""

    began: float
    ended: float
    drift: float
    heard_from: float
    heard: NDArray[np.int16]


class Microphone:
    """One audio source and its track, published for the whole call."""

    def __init__(self) -> None:
        self._source = rtc.AudioSource(SOURCE_RATE, 1, queue_size_ms=QUEUE_MS)
        self.track = rtc.LocalAudioTrack.create_audio_track("microphone", self._source)

    async def say(self, clip: Clip) -> Spoken:
        """Play the clip and find its speech in what left; RunFault (ours) where it is not there as it was recorded."""
        tap = open_stream(self.track)
        pushing = asyncio.create_task(self.push(resample(clip.pcm, clip.rate, SOURCE_RATE)))
        try:
            spoken = await self._find(tap, clip)
            await pushing
        finally:
            pushing.cancel()
            await tap.aclose()
        return spoken

    async def push(self, pcm: NDArray[np.int16]) -> None:
        """Play samples (n,) at SOURCE_RATE; returns when the last of them is queued."""
        pcm = np.pad(pcm, (0, -len(pcm) % FRAME))
        for begin in range(0, len(pcm), FRAME):
            await self._source.capture_frame(
                rtc.AudioFrame(pcm[begin : begin + FRAME].tobytes(), SOURCE_RATE, 1, FRAME)
            )

    async def _find(self, tap: rtc.AudioStream, clip: Clip) -> Spoken:
        clock, frames, samples = StreamClock(), list[NDArray[np.int16]](), 0
        onset, expected = clip.at(RATE)
        look = expected + LOOK_AGAIN
        async for event in tap:
            pcm = np.frombuffer(event.frame.data, dtype=np.int16).copy()
            frames.append(pcm)
            samples += len(pcm)
            clock.push(time.monotonic(), samples)
            if samples < look:
                continue
            look += LOOK_AGAIN
            heard = np.concatenate(frames)
            # In a thread: frames must go on being read in time.
            found = await asyncio.to_thread(
                align, clip.reference, heard, onset_sample=onset, end_sample=expected, slack=PATIENCE
            )
            if found is not None:
                return Spoken(
                    clock.moment(found.onset), clock.moment(found.end_of_speech), found.drift, clock.moment(0), heard
                )
            if samples > expected + PATIENCE * RATE:
                break
        raise RunFault(Reason.PROBER_OVERLOAD, f"{clip.id} did not leave the microphone as it was recorded")

    async def aclose(self) -> None:
        """Give the source back."""
        await self._source.aclose()
