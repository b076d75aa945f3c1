"""What a caller needs to join its room: a token with the agent's dispatch in it, or the agent there first."""

import asyncio
import json
import secrets
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import aiohttp
from livekit import api

from prober.refstack.effects import EFFECTS
from prober.refstack.faults import Fault, Needs
from prober.refstack.trial_app.bad_tokens import spoiled
from prober.refstack.trial_app.trials import Trial

_TOKEN_LIVES = timedelta(minutes=15)
_AGENT_WITHIN = 15.0
_LOOK_EVERY = 0.1
_PARTICIPANT_NAME = "Trial caller"


class ServerAccess(Protocol):
    """Where the LiveKit server is and the keys to it."""

    @property
    def url(self) -> str: ...  # noqa: D102 - the class says it
    @property
    def api_key(self) -> str: ...  # noqa: D102
    @property
    def api_secret(self) -> str: ...  # noqa: D102


@dataclass(slots=True, kw_only=True)
class Knobs:
    """What tests change while the app runs; each request reads them anew."""

    agent_name: str
    agent_metadata: str = ""
    """Dispatch metadata for the agent, a JSON text."""
    agent_first: bool = False
    """Have the agent in the room before the caller gets its token, as products do that warm their rooms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionDetails:
    """The answer that LiveKit's starter kits give, in their words."""

    server_url: str
    room_name: str
    participant_name: str
    participant_token: str = field(repr=False)

    def as_json(self) -> dict[str, str]:
        """Return it with the starter kits' keys."""
        return {
            "serverUrl": self.server_url,
            "roomName": self.room_name,
            "participantName": self.participant_name,
            "participantToken": self.participant_token,
        }


class RoomNotReadyError(Exception):
    """The room cannot be had with an agent in it; the text is a sentence for the caller."""


def connection_details(
    server: ServerAccess, trial: Trial, knobs: Knobs, fault: Fault | None = None
) -> ConnectionDetails:
    """Sign a token for one caller; joining with it makes the room and dispatches the agent."""
    token = (
        api.AccessToken(server.api_key, server.api_secret)
        .with_identity(f"trial_user_{secrets.token_hex(4)}")
        .with_name(_PARTICIPANT_NAME)
        .with_ttl(_TOKEN_LIVES)
        .with_grants(
            api.VideoGrants(
                room_join=True, room=trial.room_name, can_publish=True, can_subscribe=True, can_publish_data=True
            )
        )
        .with_room_config(api.RoomConfiguration(agents=dispatches(knobs, fault)))
        .to_jwt()
    )
    return ConnectionDetails(
        server_url=server.url,
        room_name=trial.room_name,
        participant_name=_PARTICIPANT_NAME,
        participant_token=spoiled(token, fault, secret=server.api_secret, unix_time=int(time.time())),
    )


async def bring_agent(server: ServerAccess, trial: Trial, knobs: Knobs, fault: Fault | None = None) -> None:
    """Make the room with the dispatch and return when the agent is in it."""
    try:
        async with (
            asyncio.timeout(_AGENT_WITHIN),
            api.LiveKitAPI(server.url, server.api_key, server.api_secret) as livekit,
        ):
            agents = dispatches(knobs, fault)
            await livekit.room.create_room(api.CreateRoomRequest(name=trial.room_name, agents=agents))
            while not await _agent_is_in(livekit, trial.room_name):  # noqa: ASYNC110 - the API tells nothing by itself
                await asyncio.sleep(_LOOK_EVERY)
    except TimeoutError as error:
        raise RoomNotReadyError("Agent did not join the room.") from error
    except (api.TwirpError, aiohttp.ClientError) as error:
        raise RoomNotReadyError("The room for your call could not be made.") from error


async def _agent_is_in(livekit: api.LiveKitAPI, room_name: str) -> bool:
    found = await livekit.room.list_participants(api.ListParticipantsRequest(room=room_name))
    return any(
        one.kind == api.ParticipantInfo.Kind.AGENT and one.state == api.ParticipantInfo.State.ACTIVE
        for one in found.participants
    )


def dispatches(knobs: Knobs, fault: Fault | None) -> list[api.RoomAgentDispatch]:
    """Whom the token calls to the room, and the fault that the agent shall have."""
    if fault is Fault.AGENT_NOT_NAMED:
        return []
    name = knobs.agent_name if fault is None else _name_of_agent(fault, knobs)
    in_agent = fault is not None and EFFECTS[fault].in_agent
    metadata = json.dumps({"fault": fault}) if in_agent else knobs.agent_metadata
    dispatch = api.RoomAgentDispatch(agent_name=name, metadata=metadata)
    return [dispatch, dispatch] if fault is Fault.TWO_AGENTS else [dispatch]


def _name_of_agent(fault: Fault, knobs: Knobs) -> str:
    """A worker that is wrong as a whole has its fault's name."""
    if fault is Fault.WRONG_AGENT_NAME:
        return "last-years-agent"
    return fault if EFFECTS[fault].needs is Needs.WORKER else knobs.agent_name
