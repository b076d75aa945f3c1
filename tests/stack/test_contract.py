"""The real room keeps the contract of the scripted one; in a process of its own, as every user of LiveKit's SDK."""

import asyncio
import os
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from prober.core.plan import ApiKey, DirectEntry, Session
from prober.core.reasons import Reason
from prober.core.speech import VoiceGate
from prober.entry.direct import grant
from prober.fixtures import load_fixture
from prober.recorder import Recorder
from prober.refstack.script import Script
from prober.refstack.stack import ReferenceStack
from prober.voice import SileroGate
from tests.contract import check_a_call, check_a_refusal

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


async def in_a_process(stack: ReferenceStack, check: str) -> None:
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.stack.test_contract", check),
        *(stack.server.url, stack.server.api_key, stack.server.api_secret, stack.worker.agent_name),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await program.communicate()
    assert program.returncode == 0, errors.decode()


@pytest.mark.parametrize("check", ["call", "refusal", "deafness"])
async def test_the_real_room_keeps_the_contract(scripted_stack: ReferenceStack, check: str) -> None:
    scripted_stack.knobs.agent_metadata = Script(replies=(0.8,)).to_json()
    await in_a_process(scripted_stack, check)


async def _check(check: str, url: str, key: str, secret: str, agent: str) -> None:
    from prober.room.session import Call, join  # noqa: PLC0415 - not into the process that runs the tests

    recorder = Recorder(time.monotonic, lambda _event: None)
    signed_by = secret if check != "refusal" else "x" * 32
    session = grant(
        DirectEntry(url=url, agent_name=agent),
        ApiKey(url=url, key=key, secret=signed_by),
        *("contract", "0" * 16, recorder),
        unix_ms=time.time_ns() // 1_000_000,
        random=uuid.uuid4().hex[:8],
    )

    def joined(session: Session, gates: Callable[[], VoiceGate] = SileroGate) -> AbstractAsyncContextManager[Call]:
        return join(session, recorder, due=8.0, listens=True, gates=gates)

    if check == "call":
        await check_a_call(joined, session, recorder, load_fixture("en-hours"))
    elif check == "refusal":
        await check_a_refusal(joined(session), recorder)
        return
    else:
        await _check_deafness(joined(session, gates=_no_gate), recorder)


def _no_gate() -> VoiceGate:
    raise RuntimeError("deaf")


async def _check_deafness(joining: AbstractAsyncContextManager[object], recorder: Recorder) -> None:
    """A prober that cannot hear says so itself, at once."""
    async with joining:
        with pytest.raises(Exception, match="prober_internal"):
            await recorder.pause(recorder.elapsed() + 10.0)
    assert recorder.stopped is not None
    assert recorder.stopped.reason is Reason.PROBER_INTERNAL
    assert recorder.stopped.detail.startswith("RuntimeError at prober/room/session.py:")


if __name__ == "__main__":
    asyncio.run(_check(*sys.argv[1:]))
    os._exit(0)
