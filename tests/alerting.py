"""The committed Prometheus and Alertmanager around a canary, and the pager at their end: the whole path of an alert.

What is overridden is where things are; expressions, templates, routes, inhibitions and waits are those that operators
get.
"""

import asyncio
import contextlib
import shutil
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web
from yarl import URL

from prober.refstack.process import Program

DEPLOY = Path(__file__).parents[1] / "deploy"
PROGRAMS = {"prometheus": "prometheus", "prometheus-alertmanager": "alertmanager"}
"""Debian's names, and those of the projects."""
UP_WITHIN = 30.0
HURRIED = "1s"
WAITS = ("scrape_interval", "evaluation_interval", "interval", "keep_firing_for", "group_wait", "group_interval")
Notification = dict[str, Any]


def found(program: str) -> str | None:
    """Where the program is, by either of its names."""
    return shutil.which(program) or shutil.which(PROGRAMS[program])


class Pager:
    """Everybody whom Alertmanager tells: keeps what was said, each by its receiver."""

    def __init__(self) -> None:
        self._told: list[tuple[float, str, Notification]] = []
        self._news = asyncio.Condition()

    async def _take(self, request: web.Request) -> web.Response:
        notification = await request.json()
        async with self._news:
            self._told.append((time.time(), request.match_info["receiver"], notification))
            self._news.notify_all()
        return web.Response()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Its address, while it listens."""
        app = web.Application()
        app.router.add_post("/{receiver}", self._take)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    def alerts(self, receiver: str) -> set[str]:
        """The names of all that this receiver was told of."""
        return {one["labels"]["alertname"] for _, who, said in self._told if who == receiver for one in said["alerts"]}

    async def told(
        self, receiver: str, alert: str, status: str, since: float, within: float
    ) -> tuple[float, dict[str, str]]:
        """When this receiver first heard since then of the alert in this status (Unix time), and its annotations."""

        def heard() -> tuple[float, dict[str, str]] | None:
            for moment, who, said in self._told:
                for one in said["alerts"]:
                    if moment >= since and (who, one["labels"]["alertname"], one["status"]) == (
                        receiver,
                        alert,
                        status,
                    ):
                        return moment, one["annotations"]
            return None

        async with self._news, asyncio.timeout(within):
            await self._news.wait_for(heard)
        news = heard()
        assert news is not None
        return news


@contextlib.asynccontextmanager
async def alerting(metrics: str, folder: Path) -> AsyncIterator[Pager]:
    """Prometheus scrapes these metrics, and tells Alertmanager, which tells the pager."""
    pager, ports = Pager(), [free_port(), free_port()]
    at, alertmanager_at = (f"127.0.0.1:{port}" for port in ports)

    def moved(name: str, change: Callable[[Any], None]) -> Path:
        document = yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))
        change(document)
        file = folder / Path(name).name
        file.write_text(yaml.safe_dump(document), encoding="utf-8")
        return file

    def elsewhere(document: Any) -> None:
        document["scrape_configs"][0]["static_configs"][0]["targets"] = [URL(metrics).authority]
        document["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager_at]

    async with pager.serving() as hook:

        def to_us(document: Any) -> None:
            for receiver in document["receivers"]:
                receiver["webhook_configs"][0]["url"] = f"{hook}/{receiver['name']}"

        moved("prometheus/rules.yml", lambda _: None)
        prometheus = (
            f"--config.file={moved('prometheus/prometheus.yml', elsewhere)}",
            f"--storage.tsdb.path={folder / 'prometheus-data'}",
            f"--web.listen-address={at}",
        )
        alertmanager = (
            f"--config.file={moved('alertmanager/alertmanager.yml', to_us)}",
            f"--storage.path={folder / 'alertmanager-data'}",
            f"--web.listen-address={alertmanager_at}",
            "--cluster.listen-address=",
        )
        async with contextlib.AsyncExitStack() as running:
            for name, argv, says in (
                ("prometheus-alertmanager", alertmanager, f"address={alertmanager_at}"),
                ("prometheus", prometheus, "Server is ready to receive web requests"),
            ):
                program = Program([found(name) or name, *argv], env=None, log=folder / f"{name}.log")
                await running.enter_async_context(program)
                await program.wait_for_line(_with(says), UP_WITHIN)
            yield pager


def in_a_hurry(document: Any) -> Any:
    """The same, but that nothing waits for long."""
    match document:
        case Mapping():
            return {key: HURRIED if key in WAITS else in_a_hurry(each) for key, each in document.items()}
        case list():
            return [in_a_hurry(each) for each in document]
    return document


def _with(text: str) -> Callable[[str], bool]:
    return lambda line: text in line


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
