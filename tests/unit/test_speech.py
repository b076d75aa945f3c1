from itertools import cycle

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]  # has no stubs
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from prober.core.resampling import resample
from prober.core.speech import CONFIRM, PAUSE, RATE, SETTLE, WINDOW, Edge, SpeechDetector, speech_segments
from prober.recordings import folder
from prober.voice import SileroGate
from tests.unit.sounds import CLEAN, NAMES, amplitude, breath, noise, pcm16, sentence, silence

FRAME = 320  # 20 ms, as the room reads them
GATE = SileroGate()


class ScriptedGate:
    """Answers from a list, then 0; the detector's warm-up is not part of it."""

    def __init__(self, answers: list[float]) -> None:
        self.answers = answers
        self.calls = -SETTLE

    def __call__(self, window: NDArray[np.int16]) -> float:
        assert window.shape == (WINDOW,)
        self.calls += 1
        return self.answers[self.calls - 1] if 0 < self.calls <= len(self.answers) else 0.0

    def reset(self) -> None:
        self.calls = -SETTLE


def edges(pcm: NDArray[np.int16], frame: int = FRAME) -> list[Edge]:
    detector = SpeechDetector(GATE)
    return [edge for at in range(0, pcm.size, frame) for edge in detector.push(pcm[at : at + frame])]


def bounds(found: list[Edge]) -> tuple[int, int]:
    """First onset and last end; sentences with pauses have more between them."""
    assert [edge.kind for edge in found] == ["onset", "end"] * (len(found) // 2)
    assert found, "no speech was found"
    return found[0].sample, found[-1].sample


def seconds(found: tuple[int, int], onset: int, end: int) -> tuple[float, float]:
    return (found[0] - onset) / RATE, (found[1] - end) / RATE


@pytest.mark.parametrize("name", NAMES)
def test_edges_of_the_sentences(name: str) -> None:
    sound = sentence(name)
    online = bounds(edges(sound.pcm))
    segments = speech_segments(sound.pcm, GATE)
    offline = segments[0][0], segments[-1][1]
    tolerance = 0.015 if name in CLEAN else 0.060  # the last vowel of en-noisy fades into noise 15 dB under the speech

    assert seconds(online, sound.onset, sound.end) == pytest.approx((0, 0), abs=tolerance)
    assert seconds(offline, sound.onset, sound.end) == pytest.approx((0, 0), abs=tolerance)
    assert seconds(online, *offline) == pytest.approx((0, 0), abs=0.015)


@settings(max_examples=12)
@given(
    name=st.sampled_from(sorted(set(CLEAN) - {"en-human-long"})),
    lead=st.integers(0, RATE),
    peak_dbfs=st.sampled_from([-3, -12, -20, -26]),
)
def test_neither_level_nor_position_move_an_edge(name: str, lead: int, peak_dbfs: int) -> None:
    sound = sentence(name)
    scaled = sound.pcm * (amplitude(peak_dbfs) / np.abs(sound.pcm.astype(np.int32)).max())
    pcm = np.concatenate([np.zeros(lead, np.int16), pcm16(scaled)])
    segments = speech_segments(pcm, GATE)

    assert seconds(bounds(edges(pcm)), lead + sound.onset, lead + sound.end) == pytest.approx((0, 0), abs=0.016)
    assert seconds((segments[0][0], segments[-1][1]), lead + sound.onset, lead + sound.end) == pytest.approx(
        (0, 0), abs=0.016
    )


@settings(max_examples=10)
@given(cuts=st.lists(st.integers(1, 1200), min_size=1, max_size=40))
def test_chunking_does_not_matter(cuts: list[int]) -> None:
    pcm = sentence("en-yes").pcm
    detector = SpeechDetector(GATE)
    found: list[Edge] = []
    at = 0
    for size in cycle(cuts):
        if at >= pcm.size:
            break
        found.extend(detector.push(pcm[at : at + size]))
        at += size

    assert found == edges(pcm, frame=pcm.size)
    assert detector.samples == pcm.size


@pytest.mark.parametrize("name", ["en-yes", "en-book-table", "en-human-short"])
def test_an_edge_is_reported_soon(name: str) -> None:
    sound = sentence(name)
    detector = SpeechDetector(GATE)
    lags = {}
    for at in range(0, sound.pcm.size, FRAME):
        for edge in detector.push(sound.pcm[at : at + FRAME]):
            lags[edge.kind] = (detector.samples - edge.sample) / RATE
            assert detector.speaking == (edge.kind == "onset")

    assert lags["onset"] < 0.25
    assert lags["end"] < 0.45


def test_noise_is_no_speech() -> None:
    pcm = pcm16(noise(3 * RATE, -40))

    assert edges(pcm) == []
    assert speech_segments(pcm, GATE) == ()


@settings(max_examples=12)
@given(
    frequencies=st.lists(st.integers(50, 5000), min_size=1, max_size=2),
    peak_dbfs=st.integers(-40, -6),
    beep=st.sampled_from([0.25, 0.4, 3.0]),
)
def test_tones_are_no_speech(frequencies: list[int], peak_dbfs: int, beep: float) -> None:
    time = np.arange(2 * RATE) / RATE
    tone = sum(np.sin(2 * np.pi * frequency * time) for frequency in frequencies) * (time // beep % 2 == 0)
    pcm = np.concatenate([silence(0.3), pcm16(tone * amplitude(peak_dbfs) / len(frequencies))])

    assert edges(pcm) == []
    assert speech_segments(pcm, GATE) == ()


@pytest.mark.parametrize("name", ["en-yes", "en-book-table", "en-stop"])
@pytest.mark.parametrize("before", [0.45, 0.3, 0.15])
def test_a_click_before_speech_moves_nothing(name: str, before: float) -> None:
    sound = sentence(name)
    pcm = sound.pcm.copy()
    at = sound.onset - round(before * RATE)
    pcm[at : at + 320] = pcm16(noise(320, -12))

    assert seconds(bounds(edges(pcm)), sound.onset, sound.end) == pytest.approx((0, 0), abs=0.015)


def test_a_click_alone_is_nothing() -> None:
    pcm = np.concatenate([silence(1), pcm16(noise(320, -6)), silence(1)])

    assert edges(pcm) == []


@pytest.mark.parametrize("name", ["en-hours", "en-book-table", "en-human-short"])
@pytest.mark.parametrize("dbfs", [-50, -40])
@pytest.mark.parametrize("gap", [0.0, 0.05])
def test_breath_is_not_yet_speech(name: str, dbfs: float, gap: float) -> None:
    sound = sentence(name)
    pcm = sound.pcm.astype(np.float64)
    stop = sound.onset - round(gap * RATE)
    air = breath(round(0.35 * RATE), dbfs)
    pcm[stop - air.size : stop] += air
    onset, _ = bounds(edges(pcm16(pcm)))

    assert -0.015 <= (onset - sound.onset) / RATE <= 0.040


@pytest.mark.parametrize("name", CLEAN)
def test_under_noise_the_edge_lies_where_the_speech_comes_out_of_it(name: str) -> None:
    sound = sentence(name)
    pcm = pcm16(sound.pcm + noise(sound.pcm.size, -45))
    hops = sound.pcm[: sound.pcm.size // 64 * 64].astype(np.float64).reshape(-1, 64)
    audible = np.flatnonzero(np.sqrt(np.mean(hops**2, axis=1)) > amplitude(-45 + 6)) * 64
    segments = speech_segments(pcm, GATE)

    for onset, end in (bounds(edges(pcm)), (segments[0][0], segments[-1][1])):
        assert sound.onset - 0.015 * RATE <= onset <= audible[0] + 0.060 * RATE
        assert audible[-1] - 0.060 * RATE <= end <= sound.end + 0.015 * RATE


@pytest.mark.parametrize("name", ["en-hours", "en-book-table", "en-gb-repeat"])
def test_a_quiet_agent_under_comfort_noise_is_heard(name: str) -> None:
    sound = sentence(name)
    quiet = sound.pcm * (amplitude(-26) / np.abs(sound.pcm.astype(np.int32)).max())
    onset, end = bounds(edges(pcm16(quiet + noise(quiet.size, -55))))

    assert abs(onset - sound.onset) < 0.2 * RATE
    assert abs(end - sound.end) < 0.5 * RATE


def test_a_long_silence_before_costs_nothing_and_changes_nothing() -> None:
    sound = sentence("en-yes")
    gate = ScriptedGate([])
    detector = SpeechDetector(gate)
    detector.push(silence(60))

    assert gate.calls == 0
    onset, end = bounds(edges(np.concatenate([silence(60), sound.pcm])))
    assert seconds((onset - 60 * RATE, end - 60 * RATE), sound.onset, sound.end) == pytest.approx((0, 0), abs=0.015)


@pytest.mark.parametrize(
    ("answers", "kinds"),
    [
        ([0.9] * (CONFIRM - 1), []),
        ([0.9] * CONFIRM, ["onset"]),
        ([0.6] * 40, []),
        ([0.9, 0.9, 0.1, 0.9, 0.9], ["onset"]),
        ([0.9, 0.9, 0.1, 0.1, 0.9, 0.9], []),
        ([0.9] * CONFIRM + [0.4] * 20, ["onset"]),
        ([0.9] * CONFIRM + [0.3] * PAUSE, ["onset", "end"]),
        ([0.9] * CONFIRM + ([0.3] * (PAUSE - 1) + [0.4]) * 3, ["onset"]),
    ],
)
def test_what_counts_as_speech(answers: list[float], kinds: list[str]) -> None:
    detector = SpeechDetector(ScriptedGate(answers))
    pcm = pcm16(noise(len(answers) * WINDOW, -20))

    assert [edge.kind for edge in detector.push(pcm)] == kinds


@settings(max_examples=40)
@given(
    answers=st.lists(st.floats(0, 1), max_size=120),
    loud=st.lists(st.sampled_from([0.0, 3.0, 300.0, 9000.0]), min_size=1, max_size=60),
)
def test_edges_alternate_and_ascend_whatever_comes(answers: list[float], loud: list[float]) -> None:
    pcm = pcm16(np.concatenate([noise(801, 0, seed=index) / 32768 * level for index, level in enumerate(loud)]))
    found = SpeechDetector(ScriptedGate(answers)).push(pcm)
    segments = speech_segments(pcm, ScriptedGate(answers))

    assert [edge.kind for edge in found] == ["onset", "end"] * (len(found) // 2) + ["onset"] * (len(found) % 2)
    assert [edge.sample for edge in found] == sorted(edge.sample for edge in found)
    assert all(0 <= edge.sample <= pcm.size for edge in found)
    limits = [sample for segment in segments for sample in segment]
    assert limits == sorted(limits)
    assert all(0 <= sample <= pcm.size for sample in limits)


def test_the_gate_forgets_on_reset_and_refuses_other_windows() -> None:
    window = sentence("en-yes").pcm[10000 : 10000 + WINDOW]
    GATE.reset()
    first = GATE(window)
    GATE.reset()

    assert 0 <= first <= 1
    assert GATE(window) == first
    with pytest.raises(ValueError, match="512 int16"):
        GATE(window[1:])


def test_the_negative_holds_no_speech() -> None:
    recorded, rate = soundfile.read(folder() / "noise-only.wav", dtype="int16")
    pcm = resample(recorded, rate, RATE)
    assert edges(pcm) == []
    assert speech_segments(pcm, GATE) == ()
