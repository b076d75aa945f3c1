"""What the scripted agent says: real recorded speech, breath and impulses, as samples. Pure."""

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]
Sound = tuple[Samples, int, int]
"""Samples, the amplitude from which they are loud, the index of the first one of speech that is."""


def amplitude(dbfs: float) -> int:
    """The sample value of a level."""
    return max(1, round(32768 * 10 ** (dbfs / 20)))


def speech(recorded: Samples, seconds: float, *, rate: int, level_dbfs: float, breath: float = 0.0) -> Sound:
    """Recorded speech of a length and peak, after some breath."""
    length = int(seconds * rate)
    voice = np.resize(recorded, length).astype(np.float64)
    voice *= amplitude(level_dbfs) / np.abs(recorded.astype(np.int32)).max()
    fade = min(length, int(0.004 * rate))
    voice[length - fade :] *= np.linspace(1, 0, fade)
    loud = amplitude(level_dbfs - 30)
    noise = np.random.default_rng(1).standard_normal(int(breath * rate)) * amplitude(level_dbfs - 35)
    first = len(noise) + int(np.flatnonzero(np.abs(voice.round()) >= loud)[0])
    return np.concatenate([noise, voice]).round().astype(np.int16), loud, first


def impulse(seconds: float, *, rate: int, level_dbfs: float) -> Sound:
    """A burst of 2 kHz under a Hann window; it is dated by its middle."""
    length = int(seconds * rate)
    tone = np.sin(2 * np.pi * 2000 * np.arange(length) / rate) * np.hanning(length) * amplitude(level_dbfs)
    return tone.round().astype(np.int16), amplitude(level_dbfs - 30), length // 2
