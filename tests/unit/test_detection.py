"""The published figures are those of this schedule, and agree with what can be worked out by hand."""

import pytest

from prober.watch.burst import Confirm
from prober.watch.cadence import Jitter
from tests.detection import DOCUMENT, HEALTHY, INTERVALS, STALLS, Row, published, rows, table


@pytest.fixture(scope="module")
def computed() -> list[Row]:
    return rows()


def test_the_committed_table_is_the_one_of_this_schedule(computed: list[Row]) -> None:
    assert published(DOCUMENT.read_text(encoding="utf-8")) == table(computed), "make detection"


def test_the_worst_case_is_the_one_worked_out_by_hand(computed: list[Row]) -> None:
    for row in computed:
        jitter = Jitter().share * row.interval
        assert row.bound - jitter - row.interval / 100 < row.worst <= row.bound
        assert row.median == pytest.approx(row.worst - row.interval / 2, abs=jitter)


def test_false_alarms_are_those_worked_out_by_hand(computed: list[Row]) -> None:
    """Three runs at a distance fail in a stall if it reaches from the first one's end to the last one's start."""
    for row in computed:
        gap = row.interval if row.confirm is None else row.confirm.moment(0, 20.5)
        for stall, share in zip(STALLS, row.false_alarms, strict=True):
            expected = min(1.0, max(0.0, (stall + HEALTHY - 2 * gap) / row.interval))
            assert share == pytest.approx(expected, abs=0.02), row


def test_a_burst_sees_an_outage_sooner_and_believes_a_stall_sooner(computed: list[Row]) -> None:
    assert [(row.interval, row.confirm) for row in computed] == [
        (interval, confirm) for interval in INTERVALS for confirm in (None, Confirm())
    ]
    plain, burst = computed[2:]
    assert burst.worst < plain.worst - 50
    assert all(after >= before for before, after in zip(plain.false_alarms, burst.false_alarms, strict=True))
    assert all(row.false_alarms[0] == 0 for row in computed)  # half a minute never pages
