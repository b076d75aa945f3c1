"""A run's phases as bars: drawn from its timeline, with the record's own numbers beside them."""

from pathlib import Path

import msgspec
import pytest

from prober.core.events import AgentSpeechStarted, AgentSpeechStopped, Leaving
from prober.core.plan import Greeting
from prober.core.record import RunRecord
from prober.watch.web.pages.waterfall import Waterfall, waterfall
from tests.golden.regenerate import GOLDEN, read

RECORDS = sorted(GOLDEN.glob("*.json"))


def golden(name: str) -> RunRecord:
    return read(GOLDEN / f"{name}.json")


def flow(name: str, sound: float | None = None) -> Waterfall:
    made = waterfall(golden(name), sound)
    assert made is not None
    return made


def bars(made: Waterfall) -> dict[str, tuple[str, list[tuple[float, float]]]]:
    """Each row's value, and its bars in seconds."""
    return {
        row.name: (
            row.value,
            [(round(bar.begin * made.seconds, 9), round(bar.end * made.seconds, 9)) for bar in row.bars],
        )
        for row in made.rows
    }


def test_every_phase_stands_where_it_was() -> None:
    assert bars(flow("pass_barge_in")) == {
        "trial": ("0.200 s", [(0.0, 0.2)]),
        "room_join": ("0.100 s", [(0.2, 0.3)]),
        "agent_join": ("0.500 s", [(0.3, 0.8)]),
        "agent_ready": ("0.100 s", [(0.8, 0.9)]),
        "time_to_ready": ("1.000 s", [(0.0, 1.0)]),
        "greeting": ("0.500 s", [(1.0, 1.5)]),
        "caller speaks": ("1.0 s", [(4.5, 5.5)]),
        "agent speaks": ("4.7 s", [(1.5, 5.2), (6.25, 7.25)]),
        "response 1": ("0.750 s", [(5.5, 6.25)]),
        "yield_time 1": ("0.700 s", [(4.5, 5.2)]),
    }


def test_the_axis_ends_with_the_run_or_with_its_sound() -> None:
    record = golden("pass_barge_in")
    leaving = next(event.at for event in record.timeline if isinstance(event, Leaving))
    assert flow("pass_barge_in").seconds == leaving
    assert flow("pass_barge_in", sound=12.5).seconds == 12.5


def test_measured_moments_are_marked_in_order() -> None:
    made = flow("pass_barge_in")
    assert [(moment.label, moment.seconds) for moment in made.moments] == [
        ("greeting begins", 1.5),
        ("turn 1: agent has yielded", 5.2),
        ("turn 1: our speech ends", 5.5),
        ("turn 1: answer begins", 6.25),
    ]
    assert [(one.label, round(one.begin * made.seconds, 9)) for one in made.stretches] == [("0.750 s", 5.5)]


def test_the_phase_that_never_ended_stays_open() -> None:
    made = flow("agent_absent")
    assert [(row.name, row.bars[0].open) for row in made.rows] == [
        ("trial", False),
        ("room_join", False),
        ("agent_join", True),
    ]
    assert made.rows[-1].value.startswith("did not come in 20")


def test_what_nobody_waited_for_is_not_missed() -> None:
    record = golden("agent_no_response")
    for greeting, rows in ((Greeting.EXPECTED, ["greeting"]), (Greeting.OPTIONAL, []), (Greeting.NONE, [])):
        expected = msgspec.structs.replace(record.expectations, greeting=greeting)
        silent = tuple(
            event for event in record.timeline if not isinstance(event, AgentSpeechStarted | AgentSpeechStopped)
        )
        made = waterfall(msgspec.structs.replace(record, expectations=expected, timeline=silent))
        assert made is not None
        assert [row.name for row in made.rows if row.bars[0].open and "response" not in row.name] == rows


def test_what_a_run_that_was_not_judged_did_not_see_is_not_called_absent() -> None:
    row = next(row for row in flow("prober_crash").rows if row.bars[0].open)
    assert row.value.startswith("was not seen in")


@pytest.mark.parametrize(
    ("name", "row", "begins"),
    [
        ("interruption_followed_by_an_answer", "response 1", "no number: the agent spoke over our sentence"),
        ("agent_no_response", "response 1", "did not come"),
    ],
)
def test_a_number_that_was_not_believed_is_not_shown_as_one(name: str, row: str, begins: str) -> None:
    assert bars(flow(name))[row][0].startswith(begins)


def test_an_answer_that_never_came_is_waited_for_until_the_end() -> None:
    row = next(row for row in flow("agent_no_response").rows if row.name == "response 1")
    assert row.bars[0].open


def test_where_nothing_happened_there_is_nothing_to_draw() -> None:
    record = golden("pass_join")
    assert waterfall(msgspec.structs.replace(record, timeline=())) is None


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_every_record_fits_on_its_axis(path: Path) -> None:
    made = waterfall(read(path))
    assert made is not None
    for row in made.rows:
        assert all(0 <= bar.begin <= bar.end <= 1 for bar in row.bars), row
    assert all(0 <= moment.at <= 1 for moment in made.moments)
