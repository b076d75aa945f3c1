"""What a real LiveKit server tells of a room in which nobody came: its lists, or why it does not tell them."""

from datetime import timedelta

import msgspec
import pytest
from livekit import api

from prober.core.events import Dispatch
from prober.core.plan import ApiKey, ApiToken
from prober.diagnosis.server import ask
from prober.entry.cleanup import CleanUp, delete_room
from prober.refstack.server import LiveKitServer

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

ROOM = "trial_1_nobody"


async def test_a_real_server_tells_who_was_asked_for_and_who_is_there(server: LiveKitServer) -> None:
    key = ApiKey(url=server.url, key=server.api_key, secret=server.api_secret)
    asked_for = [api.RoomAgentDispatch(agent_name="of-no-worker")]
    async with api.LiveKitAPI(key.url, key.key, key.secret) as livekit:
        await livekit.room.create_room(api.CreateRoomRequest(name=ROOM, agents=asked_for))
    told = await ask(key, ROOM, lambda: 20.9)
    assert (told.at, told.listed, told.people, told.trouble) == (20.9, 0, (), ())
    assert told.dispatches is not None
    (dispatch,) = told.dispatches
    assert dispatch == Dispatch(id=dispatch.id, agent="of-no-worker", jobs=())
    assert dispatch.id.startswith("AD_")

    refused = await ask(msgspec.structs.replace(key, secret="x" * 32), ROOM, lambda: 20.9)
    assert (refused.listed, refused.people, refused.dispatches) == (None, None, None)
    assert not refused.silent
    assert [line.partition(" ")[0] for line in refused.trouble] == ["ListDispatch:", "ListParticipants:", "ListRooms:"]
    assert all("LiveKit answered 401: the key or token is not its own" in line for line in refused.trouble)

    await delete_room(key, ROOM)
    gone = await ask(key, ROOM, lambda: 20.9, within=0.5)  # nobody is left to ask of its dispatches
    assert (gone.listed, gone.dispatches) == (0, None)
    assert "ListDispatch: LiveKit did not answer within 0.5 s" in gone.trouble


def signed(server: LiveKitServer, lasts: float = 60.0, **grants: object) -> ApiToken:
    """A token such as `lk token create` prints: it names some room or other."""
    granted = api.VideoGrants(**{"room": "room-1"} | grants)  # type: ignore[arg-type]
    token = api.AccessToken(server.api_key, server.api_secret).with_grants(granted).with_ttl(timedelta(seconds=lasts))
    return ApiToken(url=server.url, token=token.to_jwt())


async def test_a_token_is_told_what_its_grants_allow(server: LiveKitServer) -> None:
    usual = signed(server, room_list=True, room_create=True)
    async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as livekit:
        await livekit.room.create_room(api.CreateRoomRequest(name=ROOM))

    told = await ask(usual, ROOM, lambda: 20.9)
    assert (told.listed, told.people, told.dispatches) == (0, None, None)
    denied = "LiveKit answered 401: permissions denied"
    assert told.trouble == (f"ListDispatch: {denied}", f"ListParticipants: {denied}")

    of_the_room = await ask(signed(server, room_list=True, room_admin=True, room=ROOM), ROOM, lambda: 20.9)
    assert (of_the_room.listed, of_the_room.people, of_the_room.trouble) == (0, (), ())

    assert await delete_room(signed(server, room_list=True), ROOM) == CleanUp(ok=False, detail=denied)
    expired = await delete_room(signed(server, room_create=True, lasts=-3600), ROOM)
    refused = "LiveKit answered 401: the key or token is not its own, or has expired"
    assert expired == CleanUp(ok=False, detail=refused)
    assert await delete_room(usual, ROOM) == CleanUp(ok=True, detail="deleted")
    assert await delete_room(usual, ROOM) == CleanUp(ok=True, detail="was gone already")
