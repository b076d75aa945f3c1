"""What some faults need beside the product: servers to which it sends callers, and doors that lead to nobody."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from prober.refstack.cache import Progress
from prober.refstack.effects import EFFECTS
from prober.refstack.faults import Fault, Needs
from prober.refstack.server import LiveKitServer, Variant
from prober.refstack.trial_app.app import TrialApp
from prober.refstack.trial_app.connection import ServerAccess

HELD_BACK = 4.0
"""Seconds for which slow signalling holds a caller's first words."""
_NOT_ROUTED = "192.0.2.1"  # RFC 5737: for documentation, nobody has it
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """An address given out for a server, and its keys."""

    url: str
    api_key: str
    api_secret: str = field(repr=False)


@contextlib.asynccontextmanager
async def servers_elsewhere(
    faults: Collection[Fault], healthy: LiveKitServer, *, directory: Path, progress: Progress
) -> AsyncIterator[Mapping[Fault, ServerAccess]]:
    """For those of the faults that need one, the server to which callers are sent in place of the healthy one."""

    def another(name: str, variant: Variant) -> Callable[[], AbstractAsyncContextManager[ServerAccess]]:
        return lambda: LiveKitServer(directory=directory, progress=progress, name=name, variant=variant)

    makers: Mapping[Fault, Callable[[], AbstractAsyncContextManager[ServerAccess]]] = {
        Fault.SERVER_DOWN: lambda: _nobody(healthy),
        Fault.SLOW_SERVER: lambda: _held_back(healthy),
        Fault.ROOM_NOT_MADE: another("livekit-without-rooms", Variant(auto_create=False)),
        Fault.MEDIA_BLOCKED: another("livekit-without-media", Variant(node_ip=_NOT_ROUTED)),
        Fault.NO_WORKER: another("livekit-without-worker", Variant()),
    }
    async with AsyncExitStack() as running:
        wanted = [fault for fault in faults if EFFECTS[fault].needs is Needs.SERVER]
        yield {fault: await running.enter_async_context(makers[fault]()) for fault in wanted}


@contextlib.asynccontextmanager
async def doors_elsewhere(faults: Collection[Fault], app: TrialApp) -> AsyncIterator[Mapping[Fault, str]]:
    """For those of the faults that need one, the URL at which their customers knock in place of the app's."""
    with _closed_port() as port:
        doors = {
            Fault.TRIAL_NO_NAME: "http://trial.invalid/",
            Fault.TRIAL_REFUSED: f"http://127.0.0.1:{port}/",
            Fault.PROBER_OFFLINE: f"http://127.0.0.1:{port}/",
        }
        if Fault.TRIAL_WRONG_CERTIFICATE in faults:
            doors[Fault.TRIAL_WRONG_CERTIFICATE] = await app.open_tls_door(_certificate_of_nobody())
        yield {fault: url for fault, url in doors.items() if fault in faults}


@contextlib.contextmanager
def _closed_port() -> Iterator[int]:
    """A port of ours at which nobody listens, nor can anybody else meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def _certificate_of_nobody() -> ssl.SSLContext:
    """A certificate for this very address, whose authority nobody knows."""
    import trustme  # noqa: PLC0415 - 100 ms, for one fault

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


@contextlib.asynccontextmanager
async def _nobody(server: ServerAccess) -> AsyncIterator[Access]:
    """An address at which nobody listens."""
    with _closed_port() as port:
        yield Access(url=f"ws://127.0.0.1:{port}", api_key=server.api_key, api_secret=server.api_secret)


@contextlib.asynccontextmanager
async def _held_back(server: ServerAccess) -> AsyncIterator[Access]:
    """The server behind a forwarder that lets signalling wait; the server's other requests pass at once."""
    address = urlsplit(server.url)

    async def forward(caller: asyncio.StreamReader, to_caller: asyncio.StreamWriter) -> None:
        with contextlib.closing(to_caller), contextlib.suppress(ConnectionError):
            callee, to_callee = await asyncio.open_connection(address.hostname, address.port)
            with contextlib.closing(to_callee):
                first = await caller.read(_CHUNK)
                if first.startswith(b"GET /rtc"):
                    await asyncio.sleep(HELD_BACK)
                to_callee.write(first)
                async with asyncio.TaskGroup() as both_ways:
                    both_ways.create_task(_pour(caller, to_callee))
                    both_ways.create_task(_pour(callee, to_caller))

    under_way: set[asyncio.Task[None]] = set()
    forwarder = await asyncio.start_server(
        lambda caller, to_caller: under_way.add(asyncio.create_task(forward(caller, to_caller))), "127.0.0.1", 0
    )
    try:
        port = forwarder.sockets[0].getsockname()[1]
        yield Access(url=f"ws://127.0.0.1:{port}", api_key=server.api_key, api_secret=server.api_secret)
    finally:
        forwarder.close()
        for connection in under_way:
            connection.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Pass everything on until the source ends, and then say so."""
    with contextlib.suppress(OSError):  # the other side may be gone by then
        while chunk := await source.read(_CHUNK):
            sink.write(chunk)
            await sink.drain()
        sink.write_eof()
