"""The process of a run, seen from outside."""

import asyncio
import os
from pathlib import Path

import psutil
import pytest
from aiohttp import web

from prober.child.messages import Order
from prober.child.parent import run_child
from tests.edge.products import one_step, plan_of, served


async def test_of_the_operators_environment_a_run_gets_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SHOP_COUPON", "LIVEKIT_API_SECRET", "AWS_SECRET_ACCESS_KEY", "PATHS", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "s3cr3t-value")
    monkeypatch.setenv("TZ", "Europe/Prague")
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    seen: list[dict[str, str]] = []

    async def handler(_request: web.Request) -> web.Response:
        (child,) = psutil.Process().children()
        environment = Path(f"/proc/{child.pid}/environ").read_bytes().decode().rstrip("\0")
        seen.append(dict(line.split("=", 1) for line in environment.split("\0")))
        return web.Response(status=403)

    async with served(("GET", "/", handler)) as origin:
        order = Order(plan=plan_of(one_step(origin)), secrets={"coupon": "s3cr3t-value"})
        await run_child(order, stop=asyncio.Event(), on_event=lambda _event: None)
    (environment,) = seen
    assert "s3cr3t-value" not in environment.values()
    kept = {name: environment.get(name) for name in ("PATH", "HOME", "TZ", "SSL_CERT_DIR", "OPENBLAS_NUM_THREADS")}
    assert kept == {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME"),
        "TZ": "Europe/Prague",
        "SSL_CERT_DIR": "/nowhere",
        "OPENBLAS_NUM_THREADS": "1",
    }
