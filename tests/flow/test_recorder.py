import asyncio

import pytest

from prober.core.events import AgentJoined, AgentState, Event, MoreCame, TranscriptHeard
from prober.core.reasons import Reason
from prober.recorder import GRACE, MOST, DeadlinePassed, Recorder, RunStopped

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


async def test_a_flood_fills_no_record_and_still_wakes_who_waits() -> None:
    recorder, published = recorder_and_published()
    joined = AgentJoined(at=1.0, identity="a", name="", before_us=False)
    state = AgentState(at=1.0, identity="a", state="listening")
    transcript = TranscriptHeard(at=1.0, speaker="agent", final=True, characters=1)
    for event in (*[state] * (MOST + 2), *[transcript] * MOST, joined, *[joined] * MOST):
        recorder.record(event)
    assert published == recorder.events
    more = MoreCame(at=1.0, kind="AgentState")
    assert recorder.events == [*[state] * MOST, more, *[transcript] * MOST, *[joined] * (MOST + 1)]
    news = asyncio.create_task(recorder.wait_for_news(TranscriptHeard, due=9.0))
    asyncio.get_running_loop().call_soon(recorder.record, transcript)
    await news
    assert recorder.events[-1] == MoreCame(at=1.0, kind="TranscriptHeard")
