"""Clients that mean no good, over real sockets: nobody keeps a scrape from its answer, nor a socket for ever."""

import asyncio
import contextlib
import select
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from prober.sinks.evidence import Evidence, Limits
from prober.watch.web import connections
from prober.watch.web.app import serve
from prober.watch.web.listen import Listen, ListenError, parsed
from tests.edge.web_canary import Client, SmallCanary, serving

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
SOON = 300.0
"""Seconds in which what is awaited happens even on a machine that stands still for a while: a hang ends here."""


@contextlib.asynccontextmanager
async def connected(client: Client, sent: bytes = b"") -> AsyncIterator[Connection]:
    """A connection on which so much was sent."""
    there = parsed(client.server.url.removeprefix("http://"))
    reader, writer = await asyncio.open_connection(there.host, there.port)
    try:
        with contextlib.suppress(ConnectionError):  # dropped already
            writer.write(sent)
            await writer.drain()
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What was still said, once the other side is gone."""
    said = b""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(SOON):
            while piece := await reader.read(65536):
                said += piece
    return said


async def scrapes(client: Client, times: int) -> list[float]:
    """How long each scrape took that came over a connection of its own, in order of length."""
    took = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        for _ in range(times):
            begun = time.perf_counter()
            async with session.get(f"{client.server.url}/metrics") as response:
                assert response.status == 200
                assert await response.read() == b"# EOF\n"
            took.append(time.perf_counter() - begun)
    return sorted(took)


@pytest.mark.parametrize("sent", [b"", b"GET /metr", b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])
async def test_three_hundred_half_open_sockets_do_not_hold_up_a_scrape(tmp_path: Path, sent: bytes) -> None:
    async with serving(SmallCanary(), tmp_path) as client, contextlib.AsyncExitStack() as stack:
        alone = await scrapes(client, 30)
        for _ in range(300):
            await stack.enter_async_context(connected(client, sent))
        crowded = await scrapes(client, 30)
    told = f"median {crowded[15]:.4f} s, slowest {crowded[-1]:.4f} s; alone {alone[15]:.4f} s, {alone[-1]:.4f} s"
    # Where the machine has no time, a scrape takes longer without them too; and one hiccup is no queue.
    for rank in (15, 26):
        assert crowded[rank] < max(0.1, 3 * alone[rank]), told


async def test_where_all_are_being_answered_the_newcomer_goes(tmp_path: Path) -> None:
    begun, over = asyncio.Semaphore(0), asyncio.Event()

    async def slow(_request: web.Request) -> web.Response:
        begun.release()
        await over.wait()
        return web.Response(text="done")

    limits = connections.Limits(connections=3)
    async with serving(SmallCanary(), tmp_path, routes=[web.get("/slow", slow)], limits=limits) as client:
        answers = [asyncio.create_task(client.text("/slow")) for _ in range(3)]
        for _ in answers:
            await begun.acquire()
        async with connected(client, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n") as (reader, _):
            assert await ended(reader) == b""
        over.set()
        assert await asyncio.gather(*answers) == [(200, "done")] * 3
        assert (await client.text("/-/ready"))[0] == 200


async def test_who_has_been_idle_for_the_longest_time_goes_first(tmp_path: Path) -> None:
    request = b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n"
    limits = connections.Limits(connections=2)
    async with serving(SmallCanary(), tmp_path, limits=limits) as client, contextlib.AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(connected(client, request)) for _ in range(2)]
        for reader, _ in (first, second):
            await reader.readuntil(b"Ready.\n")
        first[1].write(request)
        await first[0].readuntil(b"Ready.\n")
        await stack.enter_async_context(connected(client, b"GET"))
        assert await ended(second[0]) == b""
        first[1].write(request)
        assert b"200 OK" in await first[0].readuntil(b"Ready.\n")


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: "])
async def test_a_first_request_has_to_come_soon(tmp_path: Path, sent: bytes) -> None:
    limits = connections.Limits(first_request=0.2)
    async with serving(SmallCanary(), tmp_path, limits=limits) as client, connected(client, sent) as (reader, _):
        assert await ended(reader) == b""


async def test_a_punctual_client_may_stay(tmp_path: Path) -> None:
    request = b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n"
    limits = connections.Limits(first_request=0.2)
    async with serving(SmallCanary(), tmp_path, limits=limits) as client, connected(client, request) as (here, writer):
        await here.readuntil(b"Ready.\n")
        async with connected(client) as (late, _):
            assert await ended(late) == b""  # more than the time for a first request has passed
        writer.write(request)
        assert b"200 OK" in await here.readuntil(b"Ready.\n")


@pytest.mark.parametrize("more", [b"", b"GET / HTTP/1.1\r\nHo"])
async def test_an_idle_connection_is_closed(tmp_path: Path, more: bytes) -> None:
    request = b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with (
        serving(SmallCanary(), tmp_path, limits=connections.Limits(idle=0.2)) as client,
        connected(client, request + more) as (reader, _),
    ):
        assert (await ended(reader)).endswith(b"Ready.\n")


@pytest.mark.parametrize("kind", ["file", "memory"])
async def test_who_does_not_take_an_answer_is_left(tmp_path: Path, kind: str) -> None:
    async def large(_request: web.Request) -> web.Response:
        return web.Response(body=bytes(20 << 20))

    recorded = tmp_path / "recorded.wav"
    recorded.write_bytes(bytes(20 << 20))
    Evidence(tmp_path / "evidence", Limits()).keep("0123456789abcdef", "fail", b"{}", recorded)
    path = {"file": "/runs/0123456789abcdef.wav", "memory": "/large"}[kind]
    limits, routes = connections.Limits(answer=0.3), [web.get("/large", large)]
    async with serving(SmallCanary(), tmp_path, limits=limits, routes=routes) as client:
        there = parsed(client.server.url.removeprefix("http://"))
        with socket.create_connection((there.host, there.port)) as deaf:
            deaf.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            gone = select.poll()
            gone.register(deaf, 0)  # a reset, not a byte
            assert await asyncio.to_thread(gone.poll, SOON * 1000)
        assert (await client.text("/-/ready"))[0] == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nno colon\r\n\r\n", 400),
        (b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 9000 + b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-Many: x\r\n" * 100 + b"\r\n", 400),
        (b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n", 413),
        (b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\nExpect: a miracle\r\nConnection: close\r\n\r\n", 417),
    ],
)
async def test_what_is_no_request_gets_one_sentence(
    tmp_path: Path, sent: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    canary = SmallCanary()
    async with serving(canary, tmp_path) as client, connected(client, sent) as (reader, _):
        head, _, body = (await ended(reader)).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.{head[7:8].decode()} {status} ".encode())
    assert b"\r\nServer: livekit-prober" in head
    assert b"aiohttp" not in head
    assert b"nosniff" in head
    assert body.count(b"\n") <= 1
    assert not canary.reloads
    assert not [one for one in caplog.records if one.levelno >= 30]  # nonsense from outside is no trouble of ours


async def test_a_body_that_never_ends_is_not_waited_for(tmp_path: Path) -> None:
    sent = b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    async with serving(SmallCanary(), tmp_path) as client, connected(client, sent) as (reader, _):
        assert (await ended(reader)).endswith(b"Reloaded.\n")


async def test_a_port_in_use_is_one_plain_sentence(tmp_path: Path) -> None:
    async with serving(SmallCanary(), tmp_path) as client:
        there = parsed(client.server.url.removeprefix("http://"))
        with pytest.raises(ListenError) as refused:
            await serve(SmallCanary(), there, history_path=tmp_path / "history.db", evidence_folder=None)
    assert str(refused.value) == (
        f"The canary cannot listen on {there}: the port is in use, perhaps by another canary; --listen chooses another."
    )


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
async def test_an_address_of_another_machine_is_one_plain_sentence(tmp_path: Path, host: str) -> None:
    with pytest.raises(ListenError, match="that is no address of this machine"):
        await serve(SmallCanary(), Listen(host, 0), history_path=tmp_path / "history.db", evidence_folder=None)


async def test_a_closed_server_leaves_nothing_behind(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    async with serving(SmallCanary(), tmp_path) as client:
        async with connected(client, b"GET /metr") as (reader, _):
            there = parsed(client.server.url.removeprefix("http://"))
            await client.server.close()
            assert await ended(reader) == b""
        with pytest.raises(OSError, match="Connect call failed"):
            await asyncio.open_connection(there.host, there.port)
    assert asyncio.all_tasks() == before
