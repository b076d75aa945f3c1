"""What the words about a run must not leave out."""

import msgspec

from prober.core.events import AnchorsAsked, CleanedUp, UtteranceStarted
from prober.core.plan import BargeIn
from prober.core.record import RunRecord
from prober.sinks import narration, text
from tests.golden.regenerate import GOLDEN, read


def interrupting(record: RunRecord) -> RunRecord:
    """The same, but each of our sentences was meant to interrupt the agent."""
    turns = tuple(msgspec.structs.replace(turn, barge_in=BargeIn()) for turn in record.expectations.turns)
    return msgspec.structs.replace(
        record,
        expectations=msgspec.structs.replace(record.expectations, turns=turns),
        timeline=tuple(
            msgspec.structs.replace(event, barge_in=True) if isinstance(event, UtteranceStarted) else event
            for event in record.timeline
        ),
    )


def test_the_verdict_says_that_an_interruption_found_nobody_to_interrupt() -> None:
    quiet = read(GOLDEN / "pass_conversation.json")
    assert "interrupted nobody" not in text.verdict(quiet)
    assert "(turn 1 interrupted nobody)" in text.verdict(interrupting(quiet))
    assert "interrupted nobody" not in text.verdict(read(GOLDEN / "pass_barge_in.json"))


def test_a_clean_up_step_is_told_by_its_name_and_a_single_host_in_the_singular() -> None:
    step = CleanedUp(at=1.0, resource="trial", name="end", ok=False, detail="status 404")
    room = CleanedUp(at=1.0, resource="room", name="r1", ok=True, detail="deleted")
    assert narration.moment(step) == "   1.000 s  clean-up step 'end': status 404"
    assert narration.moment(room) == "   1.000 s  room r1 deleted"
    assert narration.moment(AnchorsAsked(at=1.0, answered=0, of=1)) == "   1.000 s  0 of 1 independent host answers"
