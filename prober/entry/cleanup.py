"""Takes a room out of the world again; trouble on the way is told, never raised."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import aiohttp
from google.protobuf.message import DecodeError
from livekit import api

from prober.core.plan import Access, ApiToken
from prober.core.words import harmless
from prober.entry.http import NO_TIMEOUT

WITHIN = 5.0
"""Seconds given to the server."""
LARGEST = 4 << 20
"""Bytes read of an answer: a list of 20,000 rooms is as large, or one of 4,000 rooms with 1 kB of metadata each."""
_REFUSED = "the key or token is not its own, or has expired"
"""What it means that who is refused is not told why; a grant that is missing is told."""


class CleanUp(NamedTuple):
    """Whether the resource is gone, and in words why, or why not."""

    ok: bool
    detail: str


class UnservedError(Exception):
    """LiveKit did not do what it was asked for; why, in words.

    `missing`: what it was asked about is not there. `silent`: nothing answered.
    """

    def __init__(self, words: str, *, missing: bool = False, silent: bool = False) -> None:
        super().__init__(words)
        self.missing = missing
        self.silent = silent


@asynccontextmanager
async def serving(key: Access, within: float = WITHIN) -> AsyncIterator[api.LiveKitAPI]:
    """LiveKit's API for so many seconds. Raises UnservedError."""
    try:
        async with asyncio.timeout(within), _session() as session:
            yield _signed_in(key, session)
    except api.ServerError as error:
        said = error.message or (_REFUSED if error.status == 401 else error.code)
        words = f"LiveKit answered {error.status}: {harmless(str(said))}"
        raise UnservedError(words, missing=error.code == api.ServerErrorCode.NOT_FOUND) from error
    except TimeoutError as error:
        raise UnservedError(f"LiveKit did not answer within {within:g} s", silent=True) from error
    except (aiohttp.ClientError, OSError) as error:
        raise UnservedError(f"LiveKit cannot be reached: {type(error).__name__}", silent=True) from error
    except (DecodeError, AttributeError) as error:  # livekit-api takes any refusal for a JSON object
        raise UnservedError("what answered is not LiveKit") from error


def _session() -> aiohttp.ClientSession:
    """Asks for no compression and unpacks none: a little of it can hold more than any memory."""
    return aiohttp.ClientSession(
        response_class=_Response, headers={"Accept-Encoding": "identity"}, auto_decompress=False, timeout=NO_TIMEOUT
    )


class _Response(aiohttp.ClientResponse):
    """Is read to LARGEST: livekit-api reads whatever comes."""

    async def read(self) -> bytes:
        body = bytearray()
        async for chunk in self.content.iter_any():
            body += chunk
            if len(body) > LARGEST:
                raise UnservedError(f"LiveKit's answer is larger than {LARGEST >> 20} MiB")
        self._body = bytes(body)
        return self._body


def _signed_in(key: Access, session: aiohttp.ClientSession) -> api.LiveKitAPI:
    """Without failover: it would retry for longer than we wait."""
    if isinstance(key, ApiToken):
        return api.LiveKitAPI.with_token(key.token, key.url, session=session, failover=False)
    return api.LiveKitAPI(key.url, key.key, key.secret, session=session, failover=False)


async def delete_room(key: Access, room: str, *, within: float = WITHIN) -> CleanUp:
    """Delete the room, which sends its agent home; a room that is gone already is as good."""
    try:
        async with serving(key, within) as livekit:
            await livekit.room.delete_room(api.DeleteRoomRequest(room=room))
    except UnservedError as error:
        return CleanUp(ok=error.missing, detail="was gone already" if error.missing else str(error))
    return CleanUp(ok=True, detail="deleted")
