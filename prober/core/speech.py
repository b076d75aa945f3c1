"""Where speech begins and ends in 16 kHz mono sound. Pure: numpy, no clock; the voice model is passed in.

A voice gate says *that* a window of 32 ms holds speech, energy says *where* its edge is, and the edge is dated back.
`SpeechDetector` does it while the stream runs, `speech_segments` on a whole recording, by other means, to check it.
"""

from collections import deque
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from prober.core.tone import is_tone

RATE = 16_000
WINDOW = 512  # samples the gate judges at once: Silero's size at 16 kHz, 32 ms
HOP = 64  # samples of one energy value, 4 ms: the resolution of an online edge
HOPS = WINDOW // HOP

PRESENT, ABSENT = 0.5, 0.35  # gate probability: speech begins at the first, goes on down to the second
SURE = 0.7  # and is believed where one window has at least this: noise that sets in suddenly reaches 0.55
QUIET = (32768 * 10 ** (-66 / 20)) ** 2  # energy of a hop no speech hides under: a quiet agent speaks at -45 dBFS
CONFIRM = 4  # windows of speech, 128 ms, before an onset counts: a 20 ms click rings for 60 ms after Opus
LAPSE = 2  # windows without speech that end an unconfirmed onset
PAUSE = 10  # windows without speech, 320 ms, before an end counts: inside a sentence they stay under 200 ms
SETTLE = 16  # windows of near silence the gate hears, 0.5 s, until its state no longer changes; then it is not called

BEHIND = 64  # hops, 256 ms, an edge may lie away from the gate's window: a soft first vowel is recognised that late
BRIDGE = 12  # hops, 48 ms, of less sound that are still one sound: the closure of a stop consonant
BLIP = 6  # hops, 24 ms: shorter sounds beside the speech are a lump of noise, and the release of a stop is longer
DEPTH_DB = 40.0  # speech is heard down to here under its own level
CLEAR_DB, CLEAR_SHARE = 6.0, 0.15  # and starts this much above what is heard around it: decibels, share of the way up
MEMORY = 400  # hops, 1.6 s, kept for dating back
STEP, FRAME = 16, 96  # samples between two levels of a whole recording, 1 ms, and under one of them, 6 ms
LOOK = 250  # steps, 250 ms, an edge may lie away from the gate's window
SOUND = 40  # steps, 40 ms, that are mostly loud where speech begins
APART = 90  # steps: 48 ms of a closure and the 40 that SOUND needs; farther away is another sound


class VoiceGate(Protocol):
    """Judges consecutive windows of one stream: two streams at once need two gates."""

    def __call__(self, window: NDArray[np.int16]) -> float:
        """How probably this window, int16 of shape (512,) at 16 kHz, holds speech: 0 … 1."""
        ...

    def reset(self) -> None:
        """Forget what was heard."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """`sample` (at 16 kHz, from the stream's first) is the first of speech, or the first after it."""

    kind: Literal["onset", "end"]
    sample: int


class SpeechDetector:
    """Finds onsets and ends of speech in a stream, as it comes; how it is cut into frames does not matter.

    An onset is reported about 0.15 s after it, an end 0.35 s after it. Onsets and ends alternate, samples ascend.
    `gate` is this stream's alone until the stream ends.
    """

    def __init__(self, gate: VoiceGate) -> None:
        self._gate = gate
        gate.reset()
        self._window = np.zeros(WINDOW, np.int16)
        for _ in range(SETTLE):  # what came before the stream was silence
            gate(self._window)
        self._filled = 0
        self._windows = 0
        self._hops: deque[float] = deque(maxlen=MEMORY)
        self._silent = SETTLE  # windows of near silence in a row
        self._speaking = False
        self._first = 0  # window with which the present speech, confirmed or not, began
        self._present = 0  # windows of it that hold speech
        self._surest = 0.0  # highest probability of it
        self._absent = 0  # windows since the last that holds speech
        self._reported = 0  # sample of the last edge

    @property
    def samples(self) -> int:
        """Samples pushed so far."""
        return self._windows * WINDOW + self._filled

    @property
    def speaking(self) -> bool:
        """An onset was reported, its end not yet."""
        return self._speaking

    def push(self, pcm: NDArray[np.int16]) -> tuple[Edge, ...]:
        """Take the next samples of the stream, int16 of shape (n,), and tell the edges found by them."""
        edges: list[Edge] = []
        start = 0
        while start < pcm.size:
            taken = min(pcm.size - start, WINDOW - self._filled)
            self._window[self._filled : self._filled + taken] = pcm[start : start + taken]
            self._filled += taken
            start += taken
            if self._filled == WINDOW:
                self._filled = 0
                edge = self._judge(self._probability())
                self._windows += 1
                if edge is not None:
                    edges.append(edge)
        return tuple(edges)

    def _probability(self) -> float:
        hops = self._window.reshape(HOPS, HOP).astype(np.float32)
        energies = (np.einsum("ij,ij->i", hops, hops) / HOP).tolist()
        self._hops.extend(energies)
        if max(energies) >= QUIET:
            self._silent = 0
        elif self._silent < SETTLE:
            self._silent += 1
        else:
            return 0.0
        return _voiced(self._gate, self._window)

    def _judge(self, probability: float) -> Edge | None:
        if self._present == 0:
            if probability >= PRESENT:
                self._first, self._present, self._absent, self._surest = self._windows, 1, 0, probability
            return None
        if probability >= (ABSENT if self._speaking else PRESENT):
            self._present += 1
            self._absent = 0
            self._surest = max(self._surest, probability)
        else:
            self._absent += 1
        if self._speaking:
            if self._absent < PAUSE:
                return None
            self._speaking, self._present = False, 0
            return self._report("end", self._end_hop())
        if self._present >= CONFIRM and self._surest >= SURE:
            self._speaking = True
            return self._report("onset", self._onset_hop())
        if self._absent == LAPSE:
            self._present = 0
        return None

    def _report(self, kind: Literal["onset", "end"], hop: int) -> Edge:
        """The edge at this hop of the memory; never before the previous one."""
        forgotten = (self._windows + 1) * HOPS - len(self._hops)
        self._reported = max(self._reported, (forgotten + hop) * HOP)
        return Edge(kind=kind, sample=self._reported)

    def _onset_hop(self) -> int:
        levels = 10 * np.log10(np.array(self._hops) + 1e-3)
        found = max(0, levels.size - (self._windows + 1 - self._first) * HOPS)  # first hop of the gate's first window
        before = levels[max(0, found - 125) : max(0, found - 15)]
        loud = _loud(levels, speech=levels[found:], around=before)
        return levels.size - 1 - _outermost(loud[::-1], levels.size - 1 - found)

    def _end_hop(self) -> int:
        levels = 10 * np.log10(np.array(self._hops) + 1e-3)
        after = levels.size - PAUSE * HOPS  # first hop after the gate's last window
        loud = _loud(levels, speech=levels[:after], around=levels[after + 15 :])
        return _outermost(loud, after - 1) + 1


def _voiced(gate: VoiceGate, window: NDArray[np.int16]) -> float:
    probability = gate(window)
    return 0.0 if probability >= ABSENT and is_tone(window) else probability


def _loud(levels: NDArray[np.float64], speech: NDArray[np.float64], around: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which hops belong to the speech rather than to what is around it: loud ones with two more within two hops."""
    level = float(np.percentile(speech, 95))
    threshold = level - DEPTH_DB
    if around.size:
        floor = float(np.median(around))
        threshold = max(threshold, floor + max(CLEAR_DB, CLEAR_SHARE * (level - floor)))
    loud = levels > threshold
    company = np.convolve(loud, np.ones(5), mode="same")
    return np.asarray(loud & (company >= 3))


def _outermost(loud: NDArray[np.bool_], near: int) -> int:
    """The last hop of the sound that `near` lies in or after, at most BEHIND from it, else `near`; no blip counts."""
    hops = np.flatnonzero(loud)
    sounds = np.split(hops, np.flatnonzero(np.diff(hops) > BRIDGE) + 1)
    found = [sound for sound in sounds if sound.size >= BLIP and sound[0] <= near and sound[-1] >= near - BEHIND]
    return int(found[-1][found[-1] <= near + BEHIND][-1]) if found else near


def speech_segments(pcm: NDArray[np.int16], gate: VoiceGate) -> tuple[tuple[int, int], ...]:
    """Half-open stretches of speech [onset, end) in a whole recording, int16 (n,) at 16 kHz, in samples, ascending.

    Resets `gate`, which no detector may still use. Knows the level of all the speech and what follows it.
    """
    probabilities = _probabilities(pcm, gate)
    possible = np.flatnonzero(probabilities >= ABSENT)
    stretches = [
        (int(windows[0]), int(windows[-1]) + 1)
        for windows in np.split(possible, np.flatnonzero(np.diff(possible) > PAUSE) + 1)
        if np.count_nonzero(probabilities[windows] >= PRESENT) >= CONFIRM and probabilities[windows].max() >= SURE
    ]
    levels = _levels(pcm)
    segments: list[tuple[int, int]] = []
    for first, last in stretches:
        onset, end = _refine(levels, first * WINDOW // STEP, min(last * WINDOW // STEP, levels.size))
        segments.append((max(onset, segments[-1][1] if segments else 0), min(end, pcm.size)))
    return tuple(segments)


def _probabilities(pcm: NDArray[np.int16], gate: VoiceGate) -> NDArray[np.float64]:
    """The gate's answer for each whole window; silence is told apart without asking it."""
    gate.reset()
    settled = np.zeros(WINDOW, np.int16)
    for _ in range(SETTLE):
        gate(settled)
    windows = pcm[: pcm.size // WINDOW * WINDOW].reshape(-1, WINDOW)
    sound = np.flatnonzero(np.abs(windows.astype(np.int32)).max(axis=1, initial=0) ** 2 >= QUIET)
    asked = np.unique(sound[:, None] + np.arange(SETTLE + 1))
    probabilities = np.zeros(len(windows))
    for index in asked[asked < len(windows)]:
        probabilities[index] = _voiced(gate, windows[index])
    return probabilities


def _levels(pcm: NDArray[np.int16]) -> NDArray[np.float64]:
    """Decibels of the FRAME samples that follow each STEP-th sample."""
    total = np.concatenate([[0.0], np.cumsum(pcm.astype(np.float64) ** 2)])
    starts = np.arange(0, pcm.size, STEP)
    return np.asarray(10 * np.log10((total[np.minimum(starts + FRAME, pcm.size)] - total[starts]) / FRAME + 1e-3))


def _refine(levels: NDArray[np.float64], first: int, last: int) -> tuple[int, int]:
    """The outermost steps near [first, last) from which most of the next SOUND steps inwards are louder than around."""
    level = float(np.percentile(levels[first:last], 95))
    edges = []
    for inwards, gate_edge in ((levels, first), (levels[::-1], levels.size - last)):
        around = inwards[max(0, gate_edge - 500) : max(0, gate_edge - 60)]
        floor = float(np.median(around)) if around.size else -np.inf
        threshold = max(level - DEPTH_DB, min(floor + max(CLEAR_DB, CLEAR_SHARE * (level - floor)), level - CLEAR_DB))
        begin = max(0, gate_edge - LOOK)
        loud = inwards[begin : gate_edge + LOOK + SOUND] > threshold
        dense = np.convolve(loud, np.ones(SOUND))[SOUND - 1 :] > 0.7 * SOUND
        found = begin + np.flatnonzero(loud & dense)
        apart = np.flatnonzero((np.diff(found) > APART) & (found[1:] <= gate_edge))
        edges.append(int(found[apart[-1] + 1 if apart.size else 0]) if found.size else gate_edge)
    return edges[0] * STEP + FRAME - STEP, (levels.size - edges[1]) * STEP
