"""What can happen to a call of the reference agent from outside: somebody ends it, somebody else joins it.

Runs in the agent's own environment, whose key does the rest.
"""

import asyncio
import os
import signal
from abc import ABC, abstractmethod

import aiohttp
from agent_call import Call
from livekit import api, rtc
from livekit.agents.voice.room_io import RoomOptions
from livekit.agents.voice.room_io._output import _ParticipantAudioOutput

SOON = 0.5
"""Seconds into the agent's first speech at which a call ends that ends too soon."""
VOICE_RATE = 24_000


class EndsSoon(Call, ABC):
    """Something ends the call in the agent's first sentence."""

    async def greet(self) -> None:
        """Begin to greet, then end it."""
        self.caller = await self.ctx.wait_for_participant()
        speaking = asyncio.Event()

        @self.session.on("agent_state_changed")
        def _(event) -> None:
            if event.new_state == "speaking":
                speaking.set()

        await super().greet()
        await speaking.wait()
        await asyncio.sleep(SOON)
        await self.end()

    @abstractmethod
    async def end(self) -> None:
        """End it."""


class LeavesSpeaking(EndsSoon):
    """Leaves in the middle of a sentence."""

    async def end(self) -> None:
        """Leave."""
        await self.ctx.room.disconnect()


class WorkerKilled(EndsSoon):
    """The agent's worker is gone with all its jobs, as with its machine: one that serves nobody else."""

    async def end(self) -> None:
        """Kill all of it."""
        os.killpg(0, signal.SIGKILL)


class RoomDeleted(EndsSoon):
    """Somebody deletes the room."""

    async def end(self) -> None:
        """Delete it."""
        await self.ctx.api.room.delete_room(api.DeleteRoomRequest(room=self.ctx.room.name))


class CallerKicked(EndsSoon):
    """Somebody removes the caller."""

    async def end(self) -> None:
        """Remove it."""
        whom = api.RoomParticipantIdentity(room=self.ctx.room.name, identity=self.caller.identity)
        await self.ctx.api.room.remove_participant(whom)


class DuplicateIdentity(EndsSoon):
    """Somebody else joins under the caller's identity, which throws the caller out.

    By signal alone, and once: LiveKit's SDK, whose join the end of the room cuts off, joins again 15 s later (seen
    in the server's log) and so makes a room that was deleted anew.
    """

    async def end(self) -> None:
        """Join as the caller, and stay until the server ends it."""
        token = _token(self.ctx.room.name, api.AccessToken().with_identity(self.caller.identity))
        signal = os.environ["LIVEKIT_URL"].rstrip("/") + "/rtc"
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(signal, params={"access_token": token, "protocol": "9"}) as joined,
        ):
            async for _ in joined:
                pass


class Avatar(Call):
    """Another participant of kind agent publishes the agent's voice on its behalf, as avatar services do."""

    room_options = RoomOptions(audio_output=False)

    async def before_start(self) -> None:
        """Let the avatar join and be the session's voice."""
        await self.ctx.connect()
        agent = self.ctx.room.local_participant.identity
        token = api.AccessToken().with_identity(f"avatar-of-{agent}").with_kind("agent")
        room = await _join(self.ctx.room.name, token.with_attributes({"lk.publish_on_behalf": agent}))
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        voice = _ParticipantAudioOutput(room, sample_rate=VOICE_RATE, num_channels=1, track_publish_options=options)
        self._publishing = asyncio.create_task(voice.start())  # comes back when somebody has subscribed
        self.session.output.audio = voice


async def _join(room_name: str, token: api.AccessToken) -> rtc.Room:
    """Join with this token, by the key in our environment."""
    room = rtc.Room()
    await room.connect(os.environ["LIVEKIT_URL"], _token(room_name, token))
    return room


def _token(room_name: str, token: api.AccessToken) -> str:
    """Let this token open the room."""
    return token.with_grants(api.VideoGrants(room_join=True, room=room_name)).to_jwt()
