"""The scripted agent's ear and voice: both count samples and date them on the system-wide monotonic clock.

A sample's date is `origin + index / rate`, where origin is the least `arrival - samples so far / rate` of the last
seconds. It is the rule of `core/sound_clock`, written a second time on purpose: the truth must not share code with the
instrument that is held against it. Ear and voice are dated by this one rule, so the time between a sample heard and a
sample spoken has no bias from frames.

The voice is dated by a tap: an audio stream on the agent's own local track, which sees each 10 ms as the encoder does,
also when Python is late. A push alone only says that the sound left within the next 10 ms. The planned moment and the
push go along with each date, so that the two methods can be held against each other.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

Samples = NDArray[np.int16]

EAR_RATE = 48_000
VOICE_RATE = 24_000
_TICK = 0.01  # WebRTC takes sound from a source each 10 ms
_QUEUE_MS = 100
_PUSH_AHEAD = 0.05
_TICK_SAFE = 0.25  # of the way from tick to tick: nearer, a push may catch either
_TRIES = 3
_OVER_AFTER = 0.25  # silence after which an utterance has left; the longest pause in what is said is shorter
_WINDOW = 3.0


class StreamClock:
    """Dates the samples of a stream that arrives in frames, some of them late."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.count = 0
        self._origins: deque[tuple[float, float]] = deque()  # (arrival, origin), origins rising: the first is the least

    def advance(self, arrival: float, samples: int) -> None:
        """Count a frame that arrived."""
        self.count += samples
        origin = arrival - self.count / self.rate
        while self._origins and self._origins[-1][1] >= origin:
            self._origins.pop()
        self._origins.append((arrival, origin))
        while self._origins[0][0] < arrival - _WINDOW:
            self._origins.popleft()

    def moment(self, index: int) -> float:
        """The moment of a sample."""
        return self._origins[0][1] + index / self.rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A stretch of loud sound, open while `last` is None; `peak` is the moment of its strongest sample."""

    first: float
    last: float | None = None
    peak: float | None = None


class Ear:
    """Hears one remote track as stretches of samples not below `loud`, parted by `hangover` seconds of quiet."""

    def __init__(self, *, loud: int, hangover: float) -> None:
        self._loud = loud
        self._hangover = int(hangover * EAR_RATE)
        self._clock = StreamClock(EAR_RATE)
        self._first: int | None = None
        self._last = 0
        self._peak = (0, 0)

    async def listen(self, track: rtc.Track) -> AsyncIterator[Heard]:
        """Yield each stretch twice: when it begins and when it is over."""
        stream = rtc.AudioStream(track, sample_rate=EAR_RATE, num_channels=1, frame_size_ms=10)
        try:
            async for event in stream:
                arrival = time.monotonic()
                frame = np.frombuffer(event.frame.data, np.int16)
                start = self._clock.count
                self._clock.advance(arrival, len(frame))
                if (heard := self._hear(start, np.abs(frame.astype(np.int32)))) is not None:
                    yield heard
        finally:
            await stream.aclose()

    def _hear(self, start: int, level: NDArray[np.int32]) -> Heard | None:
        loud = np.flatnonzero(level >= self._loud)
        if loud.size:
            begun = self._first is None
            if self._first is None:
                self._first, self._peak = start + int(loud[0]), (0, 0)
            self._last = start + int(loud[-1])
            self._peak = max(self._peak, (int(level.max()), start + int(level.argmax())), key=lambda it: it[0])
            return Heard(first=self._clock.moment(self._first)) if begun else None
        if self._first is None or self._clock.count - self._last <= self._hangover:
            return None
        moment = self._clock.moment
        heard = Heard(first=moment(self._first), last=moment(self._last), peak=moment(self._peak[1]))
        self._first = None
        return heard


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """Something to say; samples not below `loud` count, `first` is the index of the first one of speech."""

    kind: str
    turn: int
    pcm: Samples
    loud: int
    first: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """An utterance that begins to leave (`last` is None) or has left.

    `planned` is the moment asked for, `pushed` that of its first push.
    """

    utterance: Utterance
    first: float
    last: float | None
    planned: float
    pushed: float


@dataclass(slots=True)
class _Pending:
    utterance: Utterance
    planned: float
    pushed: float
    start: int | None = None  # the stream's index of pcm[0]
    last: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)


class Voice:
    """One microphone track on which utterances leave when asked for; `told` is called as the tap sees them go."""

    def __init__(self, told: Callable[[Spoken], None]) -> None:
        # An idle queue: the SDK sends the silence between utterances, and no gap in our feeding can shift what follows.
        self._source = rtc.AudioSource(VOICE_RATE, 1, queue_size_ms=_QUEUE_MS)
        self.track = rtc.LocalAudioTrack.create_audio_track("microphone", self._source)
        self._told = told
        self._clock = StreamClock(VOICE_RATE)
        self._running = asyncio.Event()
        self._pending: deque[_Pending] = deque()
        self._one_at_a_time = asyncio.Lock()
        self._stop_at = math.inf

    @property
    def speaking(self) -> bool:
        """Whether an utterance was begun that has not left."""
        return bool(self._pending)

    def stop_at(self, moment: float) -> None:
        """End the utterance being said at a moment that is more than the queue's length ahead."""
        self._stop_at = min(self._stop_at, moment)

    async def tap(self) -> None:
        """Follow what leaves, until cancelled."""
        stream = rtc.AudioStream(self.track, sample_rate=VOICE_RATE, num_channels=1, frame_size_ms=10)
        try:
            async for event in stream:
                arrival = time.monotonic()
                frame = np.frombuffer(event.frame.data, np.int16)
                start = self._clock.count
                self._clock.advance(arrival, len(frame))
                self._running.set()
                if self._pending:
                    self._follow(self._pending[0], start, frame)
        finally:
            await stream.aclose()
            await self._source.aclose()

    async def say(self, utterance: Utterance, *, at: float) -> None:
        """Have the first loud sample leave at a moment, or as soon as it can; return when all has left."""
        async with self._one_at_a_time:
            await self._running.wait()
            begin = at - utterance.first / VOICE_RATE
            await asyncio.sleep(begin - _PUSH_AHEAD - time.monotonic())
            self._stop_at = math.inf
            pushed = await self._between_ticks()
            # A frame is complete at its tick, so the one that takes our first sample began at the tick before the push.
            starts = pushed - self._phase(pushed) * _TICK
            lead = max(0, round((begin - starts) * VOICE_RATE))
            pending = _Pending(utterance, planned=at, pushed=pushed)
            self._pending.append(pending)
            await self._push(np.concatenate([np.zeros(lead, np.int16), utterance.pcm]), starts)
            await pending.gone.wait()

    async def _between_ticks(self) -> float:
        """Return midway between two ticks, where a push cannot catch the wrong one, if the machine lets us."""
        for _ in range(_TRIES):
            await asyncio.sleep((0.5 - self._phase(time.monotonic())) % 1 * _TICK)
            now = time.monotonic()
            if _TICK_SAFE <= self._phase(now) <= 1 - _TICK_SAFE:
                break
        return now

    def _phase(self, moment: float) -> float:
        """How far a moment is from one tick to the next, 0 to 1."""
        return (moment - self._clock.moment(0)) / _TICK % 1

    async def _push(self, pcm: Samples, starts: float) -> None:
        frame = int(2 * _TICK * VOICE_RATE)
        pcm = np.concatenate([pcm, np.zeros(-len(pcm) % frame, np.int16)])
        for begin in range(0, len(pcm), frame):
            chunk = pcm[begin : begin + frame]
            stop = self._stop_at - starts
            if stop < (begin + frame) / VOICE_RATE:
                chunk = chunk.copy()
                chunk[max(0, int(stop * VOICE_RATE) - begin) :] = 0
            await self._source.capture_frame(rtc.AudioFrame(chunk.tobytes(), VOICE_RATE, 1, frame))
            if stop < (begin + frame) / VOICE_RATE:
                return

    def _follow(self, pending: _Pending, start: int, frame: Samples) -> None:
        """Anchor the utterance at the first sample that is not zero; between utterances all are."""
        utterance = pending.utterance
        sound = np.flatnonzero(frame)
        if pending.start is None:
            if not sound.size:
                return
            pending.start = start + int(sound[0]) - int(np.flatnonzero(utterance.pcm)[0])
            self._tell(pending, None)
        loud = np.flatnonzero(np.abs(frame.astype(np.int32)) >= utterance.loud)
        if loud.size:
            pending.last = start + int(loud[-1])
        if self._clock.count - max(pending.last, pending.start + utterance.first) > _OVER_AFTER * VOICE_RATE:
            self._tell(pending, self._clock.moment(pending.last))
            self._pending.popleft()
            pending.gone.set()

    def _tell(self, pending: _Pending, last: float | None) -> None:
        assert pending.start is not None  # noqa: S101 - the tap has seen it begin
        what, planned, pushed = pending.utterance, pending.planned, pending.pushed
        first = self._clock.moment(pending.start + what.first)
        self._told(Spoken(utterance=what, first=first, last=last, planned=planned, pushed=pushed))
