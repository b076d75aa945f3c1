import math
import statistics as reference

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.core.events import TrialRequested
from prober.core.plan import Greeting, TurnPlan
from prober.core.reasons import Outcome
from prober.core.record import RunRecord, derive
from prober.core.series import WORST_FIRST, Series, in_series, worst
from prober.core.statistics import (
    ENOUGH,
    PERCENT,
    Outline,
    Spread,
    nearest_rank,
    outline,
    pass_rate_interval,
    spread_of,
    statistics,
    summarize,
)
from prober.core.verdict import Objective
from tests.golden.regenerate import GOLDEN, read
from tests.timelines import CONVERSATION, HEAD, conversation

PASS, ABSENT, CRASH = (read(GOLDEN / f"{name}.json") for name in ("pass_conversation", "agent_absent", "prober_crash"))
MISSED = msgspec.structs.replace(PASS, objectives=(Objective(name="response", limit=0.1, value=0.5, met=False),))
SECONDS = st.lists(st.integers(1, 10_000).map(lambda millis: millis / 1000), max_size=150)


def series(*records: RunRecord, required: int | None = None) -> Series:
    required = len(records) if required is None else required
    return Series(target="shop", scenario="conversation", required=required, records=records)


@given(values=SECONDS, misses=st.integers(0, 50))
def test_a_percentile_is_the_smallest_value_that_enough_of_all_do_not_exceed(values: list[float], misses: int) -> None:
    spread = spread_of("response", values, misses=misses)
    for name, enough in ENOUGH.items():
        given = getattr(spread, name)
        if len(values) < enough:
            assert given is None
            continue
        needed = math.ceil(PERCENT[name] * (len(values) + misses) / 100)
        reaching = [value for value in values if sum(other <= value for other in values) >= needed]
        assert given == min(reaching, default=None)


@given(values=SECONDS.filter(bool))
def test_percentiles_without_misses_agree_with_the_standard_library(values: list[float]) -> None:
    spread = spread_of("trial", values)
    assert (spread.n, spread.min, spread.max) == (len(values), min(values), max(values))
    if len(values) >= 3:
        assert spread.median == reference.median_low(values)
    given = [value for value in (spread.median, spread.p90, spread.p95, spread.p99, spread.max) if value is not None]
    assert given == sorted(given)
    assert set(given) <= set(values)


@given(values=SECONDS, misses=st.integers(0, 50))
def test_a_miss_never_makes_a_percentile_better(values: list[float], misses: int) -> None:
    ordered = sorted(values)
    for percent in PERCENT.values():
        before, after = nearest_rank(ordered, 0, percent), nearest_rank(ordered, misses, percent)
        assert after is None or (before is not None and after >= before)


@given(judged=st.integers(1, 500), share=st.floats(0, 1))
def test_the_interval_holds_the_rate_and_bounds_the_score(judged: int, share: float) -> None:
    passed = round(judged * share)
    low, high = pass_rate_interval(passed, judged)
    assert low is not None
    assert high is not None
    assert 0 <= low <= passed / judged <= high <= 1
    for bound in (low, high):  # Wilson's definition: the rates that are 1.96 standard errors from what was seen
        if 0 < bound < 1:
            score = abs(passed / judged - bound) / math.sqrt(bound * (1 - bound) / judged)
            assert score == pytest.approx(1.959964, abs=1e-5)


def test_the_interval_of_published_examples() -> None:
    assert pass_rate_interval(0, 0) == (None, None)
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3 (the score interval without continuity correction)
    assert pass_rate_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert pass_rate_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert pass_rate_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert pass_rate_interval(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_a_series_counts_what_came_what_did_not_and_what_was_not_believed() -> None:
    interrupted = read(GOLDEN / "interruption_followed_by_an_answer.json")
    made = statistics(series(PASS, interrupted, ABSENT, CRASH, required=2))
    assert (made.runs, made.passed, made.failed, made.inconclusive) == (4, 2, 1, 1)
    assert made.pass_rate == pytest.approx(2 / 3)
    assert made.exit_code == 0
    spreads = {spread.name: spread for spread in made.measurements}
    assert (spreads["agent_join"].n, spreads["agent_join"].misses) == (2, 1)
    turns = [reading for record in (PASS, interrupted, ABSENT) for reading in record.prober.turns]
    responses = spreads["response"]
    assert responses.n + responses.misses + responses.unusable == len(turns)
    assert responses.unusable == 1  # the agent spoke over our sentence
    assert responses.misses == len(ABSENT.prober.turns)
    assert spreads["trial"].misses == 0
    assert "yield_time" not in spreads  # nobody was interrupted, so nobody failed to yield


def test_what_a_run_need_not_have_is_no_miss() -> None:
    direct = tuple(event for event in conversation() if not isinstance(event, TrialRequested) and event.at < 1.5)
    optional = msgspec.structs.replace(CONVERSATION, greeting=Greeting.OPTIONAL, turns=(TurnPlan(),))
    record = msgspec.structs.replace(derive(HEAD, optional, direct), outcome=Outcome.FAIL)
    spreads = {spread.name: spread for spread in statistics(series(record)).measurements}
    assert not {"trial", "greeting"} & set(spreads)
    assert spreads["response"] == Spread(
        name="response", n=0, misses=1, unusable=0, min=None, median=None, p90=None, p95=None, p99=None, max=None
    )


def test_inconclusive_runs_alone_say_nothing() -> None:
    made = statistics(series(CRASH, CRASH))
    assert (made.pass_rate, made.pass_rate_low, made.pass_rate_high, made.measurements) == (None, None, None, ())


@pytest.mark.parametrize(
    ("records", "required", "code"),
    [
        ((PASS, PASS), 2, 0),
        ((PASS, MISSED), 2, 3),
        ((PASS, MISSED), 1, 0),
        ((PASS, ABSENT), 2, 1),
        ((PASS, ABSENT), 1, 0),
        ((MISSED, ABSENT), 1, 3),
        ((PASS, CRASH), 2, 4),
        ((PASS, CRASH, ABSENT), 2, 1),
        ((PASS, CRASH, ABSENT), 1, 0),
        ((CRASH,), 1, 4),
    ],
)
def test_enough_runs_that_work_are_enough(records: tuple[RunRecord, ...], required: int, code: int) -> None:
    made = series(*records, required=required)
    assert made.exit_code == code
    assert any(record.exit_code and not made.tolerated(record) for record in records) == (code != 0)


def test_of_several_series_the_worst_counts() -> None:
    other = msgspec.structs.replace(ABSENT, target="bank")
    shop, bank = in_series(((PASS, PASS), (), (other,)), required=1)
    assert (shop.target, len(shop.records), bank.target, len(bank.records)) == ("shop", 2, "bank", 1)
    assert worst((shop.exit_code, bank.exit_code)) == 1
    assert [worst(WORST_FIRST[place:]) for place in range(4)] == [1, 4, 3, 0]


def test_outlines_that_went_through_storage_say_the_same() -> None:
    made = series(PASS, ABSENT, CRASH, MISSED)
    kept = [msgspec.json.decode(msgspec.json.encode(outline(record)), type=Outline) for record in made.records]
    whole = msgspec.structs.asdict(statistics(made))
    assert {**whole, **msgspec.structs.asdict(summarize("shop", "conversation", kept))} == whole


def test_of_two_orders_alike_one_does_not_stand_in_for_the_other() -> None:
    assert [one.exit_code for one in in_series([[PASS], [ABSENT]], required=1)] == [0, 1]
