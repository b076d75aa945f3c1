import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from prober.pictures import ASCII, BLOCKS, ROWS, Letters, as_png, as_text

RATE = 8_000


def burst(seconds: float, onset: float, end: float, peak: int = 32_767) -> NDArray[np.int16]:
    pcm = np.zeros(round(seconds * RATE), np.int16)
    pcm[round(onset * RATE) : round(end * RATE)] = peak
    return pcm


def decoded(png: bytes) -> NDArray[np.uint8]:
    """The pixels, by the standard alone: every chunk's length and checksum, the header, the filter of each row."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", png, at + 8 + length)[0] == zlib.crc32(kind + data)
        chunks[kind] = data
        at += 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert rest == [8, 2, 0, 0, 0]
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + width * 3)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 3)


@pytest.mark.parametrize(("letters", "full"), [(BLOCKS, "█"), (ASCII, "#")])
def test_full_scale_fills_the_height_where_it_sounds_and_marks_stand_under_it(letters: Letters, full: str) -> None:
    lines = as_text(burst(4, 1, 2), RATE, [(RATE, 2 * RATE)], 40, letters)
    bar = " " * 10 + full * 10
    assert lines[:ROWS] == [bar] * ROWS
    assert lines[ROWS] == " " * 10 + letters.begin + letters.line * 8 + letters.end
    assert lines[ROWS + 1] == " " * 10 + "1.000 s 2.000 s"


def test_half_the_decibels_are_half_the_height() -> None:
    lines = as_text(burst(1, 0, 1, peak=round(32_768 * 10 ** (-30 / 20))), RATE, [], 4)
    assert lines == ["", "", "▄▄▄▄", "████", "████", ""]


def test_every_stretch_has_its_mark() -> None:
    lines = as_text(burst(4, 0, 4), RATE, [(0, RATE), (2 * RATE, 4 * RATE)], 40, ASCII)
    assert lines[ROWS] == "[--------]          [------------------]"
    assert lines[ROWS + 1] == "0.000 s" + " " * 26 + "4.000 s"


@settings(max_examples=40)
@given(data=st.data(), size=st.integers(1, 3000), width=st.integers(20, 200), loud=st.integers(0, 32_767))
def test_no_line_is_wider_than_the_terminal_whatever_is_drawn(
    data: st.DataObject, size: int, width: int, loud: int
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, size), min_size=0, max_size=6)))
    segments = list(zip(cuts[::2], cuts[1::2], strict=False))
    pcm = np.full(size, -loud, np.int16)
    lines = as_text(pcm, RATE, segments, width)

    assert len(lines) == ROWS + 1 + bool(segments)
    assert max(map(len, lines)) <= width
    if segments:
        assert lines[-1].split() == [f"{segments[0][0] / RATE:.3f}", "s", f"{segments[-1][1] / RATE:.3f}", "s"]
    assert decoded(as_png(pcm, RATE, segments)).shape[2] == 3


def test_the_png_has_red_lines_at_the_bounds_and_a_ground_of_its_own_under_speech() -> None:
    image = decoded(as_png(burst(4, 1, 2, peak=100), RATE, [(RATE, 2 * RATE)]))
    first, last = image.shape[1] // 4, image.shape[1] // 2 - 1
    red = [int(column) for column in np.flatnonzero((image[0] == (200, 30, 30)).all(axis=1))]
    assert red == [first, last]
    assert (image[0, first + 1 : last] != 255).any(axis=1).all()
    assert (image[0, :first] == 255).all()
    assert (image[0, last + 1 :] == 255).all()


@pytest.mark.parametrize("seconds", [0.05, 0.9, 3.0, 60.0])
def test_the_axis_is_labelled(seconds: float) -> None:
    image = decoded(as_png(burst(seconds, 0, seconds), RATE, []))
    assert len(np.unique(image[-24:].reshape(-1, 3), axis=0)) >= 2
