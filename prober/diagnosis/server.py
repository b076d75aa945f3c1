"""What LiveKit's own server says of a room in which an agent failed us: who was asked for, who took it, who came.

A job's status is never looked at: it stays that of the moment in which a worker took the job, and a job that crashed
ends as a success. Trouble on the way is told in the event, never raised.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from livekit import api

from prober.core.events import Dispatch, Job, Person, ServerAsked
from prober.core.plan import Access
from prober.core.words import harmless
from prober.entry.cleanup import UnservedError, serving

WITHIN = 3.0
"""Seconds given to the server: a room with an agent in it waits meanwhile."""
MOST = 20
"""Participants, dispatches and jobs that are kept of each list."""
STATE = "lk.agent.state"
_KINDS = {number: name.lower() for name, number in api.ParticipantInfo.Kind.items()}
"""A server that is newer than we are may have more of them."""

T = TypeVar("T")


async def ask(key: Access, room: str, elapsed: Callable[[], float], *, within: float = WITHIN) -> ServerAsked:
    """Ask for the room, its participants and its dispatches, all at once."""
    trouble: list[str] = []

    async def told(what: str, request: Callable[[api.LiveKitAPI], Awaitable[T]]) -> T | None:
        try:
            async with serving(key, within) as livekit:
                return await request(livekit)
        except UnservedError as error:
            trouble.append(f"{what}: {error}")
            return None

    named, inside = api.ListRoomsRequest(names=[room]), api.ListParticipantsRequest(room=room)
    rooms, people, dispatches = await asyncio.gather(
        told("ListRooms", lambda livekit: livekit.room.list_rooms(named)),
        told("ListParticipants", lambda livekit: livekit.room.list_participants(inside)),
        told("ListDispatch", lambda livekit: livekit.agent_dispatch.list_dispatch(room_name=room)),
    )
    return ServerAsked(
        at=elapsed(),
        listed=None if rooms is None else sum(each.num_participants for each in rooms.rooms),
        people=None if people is None else _people(people),
        dispatches=None if dispatches is None else tuple(map(_dispatch, dispatches[:MOST])),
        trouble=tuple(sorted(trouble)),
    )


def _people(listed: api.ListParticipantsResponse) -> tuple[Person, ...]:
    """The agents before all others, so that none of them is left out where there are many."""
    return tuple(sorted(map(_person, listed.participants), key=lambda person: person.kind != "agent")[:MOST])


def _person(person: api.ParticipantInfo) -> Person:
    state = person.attributes.get(STATE)
    return Person(
        identity=harmless(person.identity),
        kind=_KINDS.get(person.kind, str(person.kind)),
        state=None if state is None else harmless(state),
        tracks=len(person.tracks),
    )


def _dispatch(dispatch: Any) -> Dispatch:
    return Dispatch(
        id=harmless(dispatch.id),
        agent=harmless(dispatch.agent_name),
        jobs=tuple(
            Job(
                id=harmless(job.id),
                worker=harmless(job.state.worker_id),
                identity=harmless(job.state.participant_identity),
            )
            for job in dispatch.state.jobs[:MOST]
        ),
    )
