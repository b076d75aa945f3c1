"""What the first page and a target's page show, from a status."""

from pathlib import Path
from typing import Any

import pytest

from prober.core.plan import Scenario
from prober.sinks.history import reading
from prober.sinks.keeper import State
from prober.watch.schedule import SkipReason
from prober.watch.web.pages import kept
from prober.watch.web.pages.answers import Tone
from prober.watch.web.pages.overview import overview, troubles
from prober.watch.web.pages.target import CELLS, target_page
from tests import page_history
from tests.page_history import NOW


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An hour of two targets; one has failed since four minutes."""
    path = tmp_path_factory.mktemp("canary") / "history.db"
    bad = [page_history.made("eu", Scenario.JOIN, NOW - 240, page_history.absent())]
    bad += [page_history.made("eu", Scenario.JOIN, NOW - 200, page_history.absent(), "confirm")]
    page_history.keep(path, [*page_history.day("shop"), *page_history.day("eu", until=NOW - 270), *bad])
    return path


def test_the_first_page_shows_each_target_the_worst_first(history: Path) -> None:
    page = overview(page_history.status(*page_history.both(history, "shop"), *page_history.both(history, "eu")))
    assert [(group.tone, group.names) for group in page.groups] == [(Tone.BAD, ("eu",)), (Tone.GOOD, ("shop",))]
    assert [view.name for view in page.targets] == ["eu", "shop"]
    assert [line.scenario for line in page.targets[0].lines] == ["join", "conversation"]
    assert page.troubles == ()


def test_a_line_shows_its_runs_and_its_measurement(history: Path) -> None:
    join, conversation = overview(page_history.status(*page_history.both(history, "eu"))).targets[0].lines
    assert [(cell.tone, cell.confirm) for cell in join.cells[-3:]] == [
        (Tone.GOOD, False),
        (Tone.BAD, False),
        (Tone.BAD, True),
    ]
    assert join.cells[-1].title == "2026-03-02 14:26:40 UTC: fail: agent_absent (confirm, 6 s)"
    assert join.trend is not None
    assert conversation.trend is not None
    assert (join.trend.name, conversation.trend.name) == ("agent_join", "response")
    assert [mark.kind for mark in join.trend.marks] == ["missed", "missed"]
    assert join.trend.limit == page_history.OBJECTIVES[Scenario.JOIN]["agent_join"]


@pytest.mark.parametrize(
    ("other", "rhythm"),
    [
        ({}, "every 60 s · next in 12 s"),
        ({"running": "confirm"}, "every 60 s · looking again now"),
        ({"running": "scheduled"}, "every 60 s · a run is under way"),
        ({"closed": SkipReason.MAINTENANCE}, "every 60 s · paused"),
        ({"closed": SkipReason.BUDGET}, "every 60 s · budget spent"),
        ({"due_in": None}, "every 60 s"),
        ({"interval": 300.0, "due_in": 200.0}, "every 5 min · next in 3 min"),
    ],
)
def test_a_line_says_when_it_looks(history: Path, other: dict[str, Any], rhythm: str) -> None:
    line = page_history.line(history, "shop", Scenario.JOIN, **other)
    assert overview(page_history.status(line)).targets[0].lines[0].rhythm == rhythm


def test_without_targets_there_is_nothing_to_say() -> None:
    page = overview(page_history.status())
    assert (page.groups, page.targets) == ((), ())


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"stopping": True}, "The canary is stopping: it starts no more runs."),
        ({"heartbeat_age": 600.0}, "The schedule has stood still for 10 min: what stands here is old."),
        (
            {"config_trouble": "targets.shop has no entry."},
            "The configuration in use is the one of 2026-03-01 14:30:00 UTC; "
            "the file is not: targets.shop has no entry.",
        ),
        ({"history": State(trouble="The disk is full.", waiting=3)}, "The disk is full. Runs that wait for it: 3."),
        ({"history": State(lost=2)}, "Runs that the history has lost since the start: 2."),
        ({"history": State(evidence_failures=1)}, "Runs whose evidence could not be kept: 1."),
    ],
)
def test_the_probers_own_trouble_stands_apart_and_changes_no_answer(
    history: Path, other: dict[str, Any], says: str
) -> None:
    page = overview(page_history.status(*page_history.both(history, "shop"), **other))
    assert page.troubles == (says,)
    assert [view.answer.tone for view in page.targets] == [Tone.GOOD]


def test_a_schedule_between_two_starts_does_not_stand_still() -> None:
    assert not list(troubles(page_history.status(heartbeat_age=59.9)))
    assert list(troubles(page_history.status(heartbeat_age=60.0)))


def test_a_targets_page_shows_its_window_with_percentiles_beside_their_n(history: Path) -> None:
    with reading(history) as runs:
        past = kept.since(runs, "eu", NOW - 3600)
    page = target_page(page_history.status(*page_history.both(history, "eu")), "eu", "1h", past, None)
    assert page is not None
    join, conversation = page.pasts
    assert join.rate == "55 of 56 runs worked · pass rate 98.2% of 56 judged (95 % interval 90.6% to 99.7%)"
    assert join.failed
    assert not conversation.failed
    assert join.columns == ("measurement", "n", "misses", "min", "median", "p90", "p95", "max")
    (agent_join,) = [row for row in join.rows if row[0] == "agent_join"]
    assert agent_join[1:3] == ("55", "1")
    trial = dict(zip(conversation.columns, conversation.rows[0], strict=True))
    assert (trial["n"], trial["p90"], trial["p95"]) == ("11", "0.200", "")  # too few values for it
    assert [plot.name for plot in join.trends] == ["agent_join", "time_to_ready"]
    assert [plot.name for plot in conversation.trends] == ["agent_join", "time_to_ready", "response"]


def test_a_targets_page_without_history_says_why_and_still_answers(history: Path) -> None:
    page = target_page(
        page_history.status(*page_history.both(history, "shop")), "shop", "6h", None, "The disk is gone."
    )
    assert page is not None
    assert (page.trouble, page.pasts, page.target.answer.tone) == ("The disk is gone.", (), Tone.GOOD)


def test_there_is_no_page_of_what_is_not_watched(history: Path) -> None:
    assert target_page(page_history.status(*page_history.both(history, "shop")), "other", "6h", None, None) is None


def test_a_long_strip_says_how_many_runs_are_left_out(tmp_path: Path) -> None:
    history = tmp_path / "history.db"
    page_history.keep(history, [run for run in page_history.day("shop", minutes=CELLS + 7) if run.scenario == "join"])
    with reading(history) as runs:
        past = kept.since(runs, "shop", NOW - 86_400)
    page = target_page(
        page_history.status(page_history.line(history, "shop", Scenario.JOIN)), "shop", "24h", past, None
    )
    assert page is not None
    assert (len(page.pasts[0].cells), page.pasts[0].more) == (CELLS, 7)
