import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.stack.watch_journal import parsed

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


async def demo(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """`livekit-prober demo --once` as a newcomer runs it: exit code, output, errors."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "prober.cli", "demo", "--once", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(folder)},
    )
    output, errors = await program.communicate()
    assert program.returncode is not None
    return program.returncode, output.decode(), errors.decode()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A temporary folder with a short name: sockets are made below it, whose paths have at most 108 characters."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.mark.alone
async def test_a_run_against_the_demo_fills_every_measurement_and_leaves_nothing(folder: Path) -> None:
    code, output, errors = await demo(folder, "--json", "-")
    assert code == 0, errors
    record = json.loads(output)
    assert record["outcome"] == "pass"
    assert record["measurements"].pop("yield_time") is None
    (response,) = record["measurements"].pop("responses")
    assert None not in [response, *record["measurements"].values()], json.dumps(record["prober"])
    assert record["left_behind"] == []
    assert list(folder.iterdir()) == []


async def test_a_fault_of_the_demo_exits_as_run_does_and_keeps_the_logs(folder: Path) -> None:
    code, output, errors = await demo(folder, "--fault", "trial_500")
    assert code == 1
    assert "FAIL trial_rejected" in output
    assert "The logs of the stack's server and agent are in" in errors


EXPLAINED = {
    "missing_tts_key": ("provider_key_missing", "Set ELEVEN_API_KEY"),
    "async_callback": ("async_callback", "asyncio.create_task"),
}
"""The incident's two causes, and a part of what to do."""


async def test_the_incident_is_explained_by_its_workers_own_log(folder: Path) -> None:
    """Both at once, and half as patient as usual: each waits for an agent that does not come."""
    impatient = ("--agent-join-deadline", "10")
    ended = await asyncio.gather(*(demo(folder, *impatient, "--fault", fault) for fault in EXPLAINED))
    for (code, output, errors), (cause, fix) in zip(ended, EXPLAINED.values(), strict=True):
        assert code == 1, errors
        assert "FAIL agent_absent" in output
        words = " ".join(output.split())
        assert f"({cause}, by the agent's log)" in words
        assert fix in words


async def test_the_demo_stays_up_with_the_canary_on_it_until_it_is_told_to_stop(folder: Path) -> None:
    """Without a terminal: nothing of it is left, no process and no file."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "prober.cli", "--log-format", "json", "demo", "--listen", "127.0.0.1:0"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(folder)},
        start_new_session=True,
    )
    assert program.stderr is not None
    said = []
    async for line in program.stderr:
        said.append(parsed(line.decode()))
        if said[-1].get("event") == "run.finished":
            break
    assert said[-1]["outcome"] == "pass", said
    url = next(line["url"] for line in said if line.get("event") == "watch.started")
    async with aiohttp.ClientSession(url) as web, web.get("/") as page:
        assert "front-desk" in await page.text()
    family = psutil.Process(program.pid).children(recursive=True)
    program.send_signal(signal.SIGTERM)
    output, rest = await program.communicate()
    assert program.returncode == 0, rest.decode()
    assert "The canary on it:   at a free port, told below" in output.decode()
    assert [one for one in family if one.is_running()] == []
    assert list(folder.iterdir()) == []
