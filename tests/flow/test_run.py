import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import numpy as np
import pytest

from prober.child.vigil import watch_clocks
from prober.core.events import (
    AgentSpeechStarted,
    AgentSpeechStopped,
    AgentTrack,
    AnyEvent,
    Heartbeat,
    Leaving,
    SessionGranted,
    Suspended,
)
from prober.core.plan import (
    BargeIn,
    Deadlines,
    Expectations,
    Greeting,
    Ready,
    Scenario,
    Session,
    TurnPlan,
    WhenInterrupted,
)
from prober.core.reasons import Outcome, Reason, RunFault
from prober.core.record import RunRecord, derive
from prober.core.timeline import Timeline
from prober.fixtures import Clip
from prober.recorder import GRACE, Recorder
from prober.run import probe, silence
from tests.flow.scripted_room import Script, ScriptedCall, scripted
from tests.timelines import HEAD, join

pytestmark = pytest.mark.virtual_time

TWO_SECONDS = Clip(
    id="two-seconds",
    pcm=np.zeros(48_000, dtype=np.int16),
    reference=np.zeros(48_000, dtype=np.int16),
    rate=16_000,
    onset_sample=8_000,
    end_sample=40_000,
    transcript=None,
    bounds="sidecar",
)
CONVERSATION = Expectations(greeting=Greeting.EXPECTED, turns=(TurnPlan(),) * 2)
JOIN = Expectations(scenario=Scenario.JOIN)


async def run(
    script: Script,
    expectations: Expectations = CONVERSATION,
    *,
    enter: Callable[[Recorder], Awaitable[Session]] | None = None,
    calls: list[ScriptedCall] | None = None,
) -> RunRecord:
    """A whole run on a clock that jumps, with the child's heartbeat beside it."""
    recorder = Recorder(asyncio.get_running_loop().time, lambda _event: None)

    async def beat() -> None:
        while True:
            recorder.record(Heartbeat(at=recorder.elapsed(), cpu=0.0, rss=0))
            await asyncio.sleep(1.0)

    async def walk() -> Session:
        if enter is not None:
            return await enter(recorder)
        await asyncio.sleep(0.2)
        recorder.record(SessionGranted(at=recorder.elapsed(), server="ws://h", room="r"))
        return Session(url="ws://h", room="r", token="t")

    beating = asyncio.create_task(beat())
    clips = [TWO_SECONDS] * len(expectations.turns)
    await probe(expectations, clips, recorder, enter=walk, join=scripted(script, recorder, calls))
    beating.cancel()
    events: list[AnyEvent] = recorder.events  # type: ignore[assignment]  # every Event is one of AnyEvent
    return derive(HEAD, expectations, tuple(events))


async def test_a_healthy_conversation_passes_with_exact_numbers() -> None:
    record = await run(Script(replies=(0.75, 1.25)))
    assert record.outcome is Outcome.PASS, record.message
    found = msgspec.to_builtins(record.measurements)
    assert found.pop("responses") == pytest.approx((0.75, 1.25))
    assert found == pytest.approx(
        {
            "trial": None,
            "room_join": 0.0,
            "agent_join": 0.5,
            "agent_ready": 0.1,
            "time_to_ready": 0.9,
            "greeting": 0.8,
            "yield_time": None,
        }
    )


async def test_join_stays_to_see_the_agent_stay() -> None:
    record = await run(Script(), JOIN)
    assert record.outcome is Outcome.PASS
    assert record.measurements.agent_join == 0.5


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (Script(refuses=Reason.ROOM_REFUSED), Reason.ROOM_REFUSED),
        (Script(joins=None), Reason.AGENT_ABSENT),
        (Script(joins=20.4), Reason.AGENT_ABSENT),
        (Script(state=None), Reason.AGENT_NOT_READY),
        (Script(track=None), Reason.AGENT_NO_TRACK),
        (Script(greets=None), Reason.AGENT_SILENT),
        (Script(replies=(0.75, None)), Reason.AGENT_NO_RESPONSE),
        (Script(replies=(0.75, 10.2)), Reason.AGENT_NO_RESPONSE),
        (Script(leaves=2.0), Reason.AGENT_LEFT),
        (Script(breaks=RuntimeError("ours")), Reason.PROBER_INTERNAL),
    ],
    ids=lambda value: str(value) if isinstance(value, Reason) else "",
)
async def test_what_goes_wrong_is_named(script: Script, reason: Reason) -> None:
    record = await run(script)
    assert record.reason is reason, record.message


@pytest.mark.parametrize(
    ("joins", "outcome"), [(19.99, Outcome.PASS), (20.01, Outcome.FAIL)], ids=["in time", "too late"]
)
async def test_the_deadline_decides_and_not_the_grace(joins: float, outcome: Outcome) -> None:
    assert (await run(Script(joins=joins, replies=(0.5, 0.5)))).outcome is outcome


async def test_a_crash_during_the_hold_is_seen() -> None:
    assert (await run(Script(leaves=2.5), JOIN)).reason is Reason.AGENT_LEFT


async def test_an_optional_greeting_is_waited_for_in_full() -> None:
    optional = msgspec.structs.replace(CONVERSATION, greeting=Greeting.OPTIONAL)
    late = await run(Script(greets=9.0, replies=(0.75, 0.75)), optional)
    assert late.measurements.greeting == pytest.approx(8.8)
    assert late.measurements.responses == pytest.approx((0.75, 0.75))
    never = await run(Script(greets=None, replies=(0.75, 0.75)), optional)
    assert never.outcome is Outcome.PASS
    assert never.measurements.greeting is None


async def test_nobody_is_waited_for_where_no_greeting_is_meant() -> None:
    none = msgspec.structs.replace(CONVERSATION, greeting=Greeting.NONE)
    assert (await run(Script(greets=None, replies=(0.75, 0.75)), none)).measurements.responses == (0.75, 0.75)


async def test_an_agent_without_state_passes_where_its_track_is_the_sign() -> None:
    by_track = msgspec.structs.replace(CONVERSATION, ready=Ready.TRACK)
    record = await run(Script(state=None, replies=(0.75, 0.75)), by_track)
    assert (record.outcome, record.measurements.agent_ready) == (Outcome.PASS, None)


async def test_a_run_that_takes_too_long_ends_at_its_deadline() -> None:
    short = msgspec.structs.replace(CONVERSATION, deadlines=Deadlines(run=6.0))
    record = await run(Script(replies=(0.75, 0.75)), short)
    assert record.reason is Reason.RUN_DEADLINE
    leaving = next(event for event in record.timeline if isinstance(event, Leaving))
    assert leaving.at == pytest.approx(6.0 + GRACE)


async def test_an_interruption_that_ends_just_before_us_is_not_the_answer() -> None:
    record = await run(Script(interrupts=(1.0, 1.8), replies=(1.0, 0.75)))
    assert record.outcome is Outcome.PASS, record.message
    assert record.measurements.responses == pytest.approx((None, 0.75))


async def test_an_interruption_from_just_before_our_end_goes_on_as_the_answer() -> None:
    record = await run(Script(interrupts=(1.95, 3.5), replies=(None, 0.75)))
    assert record.outcome is Outcome.PASS, record.message
    assert record.measurements.responses == pytest.approx((None, 0.75))


async def test_an_interruption_without_an_answer_fails() -> None:
    record = await run(Script(interrupts=(0.5, 1.5), replies=(None, 0.75)))
    assert record.reason is Reason.AGENT_NO_RESPONSE


async def test_our_own_bug_is_told_before_we_leave() -> None:
    record = await run(Script(breaks=RuntimeError("ours")))
    assert record.message.startswith(
        "The prober has a bug, or its host lacks something. (RuntimeError at prober/run.py:"
    )


async def test_a_door_that_is_closed_is_the_targets_failure() -> None:
    async def closed(_recorder: Recorder) -> Session:
        raise RunFault(Reason.TRIAL_REJECTED, "step start: status 500")

    record = await run(Script(), enter=closed)
    assert record.reason is Reason.TRIAL_REJECTED
    assert "status 500" in record.message


async def test_a_cancelled_run_leaves_its_room() -> None:
    calls: list[ScriptedCall] = []
    running = asyncio.create_task(run(Script(joins=None), calls=calls))
    await asyncio.sleep(3.0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [call.left for call in calls] == [True]


INTERRUPTING = msgspec.structs.replace(CONVERSATION, turns=(TurnPlan(barge_in=BargeIn(after=1.0, within=2.0)),))


async def test_an_agent_that_yields_is_measured_and_answers() -> None:
    record = await run(Script(greets_for=9.0, yields=0.6, replies=(0.75,)), INTERRUPTING)
    assert record.outcome is Outcome.PASS, record.message
    assert record.measurements.yield_time == pytest.approx(0.6)
    assert record.measurements.responses == pytest.approx((0.75,))
    (spoken,) = Timeline(record.timeline).turns()
    assert spoken.began == pytest.approx(1.7 + 3.0 - 0.5)  # its warm-up is over when the first sound comes


@pytest.mark.parametrize(("yields", "outcome"), [(1.9, Outcome.PASS), (2.1, Outcome.FAIL), (None, Outcome.FAIL)])
async def test_an_agent_must_yield_in_time(yields: float | None, outcome: Outcome) -> None:
    record = await run(Script(greets_for=15.0, yields=yields, replies=(0.75,)), INTERRUPTING)
    assert record.outcome is outcome
    if outcome is Outcome.FAIL:
        assert record.reason is Reason.BARGE_IN_IGNORED
        assert record.message.startswith("Agent went on speaking when the caller interrupted it.")


async def test_where_there_is_nothing_to_interrupt_there_is_no_number() -> None:
    record = await run(Script(greets_for=1.0, replies=(0.75,)), INTERRUPTING)
    assert (record.outcome, record.measurements.yield_time) == (Outcome.PASS, None)
    assert record.prober.turns[0].yield_void == "the agent was silent already when we interrupted it"


async def test_an_interruption_fails_only_where_the_scenario_says_so() -> None:
    strict = msgspec.structs.replace(CONVERSATION, interruption=WhenInterrupted.FAIL)
    interrupting = Script(interrupts=(0.5, 1.5), replies=(1.0, 0.75))
    assert (await run(interrupting)).outcome is Outcome.PASS
    record = await run(interrupting, strict)
    assert record.reason is Reason.AGENT_INTERRUPTED_US
    assert record.message == "Agent spoke while the caller was speaking. (turn 1)"
    assert (await run(Script(replies=(0.75, 0.75)), strict)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        ("We are open from NINE to five.", None, ""),
        (
            "Sorry, I did not get that.",
            Reason.AGENT_WRONG_ANSWER,
            "(turn 1: its transcript (26 characters) does not match)",
        ),
        ("", Reason.AGENT_WRONG_ANSWER, "(turn 1: no transcript of it came)"),
    ],
)
async def test_an_answer_is_read_where_a_text_is_expected(text: str, reason: Reason | None, detail: str) -> None:
    reading = msgspec.structs.replace(CONVERSATION, turns=(TurnPlan(expect_text="nine to five"),))
    record = await run(Script(replies=(0.75,), text=text), reading)
    assert record.reason is reason, record.message
    assert record.message.endswith(detail)
    assert text not in str(record.timeline) or not text


async def test_a_machine_that_slept_is_nobodys_failure() -> None:
    recorder = Recorder(asyncio.get_running_loop().time, lambda _event: None)
    asleep = iter([0.0, 0.0, 7.5])
    watching = asyncio.create_task(watch_clocks(recorder, lambda: next(asleep, 7.5)))
    suspended = await recorder.wait_for(Suspended, due=1.0)
    watching.cancel()
    assert suspended.seconds == 7.5
    record = derive(HEAD, JOIN, (*join(), suspended))
    assert (record.outcome, record.reason) == (Outcome.INCONCLUSIVE, Reason.PROBER_OVERLOAD)
    assert "slept for 8 s" in record.message


async def test_a_wrong_answer_does_not_pass_because_the_time_is_over() -> None:
    reading = msgspec.structs.replace(
        CONVERSATION, turns=(TurnPlan(expect_text="right"),), deadlines=Deadlines(run=10.0)
    )
    record = await run(Script(replies=(0.75,), text="wrong"), reading)
    assert record.reason is Reason.RUN_DEADLINE, record.message


async def test_an_answer_may_come_in_pieces() -> None:
    reading = msgspec.structs.replace(CONVERSATION, turns=(TurnPlan(expect_text="forty-two"),))
    record = await run(Script(replies=(0.75,), text="One moment.", adds=(6.0, "It is forty-two.")), reading)
    assert record.outcome is Outcome.PASS, record.message


async def test_two_voices_of_one_agent_do_not_stop_the_clock() -> None:
    recorder = Recorder(asyncio.get_running_loop().time, lambda _event: None)
    for event in (AgentTrack(at=0.0, identity="a"), AgentSpeechStarted(at=0.1), AgentSpeechStarted(at=0.2)):
        recorder.record(event)
    recorder.record(AgentSpeechStopped(at=0.3))
    asyncio.get_running_loop().call_later(2.0, recorder.record, AgentSpeechStopped(at=2.0))
    async with asyncio.timeout(5.0):
        await silence(recorder)
    assert recorder.elapsed() == pytest.approx(3.0)
