"""The short form of `make calibrate`: the same measurement, judged by bounds that the long one has shown to hold."""

import asyncio

import pytest

from prober.refstack.stack import ReferenceStack
from tests.stack.calibration import DELAYS, converse, path, summarize

pytestmark = [pytest.mark.stack, pytest.mark.alone, pytest.mark.asyncio(loop_scope="session")]

CALLS = (DELAYS * 2, DELAYS[::-1] * 2, DELAYS * 2)
"""The reply delays of each: only the ends of the range, where a dozen turns tell the slope best."""
TURNS = sum(map(len, CALLS))
IMPULSES = 8


async def test_readings_are_the_truth_and_the_way(scripted_stack: ReferenceStack) -> None:
    """Calls side by side and impulses afterwards: 12 turns in half a minute.

    Bounds: what 12 turns and 3 joins of a busy machine may differ from the long form, see docs/accuracy.md. There the
    jitter buffers, the agent's and ours, may grow by 100 ms in the midst of a sentence: that is the way, each turn
    shows it, and it is taken out of the reading. How long our own sentence was is held to the recorded one.
    """
    door = asyncio.Lock()
    calls = await asyncio.gather(*(converse(scripted_stack, delays, seed, door) for seed, delays in enumerate(CALLS)))
    found = summarize(calls, [await path(scripted_stack, IMPULSES)])
    print(found)
    assert [call.outcome for call in calls] == ["pass"] * len(CALLS)
    assert found.turns == TURNS
    assert (found.missed, found.wrong) == (0, 0)
    assert found.turns - found.voided >= 10
    assert found.own_slope == pytest.approx(1.0, abs=0.02)
    assert found.offset == pytest.approx(found.path, abs=0.030)
    assert found.own_max <= 0.060
    assert found.sentence_max <= 0.010
    assert found.own_share_p95 <= 0.020
    assert 0.0 <= found.join_offset <= 0.080
    assert found.join_p95 <= 0.060
