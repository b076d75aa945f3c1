"""What LiveKit's own server says of a room in which an agent failed us: who was asked for, who took it, who came.

A job's status is never looked at: it stays that of the moment in which a worker took the job, and a job that crashed
ends as a success. Trouble on the way is told in the event, never raised.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from livekit import api

from prober.core.events import Dispatch, Job, Person, RoomJoined, ServerAsked
from prober.core.plan import Access
from prober.core.words import harmless
from prober.entry.cleanup import UnservedError, serving

WITHIN = 3.0
"""Seconds given to the server: a room with an agent in it waits meanwhile."""
MOST = 20
"""Participants, dispatches and jobs that are kept of each list."""
MARGIN = 1.0
"""Seconds by which older dispatches are older: servers without milliseconds cut off what is below a second."""
STATE = "lk.agent.state"
_KINDS = {number: name.lower() for name, number in api.ParticipantInfo.Kind.items()}
"""A server that is newer than we are may have more of them."""

T = TypeVar("T")
_Shown = Callable[[str], str]


async def ask(
    key: Access,
    room: str,
    elapsed: Callable[[], float],
    *,
    joined: RoomJoined | None = None,
    shown: _Shown = harmless,
    within: float = WITHIN,
) -> ServerAsked:
    """Ask for the room, its participants and its dispatches, all at once; `shown` is how words of others are kept.

    Of a room that we have joined it is told which dispatches are older than our run.
    """
    trouble: list[str] = []
    silent: list[bool] = []

    async def told(what: str, request: Callable[[api.LiveKitAPI], Awaitable[T]]) -> T | None:
        try:
            async with serving(key, within) as livekit:
                return await request(livekit)
        except UnservedError as error:
            trouble.append(shown(f"{what}: {error}"))
            silent.append(error.silent)
            return None

    named, inside = api.ListRoomsRequest(names=[room]), api.ListParticipantsRequest(room=room)
    rooms, people, dispatches = await asyncio.gather(
        told("ListRooms", lambda livekit: livekit.room.list_rooms(named)),
        told("ListParticipants", lambda livekit: livekit.room.list_participants(inside)),
        told("ListDispatch", lambda livekit: livekit.agent_dispatch.list_dispatch(room_name=room)),
    )
    began = None if people is None or joined is None else _began(people, joined, shown)
    return ServerAsked(
        at=elapsed(),
        listed=None if rooms is None else sum(each.num_participants for each in rooms.rooms),
        people=None if people is None else _people(people, shown),
        dispatches=None if dispatches is None else tuple(_dispatch(each, began, shown) for each in dispatches[:MOST]),
        trouble=tuple(sorted(trouble)),
        silent=silent == [True] * 3,
    )


def unasked(at: float, ours: str, theirs: str) -> ServerAsked:
    """What a key for another host tells."""
    why = f"the key is for {ours}, and the session is on {theirs}: give it the name that the product hands out"
    return ServerAsked(at=at, listed=None, people=None, dispatches=None, trouble=(why,))


def _people(listed: api.ListParticipantsResponse, shown: _Shown = harmless) -> tuple[Person, ...]:
    """The agents before all others, so that none of them is left out where there are many."""
    people = (_person(person, shown) for person in listed.participants)
    return tuple(sorted(people, key=lambda person: person.kind != "agent")[:MOST])


def _person(person: api.ParticipantInfo, shown: _Shown = harmless) -> Person:
    state = person.attributes.get(STATE)
    return Person(
        identity=shown(person.identity),
        kind=_KINDS.get(person.kind, str(person.kind)),
        state=None if state is None else shown(state),
        tracks=len(person.tracks),
    )


def _began(listed: api.ListParticipantsResponse, joined: RoomJoined, shown: _Shown) -> float | None:
    """When our run began, in Unix time by the server's clock; None where it does not say when we came."""
    ours = next((person for person in listed.participants if shown(person.identity) == joined.identity), None)
    came = 0.0 if ours is None else ours.joined_at_ms / 1000 or ours.joined_at
    return came - joined.at if came else None


def _dispatch(dispatch: Any, began: float | None, shown: _Shown) -> Dispatch:
    created = dispatch.state.created_at / 1e9  # 0 where the server does not say
    return Dispatch(
        earlier=began is not None and 0 < created < began - MARGIN,
        id=shown(dispatch.id),
        agent=shown(dispatch.agent_name),
        jobs=tuple(
            Job(
                id=shown(job.id),
                worker=shown(job.state.worker_id),
                identity=shown(job.state.participant_identity),
            )
            for job in dispatch.state.jobs[:MOST]
        ),
    )
