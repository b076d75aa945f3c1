"""What can be wrong with a job of the reference agent before it takes part in its call: it crashes, ends, gets stuck.

Runs in the agent's own environment.
"""

import asyncio
import os
import socket
import sys
import time

from agent_call import Call
from aiohttp import web
from livekit import rtc

STUCK = 60.0
"""Seconds after which a job that nobody else ends gives up: a worker has room for so many."""
TOO_LATE = 5.0
"""Seconds: LiveKit waits 3 for a worker's answer."""
REFUSED_KEY = "a-key-that-was-revoked"


class SlowToAnswer(Call):
    """Its worker takes so long to accept the job that LiveKit has given up asking."""

    hesitates = TOO_LATE


class CrashesOnJoining(Call):
    """Raises as soon as it is in the room."""

    async def before_start(self) -> None:
        """Join, and crash."""
        await self.ctx.connect()
        raise FileNotFoundError("menu.json")


class Dies(Call):
    """Its process is gone from one moment to the next, as by a fault of a native library or for want of memory."""

    async def before_join(self) -> None:
        """Die."""
        os._exit(3)


class Exits(Call):
    """Ends its process as a script would, which is not how a job ends."""

    async def before_join(self) -> None:
        """Exit."""
        asyncio.get_running_loop().call_later(STUCK, os._exit, 1)
        sys.exit("no menu today")


class Hangs(Call):
    """Waits for something that never comes."""

    async def before_join(self) -> None:
        """Wait."""
        await asyncio.sleep(STUCK)
        raise TimeoutError("the menu did not come")


class Blocks(Call):
    """Waits for something that never comes, and nothing else of its process can go on meanwhile."""

    async def before_join(self) -> None:
        """Wait, in the event loop's own thread."""
        time.sleep(STUCK)  # noqa: ASYNC251 - that is the fault
        raise TimeoutError("the menu did not come")


class Returns(Call):
    """Ends without having joined."""

    joins = False

    async def before_join(self) -> None:
        """Think of ending the job at last."""
        asyncio.get_running_loop().call_later(STUCK, self.ctx.shutdown)


class Unconnected(Call):
    """Cannot reach the LiveKit server whose job it has."""

    async def before_join(self) -> None:
        """Have an address at which nobody listens, nor can anybody else meanwhile."""
        self._held = socket.socket()
        self._held.bind(("127.0.0.1", 0))
        self.ctx._info.url = f"ws://127.0.0.1:{self._held.getsockname()[1]}"


class WithoutMedia(Call):
    """Reaches the server, but no media gets through: it may only relay, and there is no relay."""

    async def before_start(self) -> None:
        """Try to join."""
        only_relayed = rtc.RtcConfiguration(ice_transport_type=rtc.IceTransportType.TRANSPORT_RELAY)
        await self.ctx.connect(rtc_config=only_relayed)


class RefusedVoiceKey(Call):
    """The voice provider's key is there, and is refused when the agent first speaks."""

    voice_of = "openai"

    async def before_join(self) -> None:
        """Speak by a provider of our own, which refuses; this process serves this one job."""
        provider = web.Application()
        provider.router.add_route("*", "/{path:.*}", _refuse)
        runner = web.AppRunner(provider)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        os.environ.update(OPENAI_API_KEY=REFUSED_KEY, OPENAI_BASE_URL=f"http://{host}:{port}/v1")

    async def before_start(self) -> None:
        """Join first: livekit-agents never tells of a state that a session came to before it was in the room."""
        await self.ctx.connect()


async def _refuse(_request: web.Request) -> web.Response:
    """What OpenAI answers to a key that it does not know."""
    error = {
        "message": f"Incorrect API key provided: {REFUSED_KEY}. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_api_key",
    }
    return web.json_response({"error": error}, status=401)
