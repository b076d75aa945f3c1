"""Products on loopback and callers who walk in: what tests of the trial share."""

import ssl
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from prober.core.events import Event, HttpMoment, SessionGranted
from prober.core.plan import Allowed, Deadlines, Expectations, Plan, Session, Step, TrialEntry
from prober.core.reasons import RunFault
from prober.core.templates import Known
from prober.entry.trial import walk
from prober.recorder import Recorder

CERTIFICATE = Path(__file__).with_name("localhost.pem")
TOKEN = jwt.encode({"sub": "caller", "video": {"room": "trial_7", "roomJoin": True}}, "k" * 32)
DETAILS = {"serverUrl": "wss://livekit.example/", "roomName": "trial_7", "participantToken": TOKEN}
RUN = "run-1234"
EMAIL = f"livekit-prober+{RUN}@example.com"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Route = tuple[str, str, Handler]


@asynccontextmanager
async def served(*routes: Route, tls: bool = False) -> AsyncIterator[str]:
    """The origin of a product with these routes."""
    app = web.Application()
    for method, path, handler in routes:
        app.router.add_route(method, path, handler)
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
    server = TestServer(app, host="127.0.0.1", scheme="https" if tls else "http", skip_url_asserts=True)
    await server.start_server(ssl=context, shutdown_timeout=0.1)
    try:
        yield str(server.make_url("/")).rstrip("/")
    finally:
        await server.close()


def recorder() -> Recorder:
    return Recorder(time.monotonic, lambda _event: None)


def one_step(url: str, **changes: object) -> TrialEntry:
    step = msgspec.structs.replace(Step(name="details", method="GET", url=url), **changes)
    return TrialEntry(steps=(step,), email="livekit-prober+{{ run_id }}@example.com")


def plan_of(
    entry: TrialEntry,
    deadlines: Deadlines | None = None,
    *,
    allowed: Allowed | None = None,
    user_agent: str | None = None,
) -> Plan:
    return Plan(
        run_id=RUN,
        target="shop",
        entry=entry,
        expectations=Expectations(deadlines=deadlines or Deadlines()),
        allowed=allowed or Allowed(),
        user_agent=user_agent,
    )


async def walked(
    entry: TrialEntry,
    to: Recorder,
    deadlines: Deadlines | None = None,
    *,
    secrets: Mapping[str, str] | None = None,
    told: Callable[[Known], None] = lambda _known: None,
    **plan: Any,
) -> Session:
    return await walk(
        entry,
        plan_of(entry, deadlines, **plan),
        to,
        unix_ms=1_700_000_000_123,
        random="0a1b2c3d",
        secrets=secrets,
        told=told,
    )


async def refused(
    entry: TrialEntry, deadlines: Deadlines | None = None, to: Recorder | None = None, **more: Any
) -> RunFault:
    """The error in which the walk ends; nothing that is kept of it holds a secret."""
    to = to or recorder()
    with pytest.raises(RunFault) as caught:
        await walked(entry, to, deadlines, **more)
    kept = [str(caught.value), repr(caught.value), *map(repr, to.events), *traceback.format_exception(caught.value)]
    holds_no_secret("\n".join(kept))
    assert not any(isinstance(event, SessionGranted) for event in to.events)
    return caught.value


def holds_no_secret(text: str) -> None:
    for secret in (TOKEN, TOKEN.split(".")[1], EMAIL, EMAIL.replace("+", "%2B"), "livekit-prober+", "?trial", "trial="):
        assert secret not in text


def moments(events: list[Event], step: str) -> list[tuple[str, str]]:
    return [(event.what, event.detail) for event in events if isinstance(event, HttpMoment) and event.step == step]


def answering(document: object, status: int = 200, content_type: str = "application/json") -> Handler:
    async def handler(_request: web.Request) -> web.Response:
        body = document if isinstance(document, bytes) else msgspec.json.encode(document)
        return web.Response(body=body, status=status, content_type=content_type)

    return handler


async def page(_request: web.Request) -> web.Response:
    response = web.Response(text="<button>Start Trial</button>", content_type="text/html")
    response.set_cookie("visit", "a b", path="/")
    return response
