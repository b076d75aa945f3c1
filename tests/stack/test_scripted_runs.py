"""What a scripted agent does to a run. All calls are made first, two at a time: most of a call is waiting."""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import pytest
import pytest_asyncio

from prober.core.events import UtteranceEnded
from prober.core.plan import BargeIn, Expectations, Greeting, TurnPlan
from prober.core.reasons import Outcome, Reason
from prober.core.record import RunRecord
from prober.core.timeline import Timeline
from prober.refstack.script import Greeting as ScriptedGreeting
from prober.refstack.script import Script
from prober.refstack.stack import ReferenceStack
from tests.stack.calibration import agent_fell_silent, truth_of
from tests.stack.runs import BESIDE_OTHERS, CONVERSATION, make_scripted_run

REST = 0.022
"""Seconds that an answer takes beyond the way to the agent and our jitter buffer; 0.014 to 0.049 in 36 turns."""
WAY_BACK = 0.035
"""Seconds from the agent to our ear without our jitter buffer; 0.022 to 0.046 in 54 calls."""

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


class Call(NamedTuple):
    """What the agent does, what is expected of it, and what we say."""

    script: Script
    expectations: Expectations
    say: str


def _over_it(barge_in: BargeIn) -> Expectations:
    return msgspec.structs.replace(BESIDE_OTHERS, turns=(TurnPlan(barge_in=barge_in),))


LONG = ScriptedGreeting(delay=0.5, seconds=9.0)
CALLS = {
    "greets": Call(
        Script(greeting=ScriptedGreeting(delay=0.5, seconds=1.5), replies=(1.5,)),
        msgspec.structs.replace(BESIDE_OTHERS, greeting=Greeting.OPTIONAL),
        "en-hours",
    ),
    "interrupts": Call(
        Script(interrupt_after=0.3, interrupt_seconds=0.5, replies=(1.0,)),
        CONVERSATION,
        "en-hours",
    ),
    "yields": Call(
        Script(greeting=LONG, yield_after=0.9, replies=(1.0,)),
        _over_it(BargeIn(after=1.0)),
        "en-stop",
    ),
    "talks on": Call(
        Script(greeting=LONG),
        _over_it(BargeIn(after=1.0, within=2.0)),
        "en-stop",
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def records(scripted_stack: ReferenceStack) -> Mapping[str, RunRecord]:
    door, lanes = asyncio.Lock(), asyncio.Semaphore(2)

    async def made(call: Call) -> RunRecord:
        async with lanes:
            return await make_scripted_run(scripted_stack, call.script, call.expectations, say=(call.say,), door=door)

    return dict(zip(CALLS, await asyncio.gather(*map(made, CALLS.values())), strict=True))


async def test_a_greeting_is_never_taken_for_the_answer(
    scripted_stack: ReferenceStack, records: Mapping[str, RunRecord]
) -> None:
    record = records["greets"]
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


async def test_an_interruption_is_recorded_and_the_turn_has_no_number(records: Mapping[str, RunRecord]) -> None:
    record = records["interrupts"]
    assert record.outcome is Outcome.PASS, record.message
    assert record.measurements.responses == (None,)
    assert record.prober.turns[0].void == "the agent spoke over our sentence"


async def test_the_time_an_agent_takes_to_yield_is_measured(
    scripted_stack: ReferenceStack, records: Mapping[str, RunRecord]
) -> None:
    """The agent stops some 4 s into its sentence, 0.2 s or more from any sound that is too short to be surely speech.

    Cut off 3.75 s into it, it leaves 40 ms of a syllable behind a pause: the end of that is no one's to tell.
    When exactly it stops is told by its log: a jitter buffer of its own decides when it hears us.
    """
    record = records["yields"]
    assert record.outcome is Outcome.PASS, record.message
    (reading,) = record.prober.turns
    assert reading.yield_void is None
    (turn,) = Timeline(record.timeline).turns()
    truth = agent_fell_silent(scripted_stack, record) - turn.began
    assert 0.9 <= truth <= 1.2
    assert reading.jitter_buffer is not None
    assert record.measurements.yield_time == pytest.approx(truth + WAY_BACK + reading.jitter_buffer, abs=0.06)
    assert reading.void is None


async def test_an_agent_that_talks_on_ignored_us(records: Mapping[str, RunRecord]) -> None:
    record = records["talks on"]
    assert (record.reason, record.measurements.yield_time) == (Reason.BARGE_IN_IGNORED, None)
