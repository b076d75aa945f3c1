import asyncio
import signal
import sys
from pathlib import Path

import psutil
import pytest

from prober.refstack.process import Program, StackError

FAMILY = """
import subprocess, sys, time
same_group = subprocess.Popen(["sleep", "600"])
own_session = subprocess.Popen(["sleep", "600"], start_new_session=True)
print("family", same_group.pid, own_session.pid, flush=True)
time.sleep(600)
"""
OWNER = f"""
import asyncio, sys
from pathlib import Path
from prober.refstack.process import Program
async def main():
    async with Program([sys.executable, "-c", {FAMILY!r}], env=None, log=Path(sys.argv[1]), grace=0.5) as program:
        line = await program.wait_for_line(lambda line: line.startswith("family"), 20)
        print(line, program.pid, flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "program.log"


def script(text: str, log: Path, grace: float = 5.0) -> Program:
    return Program([sys.executable, "-c", text], env=None, log=log, grace=grace)


async def test_leaving_ends_the_program_with_all_it_started(log: Path) -> None:
    async with script(FAMILY, log) as program:
        line = await program.wait_for_line(lambda line: line.startswith("family"), 20)
        pids = [program.pid, *map(int, line.split()[1:])]
        assert all(psutil.pid_exists(pid) for pid in pids)
    assert program.returncode == -signal.SIGTERM
    assert not any(psutil.pid_exists(pid) for pid in pids)


async def test_a_killed_owner_takes_the_program_and_all_it_started_along(log: Path) -> None:
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OWNER, str(log)), stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    family = [psutil.Process(int(pid)) for pid in (await owner.stdout.readline()).split()[1:]]
    assert len(family) == 3
    owner.kill()
    await owner.wait()
    _, alive = await asyncio.to_thread(psutil.wait_procs, family, timeout=20)
    assert alive == []


async def test_what_ignores_sigterm_is_killed_after_the_grace(log: Path) -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
    async with script(stubborn, log, grace=0.1) as program:
        await program.wait_for_line(lambda line: line == "ready", 20)
    assert program.returncode == -signal.SIGKILL


async def test_a_cancelled_owner_leaves_nothing(log: Path) -> None:
    started = asyncio.Event()
    program = script("import time; time.sleep(600)", log)

    async def own() -> None:
        async with program:
            started.set()
            await program.wait()

    async with asyncio.TaskGroup() as group:
        owner = group.create_task(own())
        await started.wait()
        owner.cancel()
    assert owner.cancelled()
    assert not psutil.pid_exists(program.pid)


async def test_what_a_program_leaves_behind_ends_with_it(log: Path) -> None:
    leaves = "import subprocess; print('child', subprocess.Popen(['sleep', '600']).pid)"
    async with script(leaves, log) as program:
        assert await program.wait() == 0
        line = await program.wait_for_line(lambda line: line.startswith("child"), 5)
        assert not psutil.pid_exists(int(line.split()[1]))


async def test_the_exit_status_is_the_programs(log: Path) -> None:
    async with script("import sys; sys.exit(3)", log) as program:
        assert await program.wait() == 3
    async with script("import os; os.abort()", log) as program:
        assert await program.wait() == -signal.SIGABRT


async def test_the_last_words_explain_an_early_end(log: Path) -> None:
    log.write_text("of an earlier program\n")
    async with script("import sys; print('one'); print('two', end=''); sys.exit(7)", log) as program:
        with pytest.raises(StackError) as caught:
            await program.wait_for_line(lambda line: line == "three", 20)
        assert await program.wait_for_line(lambda line: line == "two", 1) == "two"
    assert f"ended with exit status 7.\n    (log: {log})\n    one\n    two" in str(caught.value)


async def test_what_is_not_said_in_time_is_an_error(log: Path) -> None:
    async with script("import time; print('hello', flush=True); time.sleep(600)", log) as program:
        await program.wait_for_line(lambda line: line == "hello", 20)
        with pytest.raises(StackError, match=r"did not say in 0\.05 s"):
            await program.wait_for_line(lambda line: line == "bye", 0.05)


async def test_a_program_that_is_not_there_is_said(log: Path) -> None:
    with pytest.raises(StackError, match=r"/no/such/program cannot be started: .*No such file"):
        async with Program(["/no/such/program"], env=None, log=log):
            pass
