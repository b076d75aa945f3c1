"""Who else is in the room is not taken for the agent; in a process of its own, as every user of LiveKit's SDK."""

import asyncio
import os
import sys
import time

import pytest
from livekit import api

from prober.core.events import AgentJoined, TranscriptHeard
from prober.core.plan import Session
from prober.recorder import Recorder
from prober.refstack.server import LiveKitServer
from prober.voice import SileroGate

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


async def test_only_what_the_agent_says_or_hears_of_us_is_a_transcript(server: LiveKitServer) -> None:
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.stack.test_bystanders", server.url, server.api_key, server.api_secret),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await program.communicate()
    assert program.returncode == 0, errors.decode()


async def _check(url: str, key: str, secret: str) -> None:
    from livekit import rtc  # noqa: PLC0415 - not into the process that runs the tests

    from prober.room.session import join  # noqa: PLC0415

    def token(identity: str, kind: api.AccessToken.ParticipantKind = "standard") -> str:
        grants = api.VideoGrants(room_join=True, room="bystanders", agent=kind == "agent")
        return api.AccessToken(key, secret).with_identity(identity).with_kind(kind).with_grants(grants).to_jwt()

    async def send(room: rtc.Room, words: str, sender: str | None = None, **attributes: str) -> None:
        stream = await room.local_participant.stream_text(
            topic="lk.transcription",
            sender_identity=sender,
            attributes={"lk.transcription_final": "true"} | {f"lk.{name}": value for name, value in attributes.items()},
        )
        await stream.write(words)
        await stream.aclose()

    agent, somebody = rtc.Room(), rtc.Room()
    await agent.connect(url, token("agent", "agent"))
    await somebody.connect(url, token("somebody"))
    recorder = Recorder(time.monotonic, lambda _event: None)
    session = Session(url=url, room="bystanders", token=token("caller"))
    async with join(session, recorder, due=8.0, listens=True, gates=SileroGate) as call:
        await recorder.wait_for(AgentJoined, due=8.0)
        (track,) = call._room.local_participant.track_publications
        await send(somebody, "1")
        await send(somebody, "22", sender="agent")
        await send(agent, "333", transcribed_track_id=track)
        await send(agent, "4444", sender="caller")
        await send(agent, "55555", transcribed_track_id="TR_of_the_agent")
        last = await recorder.wait_for(TranscriptHeard, due=20.0, where=lambda event: event.characters == 5)
        assert last.speaker == "agent"
        heard = {event.characters: event.speaker for event in recorder.events if isinstance(event, TranscriptHeard)}
        assert heard == {3: "caller", 4: "caller", 5: "agent"}, heard
        assert call.agent_text(0.0) == "55555"
    await agent.disconnect()
    await somebody.disconnect()


if __name__ == "__main__":
    asyncio.run(_check(*sys.argv[1:]))
    os._exit(0)
