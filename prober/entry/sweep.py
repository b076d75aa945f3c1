"""Deletes rooms of ours that no run knows any more: one whose prober was killed with it, or whose clean-up failed.

Only what carries our mark is ours, which is what the direct way in makes: rooms of a product's own door are the
product's. A room with a caller in it belongs to a run under way, however old a wrong clock makes it: LiveKit drops a
caller whose process died. Trouble on the way is told, never raised.
"""

import asyncio

from livekit import api

from prober.core.plan import ApiKey
from prober.core.words import harmless
from prober.entry.cleanup import CleanUp, UnservedError, delete_room, serving
from prober.entry.direct import Mark, mark_of

AT_ONCE = 10
"""Rooms that are seen to at a time."""

Left = tuple[str, str, str]
"""A room, why it could not be deleted, and the target whose run made it."""


async def sweep(key: ApiKey, *, older_than: float, now: float) -> tuple[tuple[str, ...], tuple[Left, ...], str | None]:
    """Delete rooms with our mark that were made more than so many seconds before `now`, Unix time.

    The rooms that are gone, those that are left, and why nothing could be seen.
    """
    try:
        async with serving(key) as livekit:
            rooms = (await livekit.room.list_rooms(api.ListRoomsRequest())).rooms
    except UnservedError as error:
        return (), (), str(error)
    turn = asyncio.Semaphore(AT_ONCE)

    async def see_to(room: str, mark: Mark) -> tuple[str, CleanUp, str] | None:
        async with turn:
            result = await _delete(key, room)
            return None if result is None else (harmless(room), result, mark.target)

    ours = {
        room.name: mark
        for room in rooms
        if 0 < room.creation_time < now - older_than and (mark := mark_of(room.metadata)) is not None
    }
    told = [one for one in await asyncio.gather(*(see_to(*one) for one in ours.items())) if one is not None]
    return (
        tuple(name for name, result, _ in told if result.ok),
        tuple((name, result.detail, target) for name, result, target in told if not result.ok),
        None,
    )


async def _delete(key: ApiKey, room: str) -> CleanUp | None:
    """Delete the room; None where a caller is in it."""
    try:
        async with serving(key) as livekit:
            people = (await livekit.room.list_participants(api.ListParticipantsRequest(room=room))).participants
    except UnservedError as error:
        return CleanUp(ok=error.missing, detail=str(error))
    if any(person.kind == api.ParticipantInfo.Kind.STANDARD for person in people):
        return None
    return await delete_room(key, room)
