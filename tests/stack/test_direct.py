"""The direct way in against a real server: it takes our token, refuses bad ones, and deletes the room."""

import asyncio

import pytest
from livekit import api

from prober.child import paying
from prober.child.messages import CleanUp as Debt
from prober.child.messages import Order, Owes
from prober.core.events import CleanedUp, TokenValidated
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


async def test_a_room_that_is_there_again_after_its_deletion_is_deleted_again(
    server: LiveKitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LiveKit lists one anew that changed while it was deleted; seldom enough that here it is made anew."""
    monkeypatch.setattr(paying, "SETTLES_WITHIN", 1.0)  # time enough to make it
    key = ApiKey(url=server.url, key=server.api_key, secret=server.api_secret)
    to = recorder()
    room = "there-again"

    async with api.LiveKitAPI(key.url, key.key, key.secret) as livekit:

        async def listed() -> bool:
            return bool((await livekit.room.list_rooms(api.ListRoomsRequest(names=[room]))).rooms)

        await livekit.room.create_room(api.CreateRoomRequest(name=room))
        pays = asyncio.create_task(paying.pay(Debt(order=Order(plan=PLAN, key=key), owes=Owes(room=room)), to))
        while await listed():
            pass
        await livekit.room.create_room(api.CreateRoomRequest(name=room))
        await pays
        assert not await listed()
    assert [(event.name, event.ok) for event in to.events if isinstance(event, CleanedUp)] == [(room, True)]
