import dataclasses
import json

import numpy as np
import pytest

from prober.fixtures import load_fixture
from prober.recordings import folder, ids
from prober.suitability import FAULTS, REMARKS, Facts, disagreement, found_by, measure

GOOD = Facts(seconds=3.0, rate=24_000, speech=((0.5, 2.0),), peak=10_000, level=-23.0, surroundings=None, clipped=0)


def test_a_good_recording_needs_no_words() -> None:
    assert found_by(FAULTS, GOOD) == found_by(REMARKS, GOOD) == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"speech": (), "level": None, "peak": 20}, "it is silent"),
        ({"speech": (), "level": None}, "no speech was found in it, only other sound"),
        ({"level": -45.1}, "its speech has -45 dBFS: too quiet for an agent"),
    ],
)
def test_faults(change: dict[str, object], words: str) -> None:
    facts = dataclasses.replace(GOOD, **change)  # type: ignore[arg-type]
    (said,) = found_by(FAULTS, facts)
    assert words in said
    assert found_by(REMARKS, facts) == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"level": -35.1}, "some agents may not hear it"),
        ({"level": -45.0}, "some agents may not hear it"),
        ({"clipped": 1}, "clipped: at 1 place the"),
        ({"clipped": 2}, "clipped: at 2 places the"),
        ({"speech": ((0.099, 2.0),)}, "speech begins 0.099 s after the file does"),
        ({"speech": ((0.5, 2.981),)}, "speech runs to the very end of the file: its end may be cut off"),
        ({"speech": ((0.5, 1.0), (1.5, 2.0))}, "a pause of 0.50 s begins at 1.00 s"),
        ({"surroundings": -52.9}, "only 30 dB quieter: its bounds are known to 0.06 s"),
    ],
)
def test_remarks(change: dict[str, object], words: str) -> None:
    facts = dataclasses.replace(GOOD, **change)  # type: ignore[arg-type]
    (said,) = found_by(REMARKS, facts)
    assert words in said
    assert found_by(FAULTS, facts) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"level": -35.0},
        {"speech": ((0.1, 2.98),)},
        {"speech": ((0.5, 1.0), (1.49, 2.0))},
        {"surroundings": -53.0},
        {"rate": 8_000},
    ],
)
def test_what_is_just_good_enough_needs_no_words(change: dict[str, object]) -> None:
    facts = dataclasses.replace(GOOD, **change)  # type: ignore[arg-type]
    assert found_by((*FAULTS, *REMARKS), facts) == ()


@pytest.mark.parametrize("name", ids())
def test_the_measured_level_is_the_one_that_each_sidecar_says(name: str) -> None:
    clip = load_fixture(name)
    sidecar = json.loads((folder() / f"{name}.json").read_text())
    facts = measure(clip.pcm, clip.rate, [tuple(stretch) for stretch in sidecar["speech"]["segments"]])

    assert facts.level == pytest.approx(sidecar["levels"]["active_rms_dbfs"], abs=0.006)
    assert facts.peak == sidecar["levels"]["peak"]
    assert (facts.noisy is not None) == (name == "en-noisy")


def test_a_place_is_clipped_where_three_samples_in_a_row_are_at_full_scale() -> None:
    pcm = np.array([32767, 32767, 0, -32768, -32767, 32767, 5, 32767, 0, -32768, -32768, -32768], np.int16)
    assert measure(pcm, 8000, []).clipped == 2


def test_digital_silence_has_no_level_and_neither_has_nothing() -> None:
    assert measure(np.zeros(800, np.int16), 8000, [(0, 400)]).level is None
    assert measure(np.zeros(800, np.int16), 8000, [(0, 400)]).surroundings is None
    nothing = measure(np.zeros(0, np.int16), 8000, [])
    assert (nothing.seconds, nothing.peak, nothing.level, nothing.surroundings) == (0, 0, None, None)


def test_pauses_lie_between_stretches() -> None:
    facts = dataclasses.replace(GOOD, speech=((0.1, 0.2), (0.4, 0.5), (1.0, 1.5)))
    assert facts.pauses == ((0.2, 0.4), (0.5, 1.0))


@pytest.mark.parametrize(
    ("surroundings", "bounds", "words"),
    [
        (None, (0.5, 2.0), None),
        (None, (0.514, 1.986), None),
        (
            None,
            (0.516, 2.0),
            "puts speech at 0.516 to 2.000 s, but it was found at 0.500 to 2.000 s, more than 0.015 s",
        ),
        (None, (0.5, 1.984), "more than 0.015 s"),
        (-40.0, (0.559, 2.0), None),
        (-40.0, (0.561, 2.0), "more than 0.06 s"),
        (None, None, "puts speech at no place; it was found at 0.500 to 2.000 s"),
    ],
)
def test_a_sidecar_agrees_with_what_was_found_or_not(
    surroundings: float | None, bounds: tuple[float, float] | None, words: str | None
) -> None:
    said = disagreement(dataclasses.replace(GOOD, surroundings=surroundings), bounds)
    assert (words is None) == (said == ())
    assert words is None or words in said[0]


def test_a_recording_that_shall_hold_no_speech() -> None:
    assert disagreement(dataclasses.replace(GOOD, speech=()), None) == ()
    assert "found at no place" in disagreement(dataclasses.replace(GOOD, speech=()), (0.5, 2.0))[0]
