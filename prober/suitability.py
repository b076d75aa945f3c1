"""Whether a recording can serve as a sentence: what is measured in it, and what is wrong with that, in plain words.

Pure: numpy, no files. A fault makes a recording unfit, a remark is worth knowing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

FULL_SCALE = 32768
PRECISE, ROUGH = 0.015, 0.060
"""Seconds two ways to find a bound may differ: in quiet surroundings, and where noise hides the last vowel."""

_NOISY_DB = 30.0  # noise nearer than this under the speech makes bounds rough
_UNHEARD_DBFS, _FAINT_DBFS = -45.0, -35.0
_LEAD = 0.1
_CUT = 0.02  # a sentence that ends nearer than this to the end of its file may be cut off
_PAUSE = 0.5  # LiveKit's agents wait no less before they take a pause for the end
_NEARBY = 0.05  # seconds beside the speech that tell nothing of its surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a recording is like: seconds, and decibels under full scale; what cannot be measured is None."""

    seconds: float
    rate: int
    speech: tuple[tuple[float, float], ...]
    peak: int
    level: float | None
    surroundings: float | None
    clipped: int

    @property
    def noisy(self) -> float | None:
        """Decibels of the speech over what is around it, where they are so few that its bounds are rough."""
        if self.level is None or self.surroundings is None or self.level - self.surroundings >= _NOISY_DB:
            return None
        return self.level - self.surroundings

    @property
    def precision(self) -> float:
        """How far, in seconds, the bounds may be from those that another way finds."""
        return PRECISE if self.noisy is None else ROUGH

    @property
    def pauses(self) -> tuple[tuple[float, float], ...]:
        """From where to where there is no speech between two stretches of it."""
        return tuple((end, onset) for (_, end), (onset, _) in pairwise(self.speech))


def measure(pcm: NDArray[np.int16], rate: int, segments: Sequence[tuple[int, int]]) -> Facts:
    """The facts of a recording, int16 (n,) at `rate` Hz, with speech in these half-open stretches of samples."""
    speech, around = np.zeros(pcm.size, bool), np.ones(pcm.size, bool)
    for onset, end in segments:
        speech[onset:end] = True
        around[max(0, onset - round(_NEARBY * rate)) : end + round(_NEARBY * rate)] = False
    loud = np.abs(pcm.astype(np.int32))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], loud >= FULL_SCALE - 1, [False]]).astype(np.int8)))
    return Facts(
        seconds=pcm.size / rate,
        rate=rate,
        speech=tuple((onset / rate, end / rate) for onset, end in segments),
        peak=int(loud.max(initial=0)),
        level=_level(pcm[speech]),
        surroundings=_level(pcm[around]),
        clipped=int(np.count_nonzero(edges[1::2] - edges[::2] >= 3)),
    )


def _level(pcm: NDArray[np.int16]) -> float | None:
    """Root mean square in dBFS; None for no samples, and for digital silence, which has no level."""
    power = float(np.mean((pcm / FULL_SCALE) ** 2)) if pcm.size else 0.0
    return float(10 * np.log10(power)) if power > 0 else None


def _no_speech(facts: Facts) -> str | None:
    if facts.speech:
        return None
    if facts.peak < 33:  # -60 dBFS
        return "it is silent: no speech was found in it"
    return "no speech was found in it, only other sound: the sentence may be too quiet, too short or under noise"


def _too_quiet(facts: Facts) -> str | None:
    if facts.level is None or facts.level >= _UNHEARD_DBFS:
        return None
    return f"its speech has {facts.level:.0f} dBFS: too quiet for an agent; -30 to -16 is usual"


def _faint(facts: Facts) -> str | None:
    if facts.level is None or not _UNHEARD_DBFS <= facts.level < _FAINT_DBFS:
        return None
    return f"its speech has {facts.level:.0f} dBFS: some agents may not hear it; -30 to -16 is usual"


def _clipped(facts: Facts) -> str | None:
    if not facts.clipped:
        return None
    return (
        f"it is clipped: at {_count(facts.clipped, 'place')} the sound is cut off at full scale; record it more quietly"
    )


def _begins_at_once(facts: Facts) -> str | None:
    if not facts.speech or facts.speech[0][0] >= _LEAD:
        return None
    return (
        f"speech begins {facts.speech[0][0]:.3f} s after the file does: its start may be cut off, and an agent may "
        "miss the first sound; 0.3 s of silence before it are enough"
    )


def _runs_to_the_end(facts: Facts) -> str | None:
    if not facts.speech or facts.seconds - facts.speech[-1][1] >= _CUT:
        return None
    return "speech runs to the very end of the file: its end may be cut off; 0.3 s of silence after it are enough"


def _long_pause(facts: Facts) -> str | None:
    longest = max(facts.pauses, key=lambda pause: pause[1] - pause[0], default=(0.0, 0.0))
    if longest[1] - longest[0] < _PAUSE:
        return None
    return (
        f"a pause of {longest[1] - longest[0]:.2f} s begins at {longest[0]:.2f} s: an agent may take it for the end "
        "and answer into the rest, which then has no response time; two files are two turns"
    )


def _noisy(facts: Facts) -> str | None:
    if facts.noisy is None:
        return None
    return (
        f"what is around the speech is only {facts.noisy:.0f} dB quieter: its bounds are known to {ROUGH:g} s, not to "
        f"{PRECISE:g} s"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


Rule = Callable[[Facts], str | None]
FAULTS: tuple[Rule, ...] = (_no_speech, _too_quiet)
REMARKS: tuple[Rule, ...] = (_faint, _clipped, _begins_at_once, _runs_to_the_end, _long_pause, _noisy)


def found_by(rules: Sequence[Rule], facts: Facts) -> tuple[str, ...]:
    """What these rules have to say about the facts."""
    return tuple(said for rule in rules if (said := rule(facts)) is not None)


def disagreement(facts: Facts, bounds: tuple[float, float] | None) -> tuple[str, ...]:
    """The fault, if any, of a sidecar that puts speech between these seconds, or says with None that there is none."""
    found = (facts.speech[0][0], facts.speech[-1][1]) if facts.speech else None
    if found is None or bounds is None:
        return (
            () if found == bounds else (f"its sidecar puts speech at {_span(bounds)}; it was found at {_span(found)}",)
        )
    if max(abs(one - other) for one, other in zip(bounds, found, strict=True)) <= facts.precision:
        return ()
    return (
        f"its sidecar puts speech at {_span(bounds)}, but it was found at {_span(found)}, more than "
        f"{facts.precision:g} s away",
    )


def _span(bounds: tuple[float, float] | None) -> str:
    return "no place" if bounds is None else f"{bounds[0]:.3f} to {bounds[1]:.3f} s"
