"""Both sides of a call on one sample clock, and every online moment found again in it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile  # type: ignore[import-untyped]  # has no stubs
from numpy.typing import NDArray

from prober.core.alignment import align
from prober.core.events import Event, TurnRechecked, YieldRechecked
from prober.core.readings import GREETING
from prober.core.speech import RATE, VoiceGate, speech_segments
from prober.core.timeline import Timeline, Turn
from prober.fixtures import Clip
from prober.room.playback import PATIENCE

BEFORE, AFTER = 0.4, 1.0
"""Seconds of the recording looked at before the end of our speech and after the answer's onset."""
LONG_BEFORE = 2.0
"""Seconds looked at before the end of the agent's speech: enough of it to be known for speech."""
EARLY = 0.05
"""Seconds by which the recording may date an onset earlier than the run did."""


class Recording:
    """Sound laid down at its moments (seconds of the run), at 16 kHz: ours to the left, the agent's to the right."""

    def __init__(self) -> None:
        self._ours: list[tuple[int, NDArray[np.int16]]] = []
        self._theirs: list[tuple[int, NDArray[np.int16]]] = []
        self._clips: dict[int, tuple[Clip, int, int]] = {}

    def spoke(self, turn: int, at: float, pcm: NDArray[np.int16], clip: Clip) -> None:
        """Lay down what left our microphone around one sentence."""
        begin = round(at * RATE)
        self._ours.append((begin, pcm))
        self._clips[turn] = (clip, begin, begin + len(pcm))

    def heard(self, at: float, pcm: NDArray[np.int16]) -> None:
        """Lay down what came from the agent."""
        self._theirs.append((round(at * RATE), pcm))

    def recheck(
        self, events: Sequence[Event], gate: VoiceGate, *, at: float
    ) -> Iterator[TurnRechecked | YieldRechecked]:
        """The moments of the greeting, of every answered turn and of every interruption, from the sound alone."""
        left, right, timeline = self._lay(self._ours), self._lay(self._theirs), Timeline(events)
        greeting = timeline.greeting()
        if greeting is not None:
            again = _onset(right, greeting.at - BEFORE, greeting.at, gate)
            yield TurnRechecked(at=at, turn=GREETING, ended=None, answered=again)
        for turn in timeline.turns():
            ours = self._found(turn, left)
            if turn.ended is not None and turn.answered is not None and turn.interrupted is None:
                answered = _onset(right, turn.ended, turn.answered, gate)
                yield TurnRechecked(at=at, turn=turn.number, ended=None if ours is None else ours[1], answered=answered)
            if turn.under is not None and turn.under.stopped is not None:
                yielded = _end(right, turn.under.stopped, gate)
                yield YieldRechecked(at=at, turn=turn.number, began=None if ours is None else ours[0], yielded=yielded)

    def _found(self, turn: Turn, left: NDArray[np.int16]) -> tuple[float, float] | None:
        """Where our sentence begins and ends, in seconds of the run."""
        if turn.ended is None:
            return None
        clip, begin, end = self._clips[turn.number]
        onset, last = clip.at(RATE)
        found = align(clip.reference, left[begin:end], onset_sample=onset, end_sample=last, slack=PATIENCE)
        return None if found is None else ((begin + found.onset) / RATE, (begin + found.end_of_speech) / RATE)

    def write(self, path: Path) -> None:
        """Write the stereo file; none where nobody was heard."""
        left, right = self._lay(self._ours), self._lay(self._theirs)
        length = max(len(left), len(right))
        if not length:
            return
        stereo = np.stack([np.pad(side, (0, length - len(side))) for side in (left, right)], axis=1)
        soundfile.write(path, stereo, RATE, subtype="PCM_16")

    @staticmethod
    def _lay(pieces: list[tuple[int, NDArray[np.int16]]]) -> NDArray[np.int16]:
        length = max((begin + len(pcm) for begin, pcm in pieces), default=0)
        side = np.zeros(length, dtype=np.int32)
        for begin, pcm in pieces:  # two tracks of one agent sound together
            skipped = max(0, -begin)
            side[begin + skipped : begin + len(pcm)] += pcm[skipped:]
        return np.clip(side, -32768, 32767).astype(np.int16)


def _onset(right: NDArray[np.int16], since: float, about: float, gate: VoiceGate) -> float | None:
    """Onset of the first speech since a moment; the detector is asked afresh, about this stretch alone."""
    begin = max(0, round((since - BEFORE) * RATE))
    end = round((about + AFTER) * RATE)
    starts = (begin + onset for onset, _ in speech_segments(right[begin:end], gate))
    earliest = round((since - EARLY) * RATE)
    return next((start / RATE for start in starts if start >= earliest), None)


def _end(right: NDArray[np.int16], about: float, gate: VoiceGate) -> float | None:
    """End of the speech that ends nearest to a moment, found by the same means."""
    begin, end = max(0, round((about - LONG_BEFORE) * RATE)), round((about + AFTER) * RATE)
    ends = [(begin + last) / RATE for _, last in speech_segments(right[begin:end], gate)]
    return min(ends, key=lambda found: abs(found - about), default=None)
