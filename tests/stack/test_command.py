import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from xml.etree.ElementTree import parse

import msgspec
import psutil
import pytest
import pytest_asyncio

from prober.commands.keeping import Runs
from prober.refstack.script import Script
from prober.refstack.stack import ReferenceStack
from prober.sinks.metrics import read
from tests.stack.runs import deleted, rooms

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


async def start(
    stack: ReferenceStack,
    *arguments: str,
    way: tuple[str, ...] | None = None,
    env: dict[str, str] | None = None,
) -> asyncio.subprocess.Process:
    """The program as an operator starts it, with the stack's key in its environment."""
    key = {
        "LIVEKIT_URL": stack.server.url,
        "LIVEKIT_API_KEY": stack.server.api_key,
        "LIVEKIT_API_SECRET": stack.server.api_secret,
    }
    door = ("--trial-url", stack.trial_url) if way is None else way
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "prober.cli", "run", *door, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | key | (env or {}),
    )


async def room_joined(stream: asyncio.StreamReader | None) -> str:
    """Wait until the program tells that it is in its room; the room's name."""
    assert stream is not None
    room = ""
    async with asyncio.timeout(30):
        while "room joined" not in (line := (await stream.readline()).decode()):
            assert line, "the program ended before it joined"
            if "session granted: " in line:
                room = line.split("session granted: ")[1].split()[0]
    return room


CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@pytest.fixture(scope="module")
def lsb_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program of this name, first on the way, that leaves a file `asked` beside itself."""
    program = tmp_path_factory.mktemp("path") / "lsb_release"
    program.write_text(f"#!/bin/sh\n: >{program.with_name('asked')}\n")
    program.chmod(0o755)
    return program


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stopped(
    scripted_stack: ReferenceStack, lsb_release: Path
) -> Mapping[signal.Signals, tuple[int | None, str, str]]:
    """Exit code, output and room of runs that got a signal in their room, made at once: most of a run is waiting."""
    scripted_stack.knobs.agent_metadata = Script(join_delay=30.0).to_json()

    async def stop(number: signal.Signals) -> tuple[int | None, str, str]:
        program = await start(scripted_stack, env={"PATH": f"{lsb_release.parent}{os.pathsep}{os.environ['PATH']}"})
        room = await room_joined(program.stdout)
        program.send_signal(number)
        output, _ = await program.communicate()
        return program.returncode, output.decode(), room

    return dict(zip(CODES, await asyncio.gather(*map(stop, CODES)), strict=True))


@pytest.mark.parametrize("number", CODES)
async def test_a_signal_ends_the_run_and_leaves_no_room(
    scripted_stack: ReferenceStack,
    stopped: Mapping[signal.Signals, tuple[int | None, str, str]],
    number: signal.Signals,
) -> None:
    code, output, room = stopped[number]
    assert code == CODES[number], output
    assert "INCONCLUSIVE interrupted" in output
    assert room in deleted(scripted_stack)
    assert room not in await rooms(scripted_stack)


async def test_a_killed_parent_leaves_a_child_that_cleans_up_and_ends(scripted_stack: ReferenceStack) -> None:
    scripted_stack.knobs.agent_metadata = Script(join_delay=30.0).to_json()
    program = await start(scripted_stack)
    room = await room_joined(program.stdout)
    (child,) = psutil.Process(program.pid).children()
    program.kill()
    await program.wait()
    await asyncio.to_thread(child.wait, 20)
    assert room in deleted(scripted_stack)
    assert room not in await rooms(scripted_stack)


@pytest.mark.usefixtures("stopped")
async def test_a_run_has_no_program_started_by_the_sdk(lsb_release: Path) -> None:
    """It asks `lsb_release` for the name of the system, and that time would be in `room_join`."""
    assert not lsb_release.with_name("asked").exists()


async def test_a_missed_objective_exits_3_and_record_keeps_everything(
    scripted_stack: ReferenceStack, tmp_path: Path
) -> None:
    scripted_stack.knobs.agent_metadata = Script(replies=(0.8,)).to_json()
    program = await start(
        scripted_stack, *("--greeting", "expected", "--objective", "response=0.5", "--record", str(tmp_path))
    )
    output, _ = await program.communicate()
    assert program.returncode == 3, output.decode()
    assert "objective response ≤ 0.5 s: missed" in output.decode()
    kept = {path.suffix: path for path in tmp_path.iterdir()}
    assert set(kept) == {".json", ".wav"}
    assert json.loads(kept[".json"].read_text())["objectives"][0]["met"] is False


async def test_repeated_runs_are_told_of_in_every_way(scripted_stack: ReferenceStack, tmp_path: Path) -> None:
    scripted_stack.knobs.agent_metadata = Script().to_json()
    xml, prom, summary = (tmp_path / name for name in ("runs.xml", "runs.prom", "summary.md"))
    program = await start(
        scripted_stack,
        *("--repeat", "2", "--scenario", "join", "--label", "version=1.2.3", "--json", "-"),
        *("--junit", str(xml), "--metrics-file", str(prom)),
        env={"GITHUB_STEP_SUMMARY": str(summary)},
    )
    output, errors = await program.communicate()
    assert program.returncode == 0, errors.decode()
    runs = msgspec.json.decode(output, type=Runs)
    first, second = runs.runs
    assert first.room != second.room
    assert {record.labels["version"] for record in runs.runs} == {"1.2.3"}
    (told,) = runs.statistics
    assert (told.passed, told.pass_rate, told.exit_code) == (2, 1.0, 0)
    joining = next(spread for spread in told.measurements if spread.name == "agent_join")
    values = sorted(record.measurements.agent_join or 0.0 for record in runs.runs)
    assert (joining.n, [joining.min, joining.max], joining.median) == (2, values, None)
    suites = parse(xml).getroot()  # noqa: S314 - our own
    assert (suites.get("tests"), suites.get("failures"), suites.get("errors")) == ("2", "0", "0")
    last = read(prom.read_text())["default", "join"]
    assert (last.outcome, last.success, last.duration) == ("pass", True, second.seconds)
    assert last.phases["agent_join"] == second.measurements.agent_join
    assert summary.read_text().count("✅ pass") == 2
    assert "default/join: 2 of 2 runs worked, 2 required" in errors.decode()
