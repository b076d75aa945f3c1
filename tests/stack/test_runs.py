import asyncio
import os
import signal
from pathlib import Path

import msgspec
import psutil
import pytest
import soundfile  # type: ignore[import-untyped]  # has no stubs

from prober.core.events import AgentJoined, AnswerMatched, Event, ReadyToSpeak
from prober.core.plan import Deadlines, Expectations, Ready, Scenario, TurnPlan
from prober.core.reasons import Outcome, Reason
from prober.core.timeline import Timeline
from prober.refstack.stack import ReferenceStack
from tests.stack.runs import CONVERSATION, assert_cleaned_up, make_run, rooms

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

HURRIED = msgspec.structs.replace(
    CONVERSATION, turns=(TurnPlan(reply_within=2.5),), deadlines=Deadlines(agent_join=3.0)
)


async def test_a_healthy_conversation_is_measured_in_full(stack: ReferenceStack, tmp_path: Path) -> None:
    read = msgspec.structs.replace(CONVERSATION, turns=(TurnPlan(expect_text="nine to five"),))
    record = await make_run(stack, read, recording=tmp_path / "run.wav")
    assert record.outcome is Outcome.PASS, record.message
    assert Timeline(record.timeline).first(AnswerMatched) is not None
    measured = msgspec.to_builtins(record.measurements)
    assert measured.pop("yield_time") is None
    (response,) = measured.pop("responses")
    assert None not in measured.values()
    assert record.prober.turns[0].void is None
    assert record.prober.turns[0].jitter_buffer is not None
    assert_cleaned_up(record)
    assert record.room not in await rooms(stack)
    assert [(person.kind, person.agent) for person in record.participants] == [("agent", True)]
    sound, rate = soundfile.read(tmp_path / "run.wav")
    (turn,) = Timeline(record.timeline).turns()
    assert turn.ended is not None
    assert turn.answered is not None
    assert turn.answered - turn.ended == pytest.approx(response)
    ours, theirs = sound[:, 0], sound[:, 1]
    assert abs(ours[round((turn.began + 0.1) * rate) : round(turn.ended * rate)]).max() > 0.1
    assert abs(theirs[round(turn.ended * rate) : round((turn.answered - 0.02) * rate)]).max() < 0.01
    assert abs(theirs[round(turn.answered * rate) : round((turn.answered + 0.3) * rate)]).max() > 0.05


async def test_join_looks_without_listening(stack: ReferenceStack) -> None:
    record = await make_run(stack, Expectations(scenario=Scenario.JOIN, ready=Ready.TRACK))
    assert record.outcome is Outcome.PASS, record.message
    assert record.measurements.time_to_ready is not None
    assert record.measurements.responses == ()
    assert_cleaned_up(record)


async def test_an_agent_that_was_there_first_joined_after_nothing(stack: ReferenceStack) -> None:
    stack.knobs.agent_first = True
    try:
        record = await make_run(stack, Expectations(scenario=Scenario.JOIN))
    finally:
        stack.knobs.agent_first = False
    assert record.outcome is Outcome.PASS, record.message
    assert record.measurements.agent_join == 0.0
    agent = Timeline(record.timeline).first(AgentJoined)
    assert agent is not None
    assert agent.before_us


async def test_a_killed_child_is_ours_and_its_room_is_deleted(stack: ReferenceStack) -> None:
    def kill(event: Event) -> None:
        if isinstance(event, ReadyToSpeak):
            for process in psutil.Process().children(recursive=True):
                if "prober.child.main" in process.cmdline():
                    os.kill(process.pid, signal.SIGKILL)

    record = await make_run(stack, on_event=kill)
    assert (record.outcome, record.reason) == (Outcome.INCONCLUSIVE, Reason.PROBER_CRASH)
    assert record.measurements.agent_join is not None
    assert_cleaned_up(record)
    assert record.room not in await rooms(stack)


async def test_an_operators_stop_is_nobodys_failure_and_leaves_nothing(stack: ReferenceStack) -> None:
    stop = asyncio.Event()

    def stop_soon(event: Event) -> None:
        if isinstance(event, ReadyToSpeak):
            stop.set()

    record = await make_run(stack, on_event=stop_soon, stop=stop)
    assert (record.outcome, record.reason) == (Outcome.INCONCLUSIVE, Reason.INTERRUPTED)
    assert_cleaned_up(record)
    assert record.room not in await rooms(stack)
