"""A real Prometheus over the month, with what the recording rules and alerts make of it."""

import json
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from prober.refstack.process import Program
from tests.backfill import stages
from tests.page_history import NOW
from tests.system.dashboards import month
from tests.system.dashboards.boards import ROOT, Asked

RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
SOON = 60.0


class Prometheus:
    """What may be asked of it, at the end of the month."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def answer(self, asked: Asked, span: int) -> list[dict[str, Any]]:
        """The series that this query has in the last seconds of the month. It must be understood without a warning."""
        query: dict[str, Any] = {"query": asked.expr, "time": NOW}
        if asked.step:
            first = (NOW - span) // asked.step * asked.step
            query = {"query": asked.expr, "start": first, "end": NOW, "step": asked.step}
        path = "query_range" if asked.step else "query"
        async with self._session.post(f"{self.url}/api/v1/{path}", data=query) as response:
            told = await response.json()
        assert told["status"] == "success", (asked, told)
        assert not told.get("warnings"), (asked, told["warnings"])
        result: list[dict[str, Any]] = told["data"]["result"]
        return result


@asynccontextmanager
async def prometheus(folder: Path, *, rules: Path = RULES) -> AsyncIterator[Prometheus]:
    """One that holds the month, rules evaluated; its files lie in the folder."""
    written, data = folder / "month.txt", folder / "data"
    month.write(written)
    _promtool("create-blocks-from", "openmetrics", "--max-block-duration=8760h", written, data)
    written.unlink()
    part = folder / "part.json"
    for stage in stages(yaml.safe_load(rules.read_text(encoding="utf-8"))):
        groups = [group | {"interval": f"{month.SCRAPE}s"} for group in stage["groups"]]
        part.write_text(json.dumps({"groups": groups}), encoding="utf-8")
        async with _serving(folder) as server:
            moments = (f"--start={NOW - month.RECENT:.0f}", f"--end={NOW:.0f}")
            where = (f"--url={server.url}", f"--output-dir={data}")
            _promtool("create-blocks-from", "rules", *moments, *where, part)
    async with _serving(folder) as server:
        yield server


def _promtool(*arguments: str | Path) -> None:
    subprocess.run(["promtool", "tsdb", *map(str, arguments)], check=True, capture_output=True)


@asynccontextmanager
async def _serving(folder: Path) -> AsyncIterator[Prometheus]:
    config = folder / "prometheus.yml"
    config.write_text("{}", encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    argv = (
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address={address}",
    )
    async with Program(argv, env=None, log=folder / "prometheus.log") as running, aiohttp.ClientSession() as session:
        await running.wait_for_line(lambda line: "Server is ready to receive web requests" in line, SOON)
        yield Prometheus(f"http://{address}", session)
