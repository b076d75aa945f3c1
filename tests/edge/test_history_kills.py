import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from prober.sinks.entries import Query
from prober.sinks.history import reading


def lines_of(process: "subprocess.Popen[str]") -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        yield line.strip()


def kept(path: Path) -> set[str]:
    with reading(path) as history:
        return {entry.run_id for entry in history.runs(Query())}


def test_every_acknowledged_run_outlives_kill_9_at_any_moment(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    path, kills, acknowledged = tmp_path / "history.db", pytestconfig.getoption("--history-kills"), set[str]()
    moments = random.Random(5)
    command = [sys.executable, "-m", "tests.edge.history_writers", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        told = lines_of(process)
        for number in range(kills):
            process.stdin.write("\n")
            process.stdin.flush()
            for line in told:
                if line.startswith("pid "):
                    time.sleep(moments.uniform(0, 0.08))  # from before it has opened the file to the middle of a write
                    os.kill(int(line.removeprefix("pid ")), signal.SIGKILL)
                elif line == "gone":
                    break
                else:
                    acknowledged.add(line)
            if number % 10 == 0 and path.exists() and acknowledged:
                assert acknowledged <= kept(path)  # read while the log of the killed one lies there
        process.stdin.close()
    assert len(acknowledged) >= kills
    found = kept(path)
    assert acknowledged <= found
    assert len(found) <= len(acknowledged) + kills  # of each kill at most one run that was written and not told of
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
