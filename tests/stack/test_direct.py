"""The direct way in against a real server: it takes our token, refuses bad ones, and deletes the room."""

import pytest
from livekit import api

from prober.core.events import TokenValidated
from prober.core.plan import ApiKey
from prober.core.reasons import Reason, RunFault
from prober.entry.cleanup import CleanUp, delete_room
from prober.entry.token import validate
from prober.refstack.server import LiveKitServer
from tests.edge.test_direct import PLAN, granted, recorder

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


async def test_a_real_server_takes_our_token_refuses_bad_ones_and_deletes_the_room(server: LiveKitServer) -> None:
    key = ApiKey(url=server.url, key=server.api_key, secret=server.api_secret)
    to = recorder()
    session = granted(to, key)
    await validate(session, to, PLAN)
    assert [event.status for event in to.events if isinstance(event, TokenValidated)] == [200]

    for wrong, words in (
        (ApiKey(url=server.url, key=server.api_key, secret="x" * 32), "signature is invalid"),
        (ApiKey(url=server.url, key="APIother", secret="x" * 32), "invalid API key: APIother"),
    ):
        with pytest.raises(RunFault) as caught:
            await validate(granted(to, wrong), to, PLAN)
        assert caught.value.reason is Reason.TOKEN_INVALID
        assert words in str(caught.value)
        assert "eyJ" not in str(caught.value)

    async with api.LiveKitAPI(key.url, key.key, key.secret) as livekit:
        await livekit.room.create_room(api.CreateRoomRequest(name=session.room))
        assert await delete_room(key, session.room) == CleanUp(ok=True, detail="deleted")
        rooms = (await livekit.room.list_rooms(api.ListRoomsRequest())).rooms
        assert session.room not in {room.name for room in rooms}
    assert (await delete_room(key, session.room)).ok
