"""A run's page: of every golden record, in words that fit it."""

from pathlib import Path

import msgspec
import pytest

from prober.core.reasons import Outcome
from prober.core.record import RunRecord, rederive
from prober.watch.web.pages.answers import Tone
from prober.watch.web.pages.run import RunPage, run_page
from prober.watch.web.pages.sound import Sound
from tests.golden.regenerate import GOLDEN, read

RECORDS = sorted(GOLDEN.glob("*.json"))
TONES = {Outcome.PASS: Tone.GOOD, Outcome.FAIL: Tone.BAD, Outcome.INCONCLUSIVE: Tone.UNKNOWN}


def golden(name: str) -> RunRecord:
    return read(GOLDEN / f"{name}.json")


def page(name: str, sound: Sound | None = None, *, recorded: bool = False) -> RunPage:
    return run_page(golden(name), sound, recorded=recorded)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_the_page_says_what_the_record_says(path: Path) -> None:
    record = read(path)
    made = run_page(record, None, recorded=False)
    assert made.tone is TONES[record.outcome]
    assert made.message == (record.message or "Everything that was asked for happened in time.")
    assert (made.look, made.reason) == (record.look, record.reason)
    assert made.why == record.diagnosis
    assert (made.whose is None) == (made.why is None)
    assert made.today is None
    assert made.silence is not None
    assert made.silence.startswith("There is no recording")
    assert len(made.turns) == len(record.prober.turns)
    assert made.moments[0] == ("0.000", "run started")


def test_todays_rules_are_told_where_they_judge_otherwise() -> None:
    old: RunRecord = msgspec.structs.replace(golden("agent_absent"), outcome=Outcome.PASS, reason=None, message="")
    assert run_page(old, None, recorded=False).today == "fail agent_absent"


def test_a_missed_objective_is_told_in_the_verdict() -> None:
    record = golden("pass_conversation")
    (first, *_) = record.objectives or (None,)
    assert first is None  # the golden has none: give it one that it misses
    expected = msgspec.structs.replace(record.expectations, objectives={"response": 0.5, "agent_join": 9.0})
    slow = run_page(_again(record, expected), None, recorded=False)
    assert (slow.tone, slow.verdict) == (Tone.SLOW, "pass, objective missed")
    assert slow.message.startswith("It worked, but response took")
    assert [(one.name, one.met) for one in slow.objectives] == [("response", "missed"), ("agent_join", "met")]


def test_a_recording_that_cannot_be_read_is_not_passed_over() -> None:
    assert page("agent_left", recorded=True).silence == "The recording of this run cannot be read."


def test_the_sound_lies_on_the_axis_of_the_phases() -> None:
    sound = Sound(seconds=30.0, caller=((-0.5, 0.5),) * 2, agent=((0.0, 0.0),) * 2)
    made = page("pass_conversation", sound, recorded=True)
    assert made.silence is None
    assert made.waterfall is not None
    assert made.waterfall.seconds == made.sound_seconds == 30.0
    assert [(name, kind) for name, kind, _ in made.sounds] == [("caller", "ours"), ("agent", "agent")]


def test_what_is_not_known_is_no_zero() -> None:
    (turn,) = page("agent_no_response").turns[:1]
    assert (turn.response, turn.drift, turn.lost, turn.concealed) == ("did not come", "-", "-", "-")


def test_who_was_there_and_what_was_left_behind_is_told() -> None:
    record: RunRecord = msgspec.structs.replace(golden("pass_join"), left_behind=("room trial_1_a: status 500",))
    made = run_page(record, None, recorded=False)
    assert made.left_behind == ("room trial_1_a: status 500",)
    assert made.participants == (("agent-AJ_1", "the agent"),)


def _again(record: RunRecord, expectations: object) -> RunRecord:
    changed: RunRecord = msgspec.structs.replace(record, expectations=expectations)
    return rederive(changed)
