import threading
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from prober.core.plan import Expectations, Scenario
from prober.core.reasons import Outcome
from prober.refstack.stack import ReferenceStack
from tests.stack.runs import CONVERSATION, make_run, rooms

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

ENDING = 5.0
"""Seconds a thread may take to end. asyncio's, which waits for a child, outlives it by the time to say so."""


class Held(NamedTuple):
    """Child processes, threads and the number of file descriptors of this process, and the rooms of the stack."""

    children: set[int]
    threads: set[threading.Thread]
    handles: int
    rooms: set[str]


async def held(stack: ReferenceStack) -> Held:
    there = await rooms(stack)  # first: meanwhile asyncio closes the pipes of the run's child
    children = {process.pid for process in psutil.Process().children()}
    return Held(children, set(threading.enumerate()), len(list(Path("/proc/self/fd").iterdir())), there)


async def test_runs_in_a_row_leave_no_process_thread_handle_or_room(
    stack: ReferenceStack, request: pytest.FixtureRequest
) -> None:
    count = request.config.getoption("--runs-in-a-row")
    look = Expectations(scenario=Scenario.JOIN, hold=0.2)
    assert (await make_run(stack, look)).outcome is Outcome.PASS  # whatever is made once is made by now
    before = await held(stack)
    for number in range(count):
        record = await make_run(stack, look if number % 4 else CONVERSATION)
        assert record.outcome is Outcome.PASS, record.message
        assert record.left_behind == ()
    now = await held(stack)
    for thread in now.threads - before.threads:
        thread.join(ENDING)
        assert not thread.is_alive(), thread
    assert now.children <= before.children
    assert now.handles <= before.handles
    assert now.rooms <= before.rooms
