"""A measurement over time: nothing is shown that was not measured, and nothing that is missing is hidden."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.core.statistics import Tally
from prober.sinks.entries import Entry
from prober.watch.web.pages.trend import MOST, Trend, trend

MINUTE = 60.0


def entry(minute: float, *values: float, misses: int = 0, unusable: int = 0, outcome: str = "pass") -> Entry:
    return Entry(
        run_id=f"{round(minute * 60):016x}",
        target="shop",
        scenario="join",
        trigger="scheduled",
        started_at=minute * MINUTE,
        seconds=5.0,
        outcome=outcome,
        reason=None,
        exit_code=0,
        labels={},
        tallies={"agent_join": Tally(values=values, misses=misses, unusable=unusable)},
    )


def plot(*entries: Entry, until: float | None = None, **other: Any) -> Trend:
    end = entries[-1].started_at if until is None else until * MINUTE
    options = {"since": entries[0].started_at, "until": end, "interval": MINUTE, "limit": None, **other}
    made = trend("agent_join", entries, **options)
    assert made is not None
    return made


def test_values_lie_where_they_were_measured_and_are_joined() -> None:
    made = plot(entry(0, 1.0), entry(1, 2.0), entry(2, 0.5))
    assert [dot.x for dot in made.dots] == [0, 0.5, 1]
    top = 2.0 * 1.15
    assert [dot.y for dot in made.dots] == pytest.approx([1 - 1 / top, 1 - 2 / top, 1 - 0.5 / top])
    assert made.lines == (tuple((dot.x, dot.y) for dot in made.dots),)
    assert made.dots[1].title == "1970-01-01 00:01:00 UTC: agent_join 2.000 s (pass)"
    assert made.sentence == "agent_join: 3 values, from 0.50 to 2.00 s, 0 did not come"


def test_what_did_not_come_is_marked_and_breaks_the_line() -> None:
    made = plot(entry(0, 1.0), entry(1, 1.0), entry(2, misses=1, outcome="fail"), entry(3, 1.0), entry(4, 1.0))
    assert [len(line) for line in made.lines] == [2, 2]
    assert [(mark.kind, mark.x, mark.title) for mark in made.marks] == [
        ("missed", 0.5, "1970-01-01 00:02:00 UTC: agent_join did not come (fail)")
    ]


def test_what_was_not_believed_and_runs_not_judged_are_no_values() -> None:
    made = plot(entry(0, 1.0), entry(1, unusable=1), entry(2, 9.0, outcome="inconclusive"), entry(3, 1.0))
    assert [dot.x for dot in made.dots] == [0, 1]
    assert [mark.kind for mark in made.marks] == ["unusable", "unjudged"]
    assert made.lines == ()
    assert made.sentence.startswith("agent_join: 2 values, from 1.00 to 1.00 s")


def test_of_several_values_the_slowest_is_shown_and_all_are_told() -> None:
    made = plot(entry(0, 0.5, 2.0), entry(1, 1.0, misses=1, outcome="fail"))
    assert made.dots[0].y == pytest.approx(1 - 2 / 2.3)
    assert "0.500 s and 2.000 s" in made.dots[0].title
    assert "1.000 s, 1 did not come" in made.dots[1].title
    assert [mark.kind for mark in made.marks] == ["missed"]


def test_times_in_which_nobody_looked_are_gaps() -> None:
    made = plot(entry(0, 1.0), entry(1, 1.0), entry(7, 1.0), entry(8, 1.0), until=12)
    after = (MINUTE + 5) / (12 * MINUTE)
    assert made.gaps == pytest.approx([(after, 7 / 12), ((8 * MINUTE + 5) / (12 * MINUTE), 1.0)])
    assert [len(line) for line in made.lines] == [2, 2]


def test_the_objective_is_drawn_where_it_can_be_seen_and_what_is_over_it_told() -> None:
    made = plot(entry(0, 1.0), entry(1, 2.0), limit=1.5)
    assert made.objective == pytest.approx(1 - 1.5 / 2.3)
    assert [dot.over for dot in made.dots] == [False, True]
    far = plot(entry(0, 1.0), entry(1, 2.0), limit=10)
    assert (far.limit, far.objective) == (10, None)
    assert plot(entry(0, 1.0), entry(1, 2.0)).objective is None
    alone = plot(entry(0, misses=1, outcome="fail"), entry(1, misses=1, outcome="fail"), limit=10)
    assert alone.objective == pytest.approx(1 - 1 / 1.15)


def test_there_is_no_plot_of_what_nobody_was_to_measure() -> None:
    runs = [entry(0, 1.0), entry(1, 1.0)]
    assert trend("response", runs, since=0, until=60, interval=MINUTE, limit=None) is None
    assert trend("agent_join", [], since=0, until=60, interval=MINUTE, limit=None) is None
    assert trend("agent_join", runs, since=0, until=0, interval=MINUTE, limit=None) is None


def test_of_too_many_runs_the_worst_of_each_stretch_stays() -> None:
    many = [entry(minute, 1.0) for minute in range(10 * MOST)]
    many[777] = entry(777, misses=1, outcome="fail")
    many[1234] = entry(1234, 3.0)
    made = plot(*many, until=10 * MOST)
    assert made.thinned
    assert not plot(*many[:MOST]).thinned
    assert len(made.dots) + len(made.marks) <= MOST
    assert [mark.run_id for mark in made.marks] == [many[777].run_id]
    assert [dot.run_id for dot in made.dots if dot.y < 0.5] == [many[1234].run_id]
    assert "the worst of 10 runs" in made.dots[0].title or "the worst of 11 runs" in made.dots[0].title
    assert made.sentence.startswith(f"agent_join: {10 * MOST - 1} values, from 1.00 to 3.00 s, 1 did not come")


RUNS = st.builds(
    lambda minute, values, misses, outcome: entry(minute, *values, misses=misses, outcome=outcome),
    st.integers(0, 300),
    st.lists(st.floats(0, 100), max_size=2),
    st.integers(0, 1),
    st.sampled_from(["pass", "fail", "inconclusive", "of another version"]),
)


@given(runs=st.lists(RUNS, min_size=1, max_size=40), limit=st.none() | st.floats(0.01, 100))
def test_everything_lies_inside_and_every_value_is_there(runs: list[Entry], limit: float | None) -> None:
    made = trend("agent_join", runs, since=0, until=301 * MINUTE, interval=MINUTE, limit=limit)
    assert made is not None
    places = [*((dot.x, dot.y) for dot in made.dots), *((mark.x, 0.5) for mark in made.marks)]
    assert all(0 <= x <= 1 and -1e-9 <= y <= 1 for x, y in places)
    assert len(made.dots) == sum(
        bool(run.tallies["agent_join"].values) for run in runs if run.outcome != "inconclusive"
    )
    assert all(0 <= begin < end <= 1 for begin, end in made.gaps)
