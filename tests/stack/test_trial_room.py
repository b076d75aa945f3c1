import aiohttp
import pytest
from livekit import api

from prober.refstack.stack import ReferenceStack

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


async def test_agent_first_answers_when_the_agent_is_in_the_room(stack: ReferenceStack) -> None:
    stack.knobs.agent_first = True
    try:
        async with aiohttp.ClientSession(stack.trial_url) as web:
            async with web.post("/api/trial", data={"email": "ada@example.com"}) as call:
                trial = call.url.query["trial"]
            async with web.get("/api/connection-details", params={"trial": trial}) as answer:
                assert answer.status == 200
                room = (await answer.json())["roomName"]
    finally:
        stack.knobs.agent_first = False
    async with api.LiveKitAPI(stack.server.http_url, stack.server.api_key, stack.server.api_secret) as livekit:
        there = await livekit.room.list_participants(api.ListParticipantsRequest(room=room))
        await livekit.room.delete_room(api.DeleteRoomRequest(room=room))
    assert [one.kind for one in there.participants] == [api.ParticipantInfo.Kind.AGENT]
