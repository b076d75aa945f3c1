"""A real livekit-server on free loopback ports, with keys of its own, running as long as its context."""

import asyncio
import json
import os
import secrets
import socket
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from prober.refstack.cache import Progress
from prober.refstack.process import Program, StackError
from prober.refstack.server_binary import ensure_server

_LOOPBACK = "127.0.0.1"
_ANSWERS_WITHIN = 20.0
_LOOK_EVERY = 0.03
_GRACE = 1.0  # on SIGTERM it waits for all participants to leave, which no caller of ours cares for
_PASSED_ON = ("HOME", "LANG", "PATH", "TMPDIR", "TZ")  # LIVEKIT_KEYS, UDP_PORT … would override its configuration
_TRIES = 3  # somebody else may take a port between our look and the server's


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What is set in another way than a product should have it."""

    auto_create: bool = True
    """Whether joining makes the room."""
    node_ip: str = _LOOPBACK
    """The address that callers are told to send their media to."""


class LiveKitServer:
    """livekit-server from start to stop; entering waits until it answers, or raises `StackError` with the reason."""

    url: str
    api_key: str
    api_secret: str
    media_port: int
    """The UDP port of 127.0.0.1 at which it takes its callers' media."""
    _program: Program

    def __init__(
        self,
        *,
        directory: Path,
        progress: Progress,
        binary: Path | None = None,
        name: str = "livekit-server",
        variant: Variant | None = None,
    ) -> None:
        self.log = directory / f"{name}.log"
        self._config = directory / f"{name}.json"
        self._binary = binary
        self._variant = variant or Variant()
        self._progress = progress
        self._running = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for attempt in range(_TRIES):
            try:
                await self._start()
                break
            except StackError as error:
                if "address already in use" not in str(error) or attempt == _TRIES - 1:
                    raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._running.aclose()

    async def kill(self) -> None:
        """Let it die as in a crash."""
        await self._program.kill()
        await self._running.aclose()

    async def restart(self) -> None:
        """After `kill`: start it again at the same address, with the same keys and no room of before."""
        await self._launch()

    @property
    def http_url(self) -> str:
        """The address of the server's HTTP interface."""
        return self.url.replace("ws://", "http://", 1)

    async def _start(self) -> None:
        http_port, self.media_port = _free_ports()
        self.url = f"ws://127.0.0.1:{http_port}"
        self.api_key = f"API{secrets.token_hex(6)}"
        self.api_secret = secrets.token_urlsafe(32)
        self._config.touch(mode=0o600)
        config = _config(http_port, self.media_port, {self.api_key: self.api_secret}, self._variant)
        self._config.write_text(json.dumps(config, indent=1))
        await self._launch()

    async def _launch(self) -> None:
        binary = self._binary or await ensure_server(self._progress)
        async with AsyncExitStack() as starting:
            environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
            program = Program([binary, "--config", self._config], env=environment, log=self.log, grace=_GRACE)
            self._program = await starting.enter_async_context(program)
            await self._until_it_answers(program)
            self._running = starting.pop_all()

    async def _until_it_answers(self, program: Program) -> None:
        clock = asyncio.get_running_loop().time
        due = clock() + _ANSWERS_WITHIN
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1)) as http:
            while not await _answers(http, self.http_url):
                if program.returncode is not None:
                    raise StackError(f"livekit-server ended while it started.{program.last_words()}")
                if clock() >= due:
                    raise StackError(f"livekit-server did not answer in {_ANSWERS_WITHIN:g} s.{program.last_words()}")
                await asyncio.sleep(_LOOK_EVERY)


def _config(http_port: int, media_port: int, keys: dict[str, str], variant: Variant) -> dict[str, object]:
    """Loopback only, no STUN, no TURN. JSON is YAML, which is what the server reads."""
    return {
        "port": http_port,
        "bind_addresses": ["127.0.0.1"],
        "keys": keys,
        "rtc": {
            "udp_port": media_port,
            "tcp_port": 0,  # the server's ICE/TCP port listens on all interfaces; loopback UDP needs no fallback
            "use_external_ip": False,
            "node_ip": variant.node_ip,
            "use_ice_lite": variant.node_ip != _LOOPBACK,  # else it looks for its callers, and finds them
            "enable_loopback_candidate": True,
            "ips": {"includes": ["127.0.0.1/32"]},
        },
        "room": {"auto_create": variant.auto_create, "empty_timeout": 30, "departure_timeout": 2},
        "logging": {"json": True, "level": "info"},
    }


def _free_ports() -> tuple[int, int]:
    """A TCP and a UDP port of the loopback interface that nobody uses just now."""
    with ExitStack() as held:
        tcp = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        udp = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        for one in (tcp, udp):
            one.bind(("127.0.0.1", 0))
        return tcp.getsockname()[1], udp.getsockname()[1]


async def _answers(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
