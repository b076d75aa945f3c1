"""Takes a room out of the world again; trouble on the way is told, never raised."""

import asyncio
from typing import NamedTuple

import aiohttp
from google.protobuf.message import DecodeError
from livekit import api

from prober.core.plan import ApiKey
from prober.core.words import harmless

WITHIN = 5.0
"""Seconds given to the server."""


class CleanUp(NamedTuple):
    """Whether the resource is gone, and in words why, or why not."""

    ok: bool
    detail: str


async def delete_room(key: ApiKey, room: str, *, within: float = WITHIN) -> CleanUp:
    """Delete the room, which sends its agent home; a room that is gone already is as good."""
    try:
        async with (
            asyncio.timeout(within),
            # No failover: it would retry for longer than we wait.
            api.LiveKitAPI(key.url, key.key, key.secret, failover=False) as livekit,
        ):
            await livekit.room.delete_room(api.DeleteRoomRequest(room=room))
    except api.ServerError as error:
        if error.code == api.ServerErrorCode.NOT_FOUND:
            return CleanUp(ok=True, detail="was gone already")
        return CleanUp(
            ok=False, detail=f"LiveKit answered {error.status}: {harmless(str(error.message or error.code))}"
        )
    except TimeoutError:
        return CleanUp(ok=False, detail=f"LiveKit did not answer within {within:g} s")
    except (aiohttp.ClientError, OSError) as error:
        return CleanUp(ok=False, detail=f"LiveKit cannot be reached: {type(error).__name__}")
    except (DecodeError, AttributeError):  # livekit-api takes any refusal for a JSON object
        return CleanUp(ok=False, detail="what answered is not LiveKit")
    return CleanUp(ok=True, detail="deleted")
