"""Change the rate of a recording exactly. Pure: numpy, no state."""

from math import gcd

import numpy as np
from numpy.typing import NDArray

ZERO_CROSSINGS = 24  # of the sinc on each side: the transition band is 1/24 of the pass band, well above any speech
KAISER_BETA = 8.0  # -80 dB outside the pass band: under the noise of 16 bits at speech level
BLOCK = 1024  # output samples computed at once: bounds the memory of a long recording


def resample(pcm: NDArray[np.int16], rate: int, to: int) -> NDArray[np.int16]:
    """The same sound at another rate: `pcm` is (n,) mono at `rate` Hz, the result (ceil(n * to / rate),) at `to` Hz.

    Zero phase: sample i of the result is the sound at i / to seconds. Windowed-sinc interpolation at the exact rational
    ratio (Smith, "Digital Audio Resampling", ccrma.stanford.edu/~jos/resample), no sound before the first sample or
    after the last.
    """
    if rate == to:
        return pcm.copy()
    common = gcd(rate, to)
    up, down = to // common, rate // common
    bandwidth = min(1.0, to / rate)  # of the narrower side, in input samples
    reach = int(np.ceil(ZERO_CROSSINGS / bandwidth))
    taps = np.arange(-reach, reach + 1)
    filters = np.empty((up, taps.size))
    for phase in range(up):
        distance = taps - phase / up
        window = np.i0(KAISER_BETA * np.sqrt(np.clip(1 - (distance / (reach + 1)) ** 2, 0, 1))) / np.i0(KAISER_BETA)
        filters[phase] = bandwidth * np.sinc(bandwidth * distance) * window
        filters[phase] /= filters[phase].sum()
    padded = np.pad(pcm.astype(np.float64), (reach, reach + 1))
    length = -(-pcm.size * up // down)
    out = np.empty(length)
    for start in range(0, length, BLOCK):
        place = np.arange(start, min(start + BLOCK, length)) * down
        around = padded[(place // up)[:, None] + np.arange(taps.size)]
        out[start : start + BLOCK] = np.einsum("ij,ij->i", around, filters[place % up])
    return np.clip(np.rint(out), -32768, 32767).astype(np.int16)
