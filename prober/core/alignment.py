"""Where in our own track's tap the sentence lies that was played into it. Pure: numpy.

Start and end of the speech are looked for separately: if the playout ran dry in between, they disagree.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prober.core.speech import RATE

REGION = 1.0  # seconds of speech beside its start and its end that are looked for: unlike any other second of it
NEAR = (0.25, 0.1)  # seconds beside the edge that place it; the shorter where the playout ran dry in the longer
TIP = 0.04  # seconds at the very edge that must be there, and not be silence: a sentence may have been cut off
LOUDER = 4.0  # times the energy the tip may differ by: the resampler is not flat up to 8 kHz, and is not a gain
SLACK = 0.5  # seconds the near part may lie away from where the region was found
ALIKE = 0.8  # normalized correlation of the same sound through two resamplers is > 0.9, of other sound < 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """Speech of the clip in `heard`: samples at 16 kHz, half-open [onset, end_of_speech).

    `drift` is by how many seconds the speech came out longer than it is recorded.
    """

    onset: int
    end_of_speech: int
    drift: float


def align(
    clip: NDArray[np.int16], heard: NDArray[np.int16], *, onset_sample: int, end_sample: int, slack: float = math.inf
) -> Alignment | None:
    """Find the clip's speech, [onset_sample, end_sample) of `clip` (n,), in `heard` (m,), both at 16 kHz.

    The clip begins at most `slack` seconds into `heard`: what is known need not be searched. To a sample or two, with
    the delay of the resampling in between. None if its start or its end is not in `heard`.
    """
    if not 0 <= onset_sample < end_sample <= clip.size:
        raise ValueError(f"no speech [{onset_sample}, {end_sample}) in a clip of {clip.size} samples")
    speech, sound = clip[onset_sample:end_sample].astype(np.float64), heard.astype(np.float64)
    search = round(min(REGION + slack, sound.size / RATE) * RATE)
    early, late = onset_sample + search, max(0, end_sample - round(REGION * RATE))
    start = _start(speech, sound[:early])
    backwards = _start(speech[::-1], sound[late:][::-1])
    if start is None or backwards is None:
        return None
    stop = sound.size - backwards
    return Alignment(onset=start, end_of_speech=stop, drift=((stop - start) - speech.size) / RATE)


def _start(speech: NDArray[np.float64], heard: NDArray[np.float64]) -> int | None:
    """Index in `heard` at which `speech` begins."""
    tip = speech[: round(TIP * RATE)]
    slack = round(SLACK * RATE)
    coarse, _ = _best(speech[: round(REGION * RATE)], heard)
    begin = max(0, coarse - slack)
    for seconds in NEAR:
        near = speech[: round(seconds * RATE)]
        fine, likeness = _best(near, heard[begin : coarse + near.size + slack])
        if likeness >= ALIKE:
            at = begin + fine
            power, recorded = (float(np.sum(part**2)) for part in (heard[at : at + tip.size], tip))
            return at if recorded / LOUDER < power < recorded * LOUDER else None
    return None


def _best(part: NDArray[np.float64], heard: NDArray[np.float64]) -> tuple[int, float]:
    """Where `part` lies in `heard`, entirely, by the highest normalized correlation, and that; (0, 0.0) if nowhere."""
    places = heard.size - part.size + 1
    if places < 1:
        return 0, 0.0
    size = 1 << (heard.size - 1).bit_length()
    products = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(part, size)), size)[:places]
    total = np.concatenate([[0.0], np.cumsum(heard**2)])
    energies = total[part.size :] - total[:places]
    power = float(part @ part)
    likeness = products / np.sqrt(np.maximum(energies, 1e-3 * power) * power + 1e-9)
    at = int(np.argmax(likeness))
    return at, float(likeness[at])
