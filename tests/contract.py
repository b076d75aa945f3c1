"""What `prober.run` relies on in a joined room: the scripted one and the real one pass the same."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import pytest

from prober.core.events import (
    AgentJoined,
    AgentSpeechStarted,
    AgentState,
    AgentTrack,
    Event,
    ReceiverStats,
    RoomJoined,
    TurnRechecked,
    UtteranceEnded,
    UtteranceStarted,
)
from prober.core.plan import Session
from prober.core.reasons import RunFault
from prober.fixtures import Clip
from prober.recorder import Recorder
from prober.run import Call, Join

FRAME = 0.020
E = TypeVar("E", bound=Event)


async def check_a_call(join: Join, session: Session, recorder: Recorder, clip: Clip) -> None:
    """An agent that comes, greets and answers: everything is recorded, in its order, with its moments."""
    async with join(session) as call:
        joined = _only(recorder, RoomJoined)
        agent = await recorder.wait_for(AgentJoined, due=recorder.elapsed() + 10)
        state = await recorder.wait_for(AgentState, due=recorder.elapsed() + 10)
        track = await recorder.wait_for(AgentTrack, due=recorder.elapsed() + 10)
        assert joined.at <= agent.at <= min(state.at, track.at)
        greeting = await recorder.wait_for(AgentSpeechStarted, due=recorder.elapsed() + 10)
        assert greeting.at >= track.at
        await _silence(recorder)
        await _check_a_turn(call, recorder, clip)
        call.recheck()
        again, rechecked = (event for event in recorder.events if isinstance(event, TurnRechecked))
        assert again.answered == pytest.approx(greeting.at, abs=0.030)
        answer = await recorder.wait_for(AgentSpeechStarted, due=0.0, where=lambda onset: onset.at > greeting.at)
        assert rechecked.ended == pytest.approx(_only(recorder, UtteranceEnded).at, abs=0.030)
        assert rechecked.answered == pytest.approx(answer.at, abs=0.030)
    told = len(recorder.events)
    await asyncio.sleep(0)
    assert len(recorder.events) == told
    assert recorder.stopped is None


async def _check_a_turn(call: Call, recorder: Recorder, clip: Clip) -> None:
    await call.speak(1, clip, barge_in=False)
    began, ended = _only(recorder, UtteranceStarted), _only(recorder, UtteranceEnded)
    speech = (clip.end_sample - clip.onset_sample) / clip.rate
    assert (began.turn, ended.turn, began.fixture) == (1, 1, clip.id)
    assert ended.at - began.at == pytest.approx(speech + ended.drift, abs=0.001)
    assert abs(ended.drift) < FRAME
    answer = await recorder.wait_for(
        AgentSpeechStarted, due=recorder.elapsed() + 5, where=lambda onset: onset.at >= ended.at
    )
    await recorder.pause(answer.at + 1.0)
    await call.note_receiver()
    stats = [event for event in recorder.events if isinstance(event, ReceiverStats)]
    assert stats[0].at <= began.at
    assert stats[-1].at > answer.at


async def check_a_refusal(joining: AbstractAsyncContextManager[Call], recorder: Recorder) -> None:
    """A closed room is the target's failure and leaves nothing recorded but what was seen."""
    with pytest.raises(RunFault):
        async with joining:
            raise AssertionError("nobody may be let in")
    assert not any(isinstance(event, RoomJoined) for event in recorder.events)


async def _silence(recorder: Recorder) -> None:
    """A second after whatever the agent has said by then."""
    await recorder.pause(recorder.elapsed() + 2.5)


def _only(recorder: Recorder, kind: type[E]) -> E:
    (found,) = (event for event in recorder.events if isinstance(event, kind))
    return found
