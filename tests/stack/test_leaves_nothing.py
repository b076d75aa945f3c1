import os
import threading
from pathlib import Path

import psutil
import pytest

from prober.core.plan import Expectations, Scenario
from prober.core.reasons import Outcome
from prober.refstack.stack import ReferenceStack
from tests.stack.runs import CONVERSATION, make_run, rooms

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


def held() -> tuple[set[int], int, int]:
    """Child processes, threads and file descriptors of this process."""
    children = {process.pid for process in psutil.Process().children(recursive=True)}
    return children, threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))


async def test_runs_in_a_row_leave_no_process_thread_handle_or_room(
    stack: ReferenceStack, request: pytest.FixtureRequest
) -> None:
    count = request.config.getoption("--runs-in-a-row")
    look = Expectations(scenario=Scenario.JOIN, hold=0.2)
    assert (await make_run(stack, look)).outcome is Outcome.PASS  # whatever is made once is made by now
    workers, threads, handles = held()
    others = await rooms(stack)
    for number in range(count):
        record = await make_run(stack, look if number % 4 else CONVERSATION)
        assert record.outcome is Outcome.PASS, record.message
        assert record.left_behind == ()
    now, threads_now, handles_now = held()
    ours = {pid for pid in now - workers if psutil.Process(pid).ppid() == os.getpid()}
    assert ours == set()
    assert threads_now <= threads
    assert handles_now <= handles
    assert await rooms(stack) <= others
