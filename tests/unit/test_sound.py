"""A recording's outline, made without numpy; whatever the file holds."""

import itertools
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from prober.watch.web.pages import sound
from prober.watch.web.pages.sound import COLUMNS, Sound, outline, read


def write(path: Path, samples: NDArray[np.int16], *, rate: int = 16_000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def test_each_column_holds_the_lowest_and_the_highest_sample_of_its_side(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).integers(-32_768, 32_767, (16_007, 2)).astype(np.int16)
    made = read(write(tmp_path / "a.wav", samples))
    assert made is not None
    assert made.seconds == 16_007 / 16_000
    edges = [column * 16_007 // COLUMNS for column in range(COLUMNS + 1)]
    for side, peaks in enumerate((made.caller, made.agent)):
        parts = [samples[begin:end, side] for begin, end in itertools.pairwise(edges)]
        assert peaks == tuple((part.min() / 32_768, part.max() / 32_768) for part in parts)


def test_a_recording_shorter_than_its_columns_has_fewer(tmp_path: Path) -> None:
    made = read(write(tmp_path / "a.wav", np.array([[1, -1], [3, -3]], np.int16)))
    assert made == Sound(
        seconds=2 / 16_000,
        caller=((1 / 32_768, 1 / 32_768), (3 / 32_768, 3 / 32_768)),
        agent=((-1 / 32_768, -1 / 32_768), (-3 / 32_768, -3 / 32_768)),
    )


def test_only_the_beginning_of_an_endless_recording_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound, "LONGEST", 0.5)
    samples = np.zeros((16_000, 2), np.int16)
    samples[8_000:] = 32_000
    made = read(write(tmp_path / "a.wav", samples))
    assert made is not None
    assert made.seconds == 0.5
    assert not any(peak for pair in made.caller for peak in pair)


@pytest.mark.parametrize("samples", [np.zeros((0, 2), np.int16), np.zeros((100, 1), np.int16)], ids=["empty", "mono"])
def test_what_is_no_stereo_sound_has_no_outline(tmp_path: Path, samples: NDArray[np.int16]) -> None:
    assert read(write(tmp_path / "a.wav", samples)) is None


def test_no_file_has_no_outline(tmp_path: Path) -> None:
    assert read(tmp_path / "none.wav") is None


def test_a_file_that_was_cut_off_has_no_outline(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.wav", np.ones((8_000, 2), np.int16)).read_bytes()
    for size in (0, 4, 20, 43, 44, 45, 10_000):
        (tmp_path / "cut.wav").write_bytes(whole[:size])
        assert read(tmp_path / "cut.wav") is None, size


@settings(max_examples=200)
@given(at=st.integers(0, 43), value=st.binary(min_size=1, max_size=4))
def test_a_broken_header_never_raises(tmp_path_factory: pytest.TempPathFactory, at: int, value: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    body = bytearray(write(folder / "broken.wav", np.ones((100, 2), np.int16)).read_bytes())
    body[at : at + len(value)] = value
    (folder / "broken.wav").write_bytes(body)
    made = read(folder / "broken.wav")
    assert made is None or made.seconds > 0


def test_a_header_that_promises_more_than_there_is_makes_no_outline(tmp_path: Path) -> None:
    body = bytearray(write(tmp_path / "a.wav", np.ones((100, 2), np.int16)).read_bytes())
    body[4:8] = body[40:44] = struct.pack("<I", 2**31)
    (tmp_path / "a.wav").write_bytes(body)
    assert read(tmp_path / "a.wav") is None


def test_the_outline_is_a_closed_area_around_the_middle() -> None:
    assert outline(((-0.5, 1.0), (-1.0, 0.0)), 1000, 100) == "M0.0 0.0 L1000.0 50.0 L1000.0 100.0 L0.0 75.0Z"
