from pathlib import Path

import msgspec
import pytest
import soundfile  # type: ignore[import-untyped]  # has no stubs

from prober.core.causes import Evidence
from prober.core.events import AgentJoined, AnswerMatched
from prober.core.plan import Deadlines, Expectations, Ready, Scenario, TurnPlan
from prober.core.reasons import Outcome, Reason
from prober.core.steps import trial_steps
from prober.core.timeline import Timeline
from prober.entry.cleanup import delete_room
from prober.refstack.faults import Fault
from prober.refstack.stack import ReferenceStack
from tests.stack.runs import BESIDE_OTHERS, CONVERSATION, assert_cleaned_up, key_of, make_run, rooms

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

HURRIED = msgspec.structs.replace(
    CONVERSATION, turns=(TurnPlan(reply_within=2.5),), deadlines=Deadlines(agent_join=3.0)
)


async def test_a_healthy_conversation_is_measured_in_full(stack: ReferenceStack, tmp_path: Path) -> None:
    read = msgspec.structs.replace(BESIDE_OTHERS, turns=(TurnPlan(expect_text="nine to five"),))
    record = await make_run(stack, read, recording=tmp_path / "run.wav")
    assert record.outcome is Outcome.PASS, record.message
    assert Timeline(record.timeline).first(AnswerMatched) is not None
    measured = msgspec.to_builtins(record.measurements)
    assert measured.pop("yield_time") is None
    (response,) = measured.pop("responses")
    assert None not in measured.values(), record.prober
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


async def test_a_key_under_another_name_of_the_host_is_told_as_that(stack: ReferenceStack) -> None:
    key = key_of(stack)
    elsewhere = msgspec.structs.replace(key, url=key.url.replace("127.0.0.1", "localhost"))
    entry = trial_steps(stack.trial_url_with(Fault.MISSING_TTS_KEY))
    record = await make_run(stack, HURRIED, entry=entry, key=elsewhere)
    assert record.room is not None
    assert (await delete_room(key, record.room)).detail == "deleted"
    assert record.reason is Reason.AGENT_ABSENT
    assert record.diagnosis is not None
    host = key.url.removeprefix("ws://127.0.0.1")
    assert (
        Evidence(
            "not told by LiveKit",
            f"the key is for localhost{host}, and the session is on 127.0.0.1{host}: "
            "give it the name that the product hands out",
        )
        in record.diagnosis.evidence
    )


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
