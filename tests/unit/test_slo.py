"""Which promise an interval bears, and the arithmetic of a refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.core.slo import AVAILABILITY, LEAST, NAMES, bad_runs, burns, by_default, longest_interval, objection, usual


@pytest.mark.parametrize(
    ("name", "interval", "percent"),
    [
        (AVAILABILITY, 60, 99),
        (AVAILABILITY, 300, 98),
        (AVAILABILITY, 600, 95),
        (AVAILABILITY, 900, None),
        ("agent_join", 300, 98),
        ("response", 300, 95),
        ("response", 86_400, None),
    ],
)
def test_the_usual_promise_is_the_first_that_the_interval_bears(
    name: str, interval: float, percent: float | None
) -> None:
    assert by_default(name, interval) == percent


def test_a_refusal_shows_its_arithmetic() -> None:
    assert objection(AVAILABILITY, 99, 300) == (
        "99 % cannot be told from chance by a run every 300 s: 14.4 (burn rate) × 1 % (budget) × 3600 s (window) "
        "÷ 300 s = 1.7 bad runs, less than 3. Give at most 98.2, or an interval of at most 172."
    )


def test_what_no_share_of_runs_can_exceed_is_refused() -> None:
    assert objection(AVAILABILITY, 90, 60) == (
        "90 % can never be told of: 14.4 (burn rate) × 10 % (budget) is all runs or more. Give at least 93.1."
    )
    assert objection(AVAILABILITY, 93.1, 60) is None


def test_where_no_less_would_help_only_the_interval_is_named() -> None:
    words = objection(AVAILABILITY, 99, 3600)
    assert words is not None
    assert words.endswith("Give an interval of at most 172.")


@given(
    name=st.sampled_from(NAMES),
    percent=st.floats(min_value=70, max_value=99.99),
    interval=st.floats(min_value=1, max_value=86_400),
)
def test_what_is_not_refused_leaves_every_alert_enough_runs_to_go_by(
    name: str, percent: float, interval: float
) -> None:
    if objection(name, percent, interval) is None:
        assert min(bad_runs(burn, percent, interval) for burn in burns(name)) >= LEAST * 0.999_999
        assert max(burn.rate for burn in burns(name)) * (1 - percent / 100) < 1


@given(name=st.sampled_from(NAMES), interval=st.floats(min_value=1, max_value=86_400))
def test_what_is_usual_is_never_refused(name: str, interval: float) -> None:
    percent = by_default(name, interval)
    if percent is None:
        assert all(interval > longest_interval(name, one) for one in usual(name))
    else:
        assert objection(name, percent, interval) is None
