"""A long way for media: all UDP between a LiveKit server and its callers, its agents too, late, mixed up or lost.

Callers are told another address of the loopback interface (`DETOUR`), where the server's own port is listened at.
"""

import asyncio
import contextlib
import random
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from prober.refstack.server import Variant

LEGS = 2
"""How often media comes this way from mouth to ear: from the one who speaks to the server, and on to who listens."""
_SERVER = "127.0.0.1"
_LARGEST = 65_536
DETOUR = Variant(node_ip="127.0.0.2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What happens to each packet, whichever way it goes: seconds, and a share of packets."""

    delay: float = 0.0
    jitter: float = 0.0
    """Each packet is up to so much later, by chance: one that was sent later may come sooner."""
    loss: float = 0.0


class Detour:
    """The way as it is now; for whom it changes, it changes at once."""

    def __init__(self, port: int) -> None:
        self.way = Way()
        self._port = port
        self._chance = random.Random(port)
        self._here = _socket()
        self._here.bind((DETOUR.node_ip, port))
        self._onward: dict[tuple[str, int], socket.socket] = {}

    def _from_caller(self) -> None:
        for packet, caller in _received(self._here):
            self._pass_on(self._to_server(caller), packet, (_SERVER, self._port))

    def _to_server(self, caller: tuple[str, int]) -> socket.socket:
        """The socket that is this caller to the server."""
        if caller not in self._onward:
            onward = self._onward[caller] = _socket()
            onward.bind((_SERVER, 0))
            asyncio.get_running_loop().add_reader(onward, self._from_server, onward, caller)
        return self._onward[caller]

    def _from_server(self, onward: socket.socket, caller: tuple[str, int]) -> None:
        for packet, _ in _received(onward):
            self._pass_on(self._here, packet, caller)

    def _pass_on(self, sender: socket.socket, packet: bytes, to: tuple[str, int]) -> None:
        if self._chance.random() >= self.way.loss:
            delay = self.way.delay + self._chance.uniform(0, self.way.jitter)
            asyncio.get_running_loop().call_later(delay, _send, sender, packet, to)


@contextlib.contextmanager
def detour(port: int) -> Iterator[Detour]:
    """Make the way to the server with this media port, in the running event loop."""
    made, loop = Detour(port), asyncio.get_running_loop()
    loop.add_reader(made._here, made._from_caller)
    try:
        yield made
    finally:
        for one in (made._here, *made._onward.values()):
            loop.remove_reader(one)
            one.close()


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    return made


def _received(source: socket.socket) -> Iterator[tuple[bytes, tuple[str, int]]]:
    with contextlib.suppress(BlockingIOError, ConnectionError):  # all is read; or who was sent to is gone
        while True:
            yield source.recvfrom(_LARGEST)


def _send(sender: socket.socket, packet: bytes, to: tuple[str, int]) -> None:
    with contextlib.suppress(OSError):  # as on any network
        sender.sendto(packet, to)
