import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.core.sound_clock import StreamClock

RATE = 16_000
FRAME = 320


def heard(arrivals: list[float], frame: int = FRAME) -> StreamClock:
    clock = StreamClock(RATE)
    for index, arrival in enumerate(arrivals):
        clock.push(arrival, (index + 1) * frame)
    return clock


def on_time(frames: int, start: float = 100.0, ppm: float = 0.0) -> list[float]:
    return [start + (index + 1) * FRAME / RATE * (1 + ppm * 1e-6) for index in range(frames)]


def stalled(arrivals: list[float], begin: float, length: float) -> list[float]:
    """The loop did not run from `begin` for `length`: what came meanwhile is read at its end."""
    return [max(arrival, begin + length) if arrival >= begin else arrival for arrival in arrivals]


@settings(max_examples=25)
@given(begin=st.integers(1_000, 20_000), length=st.integers(0, 15_000), jitter=st.lists(st.integers(0, 9), min_size=1))
def test_a_stall_moves_no_moment(begin: int, length: int, jitter: list[int]) -> None:
    arrivals = stalled(on_time(1500), 100 + begin / 1000, length / 1000)
    clock = StreamClock(RATE)
    latest = 0.0
    for index, arrival in enumerate(arrivals):
        latest = max(latest, arrival + (jitter[index % len(jitter)] / 1000 if index else 0))
        clock.push(latest, (index + 1) * FRAME)
        sample = max(0, index - 25) * FRAME
        assert clock.moment(sample) == pytest.approx(100 + sample / RATE, abs=0.001 + min(jitter) / 1000)


@given(shift=st.integers(-(10**6), 10**6), late=st.lists(st.integers(0, 400), min_size=1, max_size=60))
def test_moments_shift_with_the_arrivals(shift: int, late: list[int]) -> None:
    arrivals: list[float] = []
    for index, milliseconds in enumerate(late):
        arrivals.append(max([*arrivals[-1:], index * FRAME / RATE + milliseconds / 1000]))
    moved = heard([arrival + shift / 1000 for arrival in arrivals])

    assert moved.moment(1234) - heard(arrivals).moment(1234) == pytest.approx(shift / 1000, abs=1e-6)
    assert moved.lateness == pytest.approx(heard(arrivals).lateness, abs=1e-6)


@pytest.mark.parametrize("ppm", [-100, 100])
def test_drift_is_followed_and_the_past_is_kept(ppm: float) -> None:
    clock = heard(on_time(60_000, ppm=ppm))  # 20 minutes: 120 ms of drift

    for second in (0, 10, 600, 1190, 1199):
        assert clock.moment(second * RATE) == pytest.approx(100 + second * (1 + ppm * 1e-6), abs=0.001)


def test_lateness_is_against_the_envelope() -> None:
    clock = heard(on_time(200))
    assert clock.lateness == pytest.approx(0, abs=1e-9)
    clock.push(100 + 201 * FRAME / RATE + 0.080, 201 * FRAME)
    assert clock.lateness == pytest.approx(0.080)


def test_a_lost_second_is_no_delay_when_it_is_counted() -> None:
    clock = heard(on_time(100))
    clock.push(100 + 3.02, 100 * FRAME + RATE + FRAME)

    assert clock.lateness == pytest.approx(0, abs=1e-9)


def test_misuse_is_refused() -> None:
    clock = StreamClock(RATE)
    with pytest.raises(LookupError):
        clock.moment(0)
    with pytest.raises(LookupError):
        _ = clock.lateness
    clock.push(1.0, FRAME)
    with pytest.raises(ValueError, match="goes forward"):
        clock.push(1.1, FRAME)  # the size of the frame instead of the total
    with pytest.raises(ValueError, match="goes forward"):
        clock.push(0.9, 2 * FRAME)
