import msgspec
import pytest

from prober.core.events import UtteranceEnded
from prober.core.plan import BargeIn, Greeting, TurnPlan
from prober.core.reasons import Outcome, Reason
from prober.core.timeline import Timeline
from prober.refstack.script import Greeting as ScriptedGreeting
from prober.refstack.script import Script
from prober.refstack.stack import ReferenceStack
from tests.stack.calibration import agent_fell_silent, truth_of
from tests.stack.runs import BESIDE_OTHERS, make_run

REST = 0.022
"""Seconds that an answer takes beyond the way to the agent and our jitter buffer; 0.014 to 0.049 in 36 turns."""
WAY_BACK = 0.035
"""Seconds from the agent to our ear without our jitter buffer; 0.022 to 0.046 in 54 calls."""

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


async def test_a_greeting_is_never_taken_for_the_answer(scripted_stack: ReferenceStack) -> None:
    scripted_stack.knobs.agent_metadata = Script(
        greeting=ScriptedGreeting(delay=0.5, seconds=1.5), replies=(1.5,)
    ).to_json()
    record = await make_run(scripted_stack, msgspec.structs.replace(BESIDE_OTHERS, greeting=Greeting.OPTIONAL))
    assert record.outcome is Outcome.PASS, record.message
    assert [reading.void for reading in record.prober.turns] == [None]
    (turn,) = truth_of(scripted_stack, record, (1.5,)).turns
    assert turn.truth is not None
    assert turn.own == pytest.approx(turn.truth + REST, abs=0.06)
    spoke, _ = Timeline(record.timeline).agent_speech()
    ended = Timeline(record.timeline).first(UtteranceEnded)
    assert ended is not None
    assert spoke.stopped is not None
    assert spoke.stopped < ended.at


async def test_an_interruption_is_recorded_and_the_turn_has_no_number(scripted_stack: ReferenceStack) -> None:
    scripted_stack.knobs.agent_metadata = Script(interrupt_after=0.3, interrupt_seconds=0.5, replies=(1.0,)).to_json()
    record = await make_run(scripted_stack)
    assert record.outcome is Outcome.PASS, record.message
    assert record.measurements.responses == (None,)
    assert record.prober.turns[0].void == "the agent spoke over our sentence"


async def test_the_time_an_agent_takes_to_yield_is_measured(scripted_stack: ReferenceStack) -> None:
    """The agent stops some 4 s into its sentence, 0.2 s or more from any sound that is too short to be surely speech.

    Cut off 3.75 s into it, it leaves 40 ms of a syllable behind a pause: the end of that is no one's to tell.
    When exactly it stops is told by its log: a jitter buffer of its own decides when it hears us.
    """
    scripted_stack.knobs.agent_metadata = Script(
        greeting=ScriptedGreeting(delay=0.5, seconds=9.0), yield_after=0.9, replies=(1.0,)
    ).to_json()
    over_it = msgspec.structs.replace(BESIDE_OTHERS, turns=(TurnPlan(barge_in=BargeIn(after=1.0)),))
    record = await make_run(scripted_stack, over_it, say=("en-stop",))
    assert record.outcome is Outcome.PASS, record.message
    (reading,) = record.prober.turns
    assert reading.yield_void is None
    (turn,) = Timeline(record.timeline).turns()
    truth = agent_fell_silent(scripted_stack, record) - turn.began
    assert 0.9 <= truth <= 1.2
    assert reading.jitter_buffer is not None
    assert record.measurements.yield_time == pytest.approx(truth + WAY_BACK + reading.jitter_buffer, abs=0.06)
    assert reading.void is None


async def test_an_agent_that_talks_on_ignored_us(scripted_stack: ReferenceStack) -> None:
    scripted_stack.knobs.agent_metadata = Script(greeting=ScriptedGreeting(delay=0.5, seconds=9.0)).to_json()
    over_it = msgspec.structs.replace(BESIDE_OTHERS, turns=(TurnPlan(barge_in=BargeIn(after=1.0, within=2.0)),))
    record = await make_run(scripted_stack, over_it, say=("en-stop",))
    assert (record.reason, record.measurements.yield_time) == (Reason.BARGE_IN_IGNORED, None)
