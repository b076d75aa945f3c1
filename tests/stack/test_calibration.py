"""The short form of `make calibrate`: the same measurement, judged by bounds that the long one has shown to hold."""

import asyncio

import pytest

from prober.refstack.stack import ReferenceStack
from tests.stack.calibration import converse, path, summarize

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

TURNS, CALLS, IMPULSES = 6, 2, 8


async def test_readings_are_the_truth_and_the_way(scripted_stack: ReferenceStack) -> None:
    """Two calls side by side, of the same delays, and impulses afterwards: 12 turns in less than a minute."""
    calls = await asyncio.gather(*(converse(scripted_stack, TURNS, seed=1) for _ in range(CALLS)))
    found = summarize(calls, [await path(scripted_stack, IMPULSES)])
    print(found)
    assert [call.outcome for call in calls] == ["pass"] * CALLS
    assert found.turns == TURNS * CALLS
    assert (found.missed, found.wrong) == (0, 0)
    assert found.turns - found.voided >= 10
