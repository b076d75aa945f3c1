import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.watch.web.pages import axis

NOON = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.UTC).timestamp()


@pytest.mark.parametrize(
    ("until", "most", "labels"),
    [
        (2.3, 3, ["0", "1", "2"]),
        (0.23, 3, ["0.0", "0.1", "0.2"]),
        (19.5, 6, ["0", "5", "10", "15"]),
        (1.0, 4, ["0.0", "0.5", "1.0"]),
        (5e-324, 6, ["0.000000000"]),
        (0.04, 4, ["0.00", "0.01", "0.02", "0.03", "0.04"]),
    ],
)
def test_seconds_are_round(until: float, most: int, labels: list[str]) -> None:
    ticks = axis.seconds(until, most)
    assert [tick.label for tick in ticks] == labels
    assert [tick.at for tick in ticks] == pytest.approx([float(label) / until for label in labels])


@pytest.mark.parametrize(
    ("since", "until", "labels"),
    [
        (NOON - 3600, NOON, ["11:00", "11:15", "11:30", "11:45", "12:00"]),
        (NOON - 60, NOON + 30, ["11:59:00", "11:59:30", "12:00:00", "12:00:30"]),
        (NOON - 7 * 86_400, NOON, ["Feb 24", "Feb 26", "Feb 28", "Mar 02"]),
        (NOON + 1, NOON + 2, []),
    ],
)
def test_times_are_round(since: float, until: float, labels: list[str]) -> None:
    assert [tick.label for tick in axis.times(since, until, 4)] == labels


@given(until=st.floats(0.001, 1e4), most=st.integers(1, 8))
def test_an_axis_begins_at_nothing_and_holds_no_more_than_it_may(until: float, most: int) -> None:
    ticks = axis.seconds(until, most)
    assert ticks[0].at == 0
    assert len(ticks) <= most + 1
    assert all(0 <= tick.at <= 1 + 1e-9 for tick in ticks)
    assert len({tick.label for tick in ticks}) == len(ticks)


@given(since=st.floats(0, 4e9), length=st.floats(1, 4e7), most=st.integers(2, 8))
def test_times_lie_inside_and_are_no_more_than_they_may(since: float, length: float, most: int) -> None:
    ticks = axis.times(since, since + length, most)
    assert len(ticks) <= most + 1
    assert all(-1e-6 <= tick.at <= 1 + 1e-6 for tick in ticks)
