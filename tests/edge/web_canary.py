"""A canary in memory behind the real HTTP server, and clients for it."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

from prober.core.plan import Scenario
from prober.core.record import RunRecord
from prober.sinks.keeper import State
from prober.watch.cadence import Key
from prober.watch.schedule import Skip
from prober.watch.status import Canary, LineStatus, Status
from prober.watch.web.app import Server, serve
from prober.watch.web.listen import Listen
from tests.edge.kept_runs import run

SHOP = Key("shop", Scenario.JOIN)
CALL = Key("shop", Scenario.CONVERSATION)


def line(key: Key, **other: Any) -> LineStatus:
    """A line of which nothing is known yet."""
    values: dict[str, Any] = {
        "key": key,
        "interval": 60.0,
        "timeout": 45.0,
        "objectives": {"agent_join": 3.0},
        "failures": 0,
        "closed": None,
        "running": None,
        "due_in": 12.5,
        "last": None,
        "last_judged": None,
        "last_passed": None,
        "message": None,
        "look": None,
        "recent": (),
    }
    return LineStatus(**{**values, **other})


@dataclasses.dataclass
class SmallCanary:
    """What it is told to be; what it was asked for is in `probed`."""

    lines: tuple[LineStatus, ...] = (line(SHOP), line(CALL, timeout=90.0))
    heartbeat_age: float = 0.1
    stopping: bool = False
    trouble: str | None = None
    answer: Callable[[Key], Awaitable[RunRecord | Skip]] | None = None
    probed: list[tuple[Key, float]] = dataclasses.field(default_factory=list)
    reloads: int = 0

    def status(self) -> Status:
        return Status(
            version="1.2.3",
            now=1_800_000_000.0,
            started_at=1_799_990_000.0,
            heartbeat_age=self.heartbeat_age,
            stopping=self.stopping,
            config_file="canary.yaml",
            config_sha256="ab" * 32,
            config_loaded_at=1_799_990_000.0,
            config_trouble=self.trouble,
            history=State(),
            lines=self.lines,
            external_url=None,
        )

    def exposition(self, accept: str) -> tuple[bytes, str]:
        kind = "application/openmetrics-text; version=1.0.0; charset=utf-8"
        return b"# EOF\n", kind if "openmetrics" in accept else "text/plain; version=0.0.4; charset=utf-8"

    def configuration(self) -> str:
        return "targets:\n  shop:\n    secrets: {password: '[hidden]'}\n"

    async def reload(self) -> str | None:
        self.reloads += 1
        return self.trouble

    async def probe(self, key: Key, timeout: float) -> RunRecord | Skip:
        self.probed.append((key, timeout))
        return run(target=key.target) if self.answer is None else await self.answer(key)


class Client:
    """Asks a server."""

    def __init__(self, server: Server, session: aiohttp.ClientSession) -> None:
        self.server, self._session = server, session

    async def ask(self, path: str, method: str = "GET", **other: Any) -> tuple[aiohttp.ClientResponse, bytes]:
        """The answer and its body."""
        async with self._session.request(method, self.server.url + path, **other) as response:
            return response, await response.read()

    async def text(self, path: str, method: str = "GET", **other: Any) -> tuple[int, str]:
        """The answer's status and its body."""
        response, body = await self.ask(path, method, **other)
        return response.status, body.decode()


@contextlib.asynccontextmanager
async def serving(canary: Canary, folder: Path, **other: Any) -> AsyncIterator[Client]:
    """A server for this canary on a free port, and somebody who asks it; history and evidence lie in the folder."""
    options: dict[str, Any] = {"history_path": folder / "history.db", "evidence_folder": folder / "evidence", **other}
    server = await serve(canary, Listen(port=0), **options)
    try:
        async with aiohttp.ClientSession() as session:
            yield Client(server, session)
    finally:
        await server.close()
