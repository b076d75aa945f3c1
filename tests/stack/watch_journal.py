"""The real canary for hours on a reference stack: `livekit-prober watch` as a process, its log kept in a file.

A file and no pipe, because in an hour nobody reads; what was said is looked up by when it was said. For a few runs,
with or without a stack, it is `tests.watch_process`.
"""

import asyncio
import datetime
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import psutil
from prometheus_client.parser import text_string_to_metric_families

from prober.refstack.process import Program
from prober.refstack.stack import ReferenceStack

TARGET = "front-desk"
STARTS_WITHIN = 30.0
LOOK_EVERY = 0.05
GRACE = 30.0
"""Seconds for the canary to end in good order, beyond its own."""

Line = dict[str, Any]


class Watch:
    """A canary while its context lasts; entering it waits until it is ready, and entering it again starts another.

    What all of them said is in one journal.
    """

    program: Program
    url: str

    def __init__(self, configuration: Path, *, database: Path | None = None) -> None:
        self.configuration = configuration
        self.database = database or configuration.with_name("history.db")
        self.journal = configuration.with_name("journal.jsonl")
        self._running = AsyncExitStack()

    async def __aenter__(self) -> Self:
        program = (sys.executable, "-m", "prober.cli", "--log-format", "json", "watch")
        argv = (*program, "--config", self.configuration, "--listen", "127.0.0.1:0", "--db", self.database)
        async with AsyncExitStack() as starting:
            self.program = await starting.enter_async_context(Program(argv, env=None, log=self.journal, grace=GRACE))
            started = await self.program.wait_for_line(
                lambda text: parsed(text).get("event") == "watch.started", STARTS_WITHIN
            )
            self.url = parsed(started)["url"]
            self._running = starting.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._running.aclose()

    async def kill(self) -> None:
        """`kill -9`, once what it has told of is on disk."""
        while await self.metric("livekit_prober_history_waiting_runs"):  # noqa: ASYNC110 - nothing else tells of it
            await asyncio.sleep(LOOK_EVERY)
        await self.program.kill()
        await self._running.aclose()

    async def kill_a_child(self) -> None:
        """`kill -9` of the next run's own process."""
        canary = psutil.Process(self.program.pid)
        before = set(canary.children())
        while not (born := set(canary.children()) - before):  # noqa: ASYNC110 - the system tells of none by itself
            await asyncio.sleep(LOOK_EVERY)
        born.pop().kill()

    def lines(self) -> Iterator[Line]:
        """All that was said so far."""
        return (parsed(line) for line in self.journal.read_text(encoding="utf-8").splitlines())

    def runs(self, since: float = 0.0) -> list[Line]:
        """The runs that have ended since this moment, in Unix time."""
        return [line for line in self.lines() if line.get("event") == "run.finished" and at(line) >= since]

    async def until(self, wanted: Callable[[Line], bool], since: float, timeout: float) -> Line:
        """The first line since this moment (in Unix time) that is wanted."""
        found = await self.program.wait_for_line(
            lambda text: at(line := parsed(text)) >= since and wanted(line), timeout=timeout
        )
        return parsed(found)

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of this name and these labels."""
        async with aiohttp.ClientSession() as web, web.get(f"{self.url}/metrics") as answer:
            assert answer.status == 200
            families = list(text_string_to_metric_families(await answer.text()))
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


def configuration(stack: ReferenceStack, folder: Path, scenarios: str, deadlines: str) -> Path:
    """A configuration for this product in this folder, and beside it the key that takes away the rooms of its runs."""
    for name, secret in (("livekit.key", stack.server.api_key), ("livekit.secret", stack.server.api_secret)):
        (folder / name).write_text(secret, encoding="utf-8")
    file = folder / "prober.yaml"
    file.write_text(
        f"""targets:
  {TARGET}:
    entry: {{trial: {{url: "{stack.trial_url}"}}}}
    livekit: {{url: "{stack.server.url}", api_key_file: livekit.key, api_secret_file: livekit.secret}}
    agent_log: {stack.agent_log_of(None)}
    allow: {{hosts: [127.0.0.1], private_addresses: true, plaintext: true}}
    deadlines: {deadlines}
    scenarios: {scenarios}
""",
        encoding="utf-8",
    )
    return file


def at(line: Line) -> float:
    """When this was said, in Unix time."""
    return datetime.datetime.fromisoformat(line["time"]).timestamp() if "time" in line else 0.0


def to_monotonic(unix_time: float) -> float:
    """The same moment on the clock of the schedule."""
    return unix_time - time.time() + time.monotonic()


def parsed(text: str) -> Line:
    """What a line of the log says; what is no JSON says nothing."""
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
