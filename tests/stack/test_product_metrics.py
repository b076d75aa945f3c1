"""What the dashboards ask of LiveKit's own numbers is what livekit-server and livekit-agents expose."""

import asyncio
import json
import socket
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from prober.refstack.process import Program
from prober.refstack.server_binary import ensure_server
from prober.refstack.worker import ensure_environment
from tests.system.dashboards.boards import PRODUCT

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]
SOON = 60.0
AGENTS = """
import prometheus_client
from livekit.agents.telemetry import metrics
for metric in vars(metrics).values():
    if hasattr(metric, "labels"):
        metric.labels(nodename="here")
print(prometheus_client.generate_latest().decode())
"""


def quiet(_: str) -> None:
    pass


def told(exposition: str) -> dict[str, frozenset[str]]:
    """The labels of each series."""
    families = text_string_to_metric_families(exposition)
    return {sample.name: frozenset(sample.labels) for family in families for sample in family.samples}


def wanted(prefix: str) -> dict[str, frozenset[str]]:
    return {name: labels for name, labels in PRODUCT.items() if name.startswith(prefix)}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


async def test_the_server_tells_of_rooms_and_participants(tmp_path: Path) -> None:
    port = free_port()
    rtc = {"tcp_port": free_port(), "udp_port": free_port()}
    config = {"port": free_port(), "bind_addresses": ["127.0.0.1"], "rtc": rtc, "keys": {"key": "secret" * 6}}
    file = tmp_path / "server.json"
    file.write_text(json.dumps({**config, "prometheus": {"port": port}}), encoding="utf-8")
    argv = (await ensure_server(quiet), "--config", file)
    async with Program(argv, env={}, log=tmp_path / "server.log") as server, aiohttp.ClientSession() as http:
        await server.wait_for_line(lambda line: "starting LiveKit server" in line, SOON)
        async with http.get(f"http://127.0.0.1:{port}/metrics") as answer:
            exposed = told(await answer.text())
    assert wanted("livekit_").items() <= exposed.items()


async def test_the_agents_tell_of_jobs_load_and_starts() -> None:
    python = await ensure_environment(quiet) / "bin" / "python"
    made = await asyncio.create_subprocess_exec(python, "-c", AGENTS, stdout=asyncio.subprocess.PIPE)
    exposed = told((await made.communicate())[0].decode())
    assert wanted("lk_agents_").items() <= exposed.items()
