from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from prober.core.alignment import Alignment, align
from prober.core.resampling import resample
from prober.fixtures import Clip, load_fixture
from tests.unit.sounds import NAMES

RATE = 16_000
PLAYED = 48_000
SAMPLE = 2 / RATE  # what "exact" means after two resamplings


@cache
def loud(name: str) -> NDArray[np.int16]:
    """The sentence at the rate it is played with."""
    clip = load_fixture(name)
    return resample(clip.pcm, clip.rate, PLAYED)


def played(clip: Clip, lead: int, gap_at: float = 0.0, gap: int = 0) -> NDArray[np.int16]:
    """The tap: the clip at 48 kHz, `gap` samples of nothing at this share of its speech, silence around, at 16 kHz."""
    pcm = loud(clip.id)
    up = PLAYED // clip.rate
    at = round((clip.onset_sample + gap_at * (clip.end_sample - clip.onset_sample)) * up)
    parts = [np.zeros(lead, np.int16), pcm[:at], np.zeros(gap, np.int16), pcm[at:], np.zeros(PLAYED // 2, np.int16)]
    return resample(np.concatenate(parts), PLAYED, RATE)


def found(clip: Clip, heard: NDArray[np.int16]) -> Alignment | None:
    onset, end = clip.at(RATE)
    return align(clip.reference, heard, onset_sample=onset, end_sample=end)


@pytest.mark.parametrize("name", NAMES)
def test_every_sentence_is_found_and_what_is_known_of_the_place_need_not_be_searched(name: str) -> None:
    clip = load_fixture(name)
    lead = 30_001
    heard = played(clip, lead)
    alignment = found(clip, heard)
    onset, end = clip.at(RATE)

    assert align(clip.reference, heard, onset_sample=onset, end_sample=end, slack=lead / PLAYED + 0.01) == alignment
    assert alignment is not None
    assert alignment.onset / RATE == pytest.approx(lead / PLAYED + clip.onset_sample / clip.rate, abs=SAMPLE)
    assert alignment.end_of_speech / RATE == pytest.approx(lead / PLAYED + clip.end_sample / clip.rate, abs=SAMPLE)
    assert alignment.drift == pytest.approx(0, abs=SAMPLE)


@settings(max_examples=8)
@given(
    name=st.sampled_from(["en-yes", "en-hours", "en-noisy", "es-hours"]),
    lead=st.integers(0, PLAYED),
    gap_at=st.floats(0.3, 0.7),
    gap=st.integers(1, 20),
)
def test_an_underrun_is_drift_and_the_end_is_where_it_was_heard(name: str, lead: int, gap_at: float, gap: int) -> None:
    clip = load_fixture(name)
    missing = gap * PLAYED // 100
    alignment = found(clip, played(clip, lead, gap_at, missing))

    assert alignment is not None
    assert alignment.drift == pytest.approx(missing / PLAYED, abs=SAMPLE)
    assert alignment.end_of_speech / RATE == pytest.approx(
        (lead + missing) / PLAYED + clip.end_sample / clip.rate, abs=SAMPLE
    )


@pytest.mark.parametrize("name", ["en-yes", "en-hours", "en-noisy"])
@pytest.mark.parametrize("cut", [0.05, 0.2, 1.0])
def test_a_sentence_cut_off_is_not_found(name: str, cut: float) -> None:
    clip = load_fixture(name)
    heard = played(clip, 4800)
    end = round((4800 / PLAYED + clip.end_sample / clip.rate - cut) * RATE)
    heard[max(0, end) :] = 0

    assert found(clip, heard) is None
    assert found(clip, heard[: max(0, end)]) is None


def test_another_sentence_and_silence_are_not_it() -> None:
    clip = load_fixture("en-yes")

    assert found(clip, played(load_fixture("en-hours"), 0)) is None
    assert found(clip, np.zeros(5 * RATE, np.int16)) is None
    assert found(clip, np.zeros(0, np.int16)) is None


def test_bounds_outside_the_clip_are_refused() -> None:
    clip = load_fixture("en-yes")
    with pytest.raises(ValueError, match="no speech"):
        align(clip.pcm, clip.pcm, onset_sample=0, end_sample=clip.pcm.size + 1)


@pytest.mark.parametrize("rate", [8_000, 22_050, 24_000, 44_100, 48_000])
def test_resampling_keeps_a_tone_in_its_place(rate: int) -> None:
    time = np.arange(rate) / rate
    tone = np.rint(8000 * np.sin(2 * np.pi * 700 * time)).astype(np.int16)
    expected = 8000 * np.sin(2 * np.pi * 700 * np.arange(RATE) / RATE)
    inner = slice(1000, -1000)

    assert resample(tone, rate, RATE).shape == (RATE,)
    assert np.abs(resample(tone, rate, RATE)[inner] - expected[inner]).max() < 8
    assert np.array_equal(resample(tone, rate, rate), tone)


def test_what_the_lower_rate_cannot_hold_is_removed() -> None:
    tone = np.rint(8000 * np.sin(2 * np.pi * 11_000 * np.arange(48_000) / 48_000)).astype(np.int16)

    assert np.abs(resample(tone, 48_000, RATE)[1000:-1000].astype(int)).max() < 8
