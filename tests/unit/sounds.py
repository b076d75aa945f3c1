"""Sounds the signal tests share: the packaged sentences at the detector's rate, and what may surround them."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from prober.core.resampling import resample
from prober.core.speech import RATE
from prober.fixtures import load_fixture
from prober.recordings import ids

NAMES = ids()
CLEAN = tuple(name for name in NAMES if name != "en-noisy")
FULL_SCALE = 32768


@dataclass(frozen=True, kw_only=True)
class Sound:
    """A sentence at 16 kHz with speech in [onset, end), in samples."""

    pcm: NDArray[np.int16]
    onset: int
    end: int


@cache
def sentence(name: str) -> Sound:
    clip = load_fixture(name)
    onset, end = (round(sample * RATE / clip.rate) for sample in (clip.onset_sample, clip.end_sample))
    return Sound(pcm=resample(clip.pcm, clip.rate, RATE), onset=onset, end=end)


def amplitude(dbfs: float) -> float:
    return float(FULL_SCALE * 10 ** (dbfs / 20))


def pcm16(sound: NDArray[np.float64]) -> NDArray[np.int16]:
    return np.clip(np.rint(sound), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def noise(samples: int, dbfs: float, seed: int = 1) -> NDArray[np.float64]:
    """White, with this RMS."""
    return np.random.default_rng(seed).standard_normal(samples) * amplitude(dbfs)


def breath(samples: int, dbfs: float) -> NDArray[np.float64]:
    """An intake of air: noise around 1.5 kHz that swells and fades."""
    spectrum = np.fft.rfft(noise(samples, 0.0, seed=2))
    frequency = np.fft.rfftfreq(samples, 1 / RATE)
    air = np.fft.irfft(spectrum * np.exp(-(((frequency - 1500) / 1500) ** 2)), samples)
    swell = np.sqrt(np.sin(np.pi * np.arange(samples) / samples))
    return np.asarray(air / np.sqrt(np.mean(air**2)) * swell * amplitude(dbfs))


def silence(seconds: float) -> NDArray[np.int16]:
    return np.zeros(round(seconds * RATE), np.int16)
