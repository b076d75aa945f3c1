import random

import pytest

from tests.growth import growth, means


def line(slope: float, height: float, noise: random.Random, n: int = 60) -> list[tuple[float, float]]:
    return [(float(x), height + slope * x + noise.gauss(0, 1)) for x in range(n)]


def test_a_line_without_noise_is_found_exactly() -> None:
    found = growth([[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]])
    assert found is not None
    assert found.slope == pytest.approx(2)
    assert found.error == pytest.approx(0)


def test_spells_share_a_slope_and_not_a_height() -> None:
    found = growth([[(0.0, 100.0), (1.0, 101.0)], [(0.0, 7.0), (1.0, 8.0)]])
    assert found is not None
    assert found.slope == pytest.approx(1)


def test_the_error_says_how_far_the_slope_is_off() -> None:
    """Of many fits the true slope lies within two errors in about 95 of 100."""
    noise = random.Random(1)
    within = 0
    for _ in range(400):
        found = growth([line(0.5, 3.0, noise), line(0.5, 40.0, noise, 20)])
        assert found is not None
        assert found.error is not None
        within += abs(found.slope - 0.5) <= 2 * found.error
    assert within / 400 == pytest.approx(0.95, abs=0.03)


def test_too_few_points_tell_nothing() -> None:
    assert growth([]) is None
    assert growth([[(1.0, 5.0)]]) is None
    two = growth([[(0.0, 0.0), (1.0, 2.0)]])
    assert two is not None
    assert (two.slope, two.error) == (2.0, None)


def test_means_are_over_so_long_each() -> None:
    assert means([(0.0, 1.0), (5.0, 3.0), (10.0, 7.0)], 10.0) == [(2.5, 2.0), (10.0, 7.0)]
