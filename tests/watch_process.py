"""The real canary for a few runs: `livekit-prober watch` as a process, its log read from a pipe as it is written.

Where nobody reads for an hour, it is `tests.stack.watch_journal`.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

Line = dict[str, Any]
PROGRAM = (sys.executable, "-m", "prober.cli")


class Watching:
    """A canary while its context lasts; entered again it is another one with the same history."""

    program: asyncio.subprocess.Process
    url: str

    def __init__(self, configuration: Path, *arguments: str, program: Sequence[str] = PROGRAM) -> None:
        self.configuration = configuration
        self.database = configuration.with_name("history.db")
        self._program, self._arguments = program, arguments
        self.lines: list[Line] = []

    async def __aenter__(self) -> Self:
        self.program = await asyncio.create_subprocess_exec(
            *(*self._program, "--log-format", "json", "watch", "--config", str(self.configuration)),
            *("--listen", "127.0.0.1:0", "--db", str(self.database), *self._arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self.url = (await self.until("watch.started"))["url"]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.program.returncode is None:
            await self.stop()

    async def until(self, event: str, so: Callable[[Line], bool] = lambda _line: True, within: float = 60.0) -> Line:
        """The next line of this event that is so."""
        assert self.program.stdout is not None
        async with asyncio.timeout(within):
            while text := await self.program.stdout.readline():
                line: Line = json.loads(text)
                self.lines.append(line)
                if line["event"] == event and so(line):
                    return line
        assert self.program.stderr is not None
        raise AssertionError(f"it ended: {(await self.program.stderr.read()).decode()}")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.program.send_signal(number)

    async def stop(self) -> int:
        """SIGTERM; its exit code, and the rest of what it said."""
        self.signal(signal.SIGTERM)
        rest, _ = await self.program.communicate()
        self.lines += [json.loads(text) for text in rest.splitlines()]
        assert self.program.returncode is not None
        return self.program.returncode

    async def kill(self) -> None:
        """`kill -9`, once what it has told of is on disk."""
        while "livekit_prober_history_waiting_runs 0.0" not in await self.get("/metrics"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # nothing else tells of it
        self.program.kill()
        await self.program.communicate()

    async def get(self, path: str) -> str:
        """What it serves there."""
        async with aiohttp.ClientSession() as web, web.get(self.url + path) as answer:
            return await answer.text()
