"""A recording as two outlines, caller and agent. Reads a file without numpy; never raises for what is in it."""

import array
import itertools
import sys
import wave
from pathlib import Path

import msgspec

COLUMNS = 800
LONGEST = 600.0
"""Seconds of a recording that are looked at: runs end long before."""
_FULL_SCALE = 32_768


class Sound(msgspec.Struct, frozen=True, kw_only=True):
    """How long it lasts, and for each column its lowest and highest sample, from -1 to 1."""

    seconds: float
    caller: tuple[tuple[float, float], ...]
    agent: tuple[tuple[float, float], ...]


def read(path: Path) -> Sound | None:
    """The outlines of a stereo file of 16 bits; None where it is none, or empty. Takes a while."""
    try:
        with wave.open(str(path), "rb") as file:
            rate, frames = file.getframerate(), file.getnframes()
            if (file.getnchannels(), file.getsampwidth()) != (2, 2) or not frames or not rate:
                return None
            frames = min(frames, int(LONGEST * rate))
            columns = min(COLUMNS, frames)
            edges = [column * frames // columns for column in range(columns + 1)]
            peaks = [_peaks(file.readframes(end - begin)) for begin, end in itertools.pairwise(edges)]
    except (wave.Error, EOFError, OSError, ValueError, RuntimeError):  # the last is how `wave` takes a wrong length
        return None
    return Sound(
        seconds=frames / rate, caller=tuple(caller for caller, _ in peaks), agent=tuple(agent for _, agent in peaks)
    )


def outline(peaks: tuple[tuple[float, float], ...], width: float, height: float) -> str:
    """The peaks as an SVG path of so many units, one closed area around the middle."""
    middle, step = height / 2, width / max(1, len(peaks) - 1)
    upper = [f"{column * step:.1f} {middle - high * middle:.1f}" for column, (_, high) in enumerate(peaks)]
    lower = [f"{column * step:.1f} {middle - low * middle:.1f}" for column, (low, _) in enumerate(peaks)]
    return f"M{' L'.join([*upper, *reversed(lower)])}Z"


def _peaks(body: bytes) -> tuple[tuple[float, float], tuple[float, float]]:
    samples = array.array("h", body)
    if sys.byteorder == "big":
        samples.byteswap()
    left, right = samples[0::2], samples[1::2]
    return (min(left) / _FULL_SCALE, max(left) / _FULL_SCALE), (min(right) / _FULL_SCALE, max(right) / _FULL_SCALE)
