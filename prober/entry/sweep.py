"""Deletes rooms of ours that no run knows any more: one whose prober was killed with it, or whose clean-up failed.

Only what carries our mark is ours, which is what the direct way in makes: rooms of a product's own door are the
product's. Trouble on the way is told, never raised.
"""

import asyncio

from livekit import api

from prober.core.plan import ApiKey
from prober.core.words import harmless
from prober.entry.cleanup import UnservedError, delete_room, serving
from prober.entry.direct import is_marked

MOST = 20
"""Rooms deleted at once: the oldest; the others are found the next time."""


async def sweep(key: ApiKey, *, older_than: float, now: float) -> tuple[tuple[str, ...], tuple[str, ...], str | None]:
    """Delete rooms with our mark that were made more than so many seconds before `now`, Unix time.

    The rooms that are gone, those that are left, each with the reason, and why nothing could be seen.
    """
    try:
        async with serving(key) as livekit:
            rooms = (await livekit.room.list_rooms(api.ListRoomsRequest())).rooms
    except UnservedError as error:
        return (), (), str(error)
    aged = sorted(
        (room.creation_time, room.name)
        for room in rooms
        if is_marked(room.metadata) and 0 < room.creation_time < now - older_than
    )
    names = [name for _, name in aged[:MOST]]
    results = await asyncio.gather(*(delete_room(key, name) for name in names))
    told = [(harmless(name), result) for name, result in zip(names, results, strict=True)]
    return (
        tuple(name for name, result in told if result.ok),
        tuple(f"{name}: {result.detail}" for name, result in told if not result.ok),
        None,
    )
