"""Connections: so many at most, and none for longer than it is of use.

Whoever connects and says nothing, or half a request line again and again, must not keep a scrape from its answer. Where
there are too many connections, the one goes that has been waiting for a request for the longest time; a request that
came whole is answered. asyncio and aiohttp would keep as many as there are file descriptors.
"""

import asyncio
import contextlib
import socket
import struct

import msgspec
from aiohttp import web

from prober.watch.web.guard import Handler
from prober.watch.web.responses import HEADERS, SERVER

_RESET = struct.pack("ii", 1, 0)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Connections at a time, and seconds: until the first request is there whole, between requests, for an answer to be
    taken.
    """

    connections: int = 128
    first_request: float = 10.0
    idle: float = 75.0
    answer: float = 120.0


class Door:
    """The connections there are, the one that has been idle for the longest time first."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._inside: dict[Connection, None] = {}

    def came(self, connection: "Connection") -> None:
        """One more; somebody may have to go, if all others are being answered the newcomer itself."""
        self._inside[connection] = None
        if len(self._inside) > self.limits.connections:
            next(one for one in self._inside if one is connection or not one.busy).drop()

    def moved_on(self, connection: "Connection") -> None:
        """It was answered, and is the last to go."""
        if connection in self._inside:
            del self._inside[connection]
            self._inside[connection] = None

    def left(self, connection: "Connection") -> None:
        """One less."""
        self._inside.pop(connection, None)


class Connection(web.RequestHandler):
    """One of them. `busy` while a request is being answered, from its headers' end to its answer's last byte."""

    __slots__ = ("_door", "_line", "_timer", "busy")

    def __init__(self, manager: web.Server, door: Door, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            manager,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # what aiohttp documents for "none"
            keepalive_timeout=door.limits.idle,
            lingering_time=0.2,
            max_line_size=4096,
            max_headers=64,
        )
        self.busy = False
        self._door = door
        self._line: asyncio.BaseTransport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; the first request has to be there soon."""
        self._line = transport
        self._timer = self._loop.call_later(self._door.limits.first_request, self.drop)
        super().connection_made(transport)
        self._door.came(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is over."""
        self._punctual()
        self._door.left(self)
        super().connection_lost(exc)

    def began(self) -> None:
        """A request is there, with all its headers."""
        self._punctual()
        self.busy = True

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer to whoever takes it within the time there is."""
        try:
            async with asyncio.timeout(self._door.limits.answer):
                return await super().finish_response(request, resp, start_time)
        except TimeoutError:
            self.drop()
            return resp, True
        finally:
            self._punctual()
            self.busy = False
            self._door.moved_on(self)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - the parser's words quote what it was sent
    ) -> web.StreamResponse:
        """What is no HTTP, and what went wrong beyond the application's reach: one sentence, and nobody is logged in
        full who sends nonsense.
        """
        if status == 500:
            self.logger.error("web.failed", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("The answer has begun already.")
        words = "This is no HTTP request that is understood here.\n" if status == 400 else "The canary has a bug.\n"
        response = web.Response(status=status, text=words, headers={**HEADERS, "Server": SERVER})
        response.force_close()
        return response

    def drop(self) -> None:
        """End it at once, and leave nothing in the kernel to be sent either."""
        self._door.left(self)
        if isinstance(self._line, asyncio.Transport):
            with contextlib.suppress(OSError):
                self._line.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._line.abort()

    def _punctual(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


@web.middleware
async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The handler's answer, while the connection counts as busy."""
    if isinstance(request.protocol, Connection):
        request.protocol.began()
    return await handler(request)
