import asyncio

import pytest

from prober.core.plan import Session
from prober.core.reasons import Reason
from prober.recorder import Recorder
from tests.contract import check_a_call, check_a_refusal
from tests.flow.scripted_room import Script, scripted
from tests.flow.test_run import TWO_SECONDS

pytestmark = pytest.mark.virtual_time

SESSION = Session(url="ws://h", room="r", token="t")


def recorder() -> Recorder:
    return Recorder(asyncio.get_running_loop().time, lambda _event: None)


async def test_the_scripted_room_keeps_the_contract() -> None:
    ours = recorder()
    await check_a_call(scripted(Script(replies=(0.8,)), ours), SESSION, ours, TWO_SECONDS)


async def test_the_scripted_room_can_refuse() -> None:
    ours = recorder()
    await check_a_refusal(scripted(Script(refuses=Reason.ROOM_REFUSED), ours)(SESSION), ours)
