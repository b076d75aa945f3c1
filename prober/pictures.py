"""A recording and the speech found in it as a picture, for a terminal and as PNG. Pure: numpy, no files."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

FULL_SCALE = 32768
FLOOR_DB = -60.0
"""What a picture shows as nothing; full scale fills its height."""
ROWS = 5

_WIDTH, _WAVE, _LEVELS, _AXIS = 1600, 240, 120, 30
_PAPER, _SPEECH, _INK, _BOUND, _LINE = (255, 255, 255), (221, 242, 221), (40, 70, 120), (200, 30, 30), (150, 150, 150)
_STEPS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
_DIGITS = {  # five rows of three bits
    **{"0": "75557", "1": "26227", "2": "71747", "3": "71717", "4": "55711", "5": "74717", "6": "74757"},
    **{"7": "71122", "8": "75757", "9": "75717", ".": "00002"},
}
_DOT = 2  # pixels of one bit of a digit


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """What a terminal picture is made of: bars from empty to full, then the ends and the line under the speech."""

    bars: str
    begin: str
    line: str
    end: str


BLOCKS = Letters(bars=" ▁▂▃▄▅▆▇█", begin="├", line="─", end="┤")
ASCII = Letters(bars="  ..::||#", begin="[", line="-", end="]")


def as_text(
    pcm: NDArray[np.int16], rate: int, segments: Sequence[tuple[int, int]], width: int, letters: Letters = BLOCKS
) -> list[str]:
    """Lines of `width` columns: the level over time from -60 dBFS to full scale, and under it where speech is.

    `pcm` is int16 (n,) at `rate` Hz, `segments` are half-open stretches of its samples.
    """
    steps = len(letters.bars) - 1
    heights = np.rint((_decibels(pcm, width) / -FLOOR_DB + 1) * ROWS * steps).astype(int)
    lines = [
        "".join(letters.bars[min(max(height - row * steps, 0), steps)] for height in heights)
        for row in reversed(range(ROWS))
    ]
    marks = [" "] * width
    for onset, end in segments:
        first, last = _column(onset, pcm.size, width), _column(end - 1, pcm.size, width)
        marks[first : last + 1] = letters.line * (last + 1 - first)
        marks[last], marks[first] = letters.end, letters.begin
    lines.append("".join(marks))
    if segments:
        first, last = _column(segments[0][0], pcm.size, width), _column(segments[-1][1] - 1, pcm.size, width)
        lines.append(_labels(f"{segments[0][0] / rate:.3f} s", f"{segments[-1][1] / rate:.3f} s", first, last, width))
    return [line.rstrip() for line in lines]


def _labels(onset: str, end: str, first: int, last: int, width: int) -> str:
    """The onset's label from its column on, the end's up to its own, side by side where there is no room for that."""
    end_at = max(last + 1 - len(end), first + len(onset) + 1)
    shift = max(0, end_at + len(end) - width)
    onset_at = max(0, min(first, first - shift))
    return f"{' ' * onset_at}{onset}".ljust(max(end_at - shift, onset_at + len(onset) + 1)) + end


def as_png(pcm: NDArray[np.int16], rate: int, segments: Sequence[tuple[int, int]]) -> bytes:
    """Above the waveform, scaled to its loudest sample, below the level from -60 dBFS to full scale; seconds under it.

    Speech has a background of its own, and each of its bounds a red line.
    """
    image = np.full((_WAVE + _LEVELS + _AXIS, _WIDTH, 3), _PAPER, np.uint8)
    drawn = image[: _WAVE + _LEVELS]
    bounds = [(_column(onset, pcm.size, _WIDTH), _column(end - 1, pcm.size, _WIDTH)) for onset, end in segments]
    for first, last in bounds:
        drawn[:, first : last + 1] = _SPEECH
    middle, loudest = _WAVE // 2, max(1, int(np.abs(pcm.astype(np.int32)).max(initial=0)))
    for column, part in enumerate(_parts(pcm, _WIDTH)):
        top, bottom = (round(middle - value / loudest * (middle - 4)) for value in (part.max(), part.min()))
        drawn[top : bottom + 1, column] = _INK
    heights = np.rint((_decibels(pcm, _WIDTH) / -FLOOR_DB + 1) * (_LEVELS - 4)).astype(int)
    for column, height in enumerate(heights):
        drawn[_WAVE + _LEVELS - height :, column] = _INK
    drawn[_WAVE] = _LINE
    for column in (edge for bound in bounds for edge in bound):
        drawn[:, column] = _BOUND
    _draw_axis(image[_WAVE + _LEVELS :], pcm.size / rate)
    return _png(image)


def _draw_axis(axis: NDArray[np.uint8], seconds: float) -> None:
    axis[0] = _LINE
    step = next((step for step in _STEPS if seconds / step <= 20), _STEPS[-1])
    for number in range(int(seconds / step) + 1):
        column = _column(number * step, seconds, _WIDTH)
        axis[:8, column] = _LINE
        left = column + 4
        for letter in f"{number * step:g}":
            bits = [[int(row) >> bit & 1 for bit in (2, 1, 0)] for row in _DIGITS[letter]]
            glyph = np.kron(np.array(bits), np.ones((_DOT, _DOT), int)).astype(bool)
            place = axis[8 : 8 + glyph.shape[0], left : left + glyph.shape[1]]
            place[glyph[:, : place.shape[1]]] = _INK
            left += 4 * _DOT


def _png(image: NDArray[np.uint8]) -> bytes:
    """The image (height, width, 3) as PNG (RFC 2083): three chunks, no filter."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = image.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), image.reshape(height, width * 3)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows.tobytes(), 9))
        + chunk(b"IEND", b"")
    )


def _parts(pcm: NDArray[np.int16], columns: int) -> list[NDArray[np.int16]]:
    """The sound of each column, at least one sample of it."""
    edges = np.arange(columns + 1) * pcm.size // columns
    return [pcm[start : max(end, start + 1)] for start, end in pairwise(edges.tolist())]


def _decibels(pcm: NDArray[np.int16], columns: int) -> NDArray[np.float64]:
    """The loudest sample of each column in dBFS, not under FLOOR_DB."""
    peaks = np.array([np.abs(part.astype(np.float64)).max() for part in _parts(pcm, columns)])
    return np.asarray(np.maximum(20 * np.log10(np.maximum(peaks, 1) / FULL_SCALE), FLOOR_DB))


def _column(at: float, length: float, columns: int) -> int:
    return min(int(at * columns / length), columns - 1)
