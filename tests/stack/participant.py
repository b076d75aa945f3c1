"""A bare participant: joined, its microphone published, nothing of the prober's run around it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from livekit import rtc

from prober.room.playback import Microphone


@contextlib.asynccontextmanager
async def participant(url: str, token: str) -> AsyncIterator[tuple[Microphone, rtc.Track]]:
    """Its microphone, and the first track it is subscribed to."""
    room = rtc.Room()
    tracks: asyncio.Queue[rtc.Track] = asyncio.Queue()
    room.on("track_subscribed", lambda track, _publication, _participant: tracks.put_nowait(track))
    await room.connect(url, token)
    microphone = Microphone()
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    await room.local_participant.publish_track(microphone.track, options)
    yield microphone, await asyncio.wait_for(tracks.get(), 20)
    await room.disconnect()
    await microphone.aclose()
