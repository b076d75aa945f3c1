import asyncio

import pytest

from prober.core.events import AgentJoined, AgentState, Event
from prober.core.reasons import Reason
from prober.recorder import GRACE, DeadlinePassed, Recorder, RunStopped

pytestmark = pytest.mark.virtual_time


def recorder_and_published() -> tuple[Recorder, list[Event]]:
    published: list[Event] = []
    return Recorder(asyncio.get_running_loop().time, published.append), published


async def test_what_happened_already_is_found_at_once() -> None:
    recorder, published = recorder_and_published()
    state = AgentState(at=0.0, identity="a", state="listening")
    recorder.record(state)
    assert await recorder.wait_for(AgentState, due=0.0) is state
    assert published == [state]


async def test_what_comes_wakes_its_waiter_and_no_other() -> None:
    recorder, _ = recorder_and_published()
    joined = AgentJoined(at=1.0, identity="a", name="", before_us=False)
    asyncio.get_running_loop().call_later(1.0, recorder.record, joined)
    waiting = asyncio.create_task(recorder.wait_for(AgentState, due=2.0))
    assert await recorder.wait_for(AgentJoined, due=2.0) is joined
    with pytest.raises(DeadlinePassed):
        await waiting
    assert recorder.elapsed() == pytest.approx(2.0 + GRACE)


async def test_a_fault_ends_every_wait() -> None:
    recorder, _ = recorder_and_published()
    asyncio.get_running_loop().call_later(1.0, recorder.stop, Reason.AGENT_LEFT, "")
    results = await asyncio.gather(recorder.wait_for(AgentState, due=9.0), recorder.pause(9.0), return_exceptions=True)
    assert [type(result) for result in results] == [RunStopped, RunStopped]
    assert recorder.elapsed() == pytest.approx(1.0)
    with pytest.raises(RunStopped):
        await recorder.wait_for(AgentJoined, due=9.0)


async def test_a_pause_lasts_until_its_moment() -> None:
    recorder, _ = recorder_and_published()
    await recorder.pause(3.0)
    assert recorder.elapsed() == pytest.approx(3.0)
    await recorder.pause(1.0)
    assert recorder.elapsed() == pytest.approx(3.0)
