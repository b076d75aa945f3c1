"""The SDK's own cost: joins, publishes an idle microphone, drains one audio stream; prints its CPU share of a core.

`python -m tests.stack.floor URL TOKEN SECONDS`: what any participant pays that publishes and listens.
"""

import asyncio
import os
import sys
import time

from livekit import rtc

from prober.room.listening import open_stream
from prober.room.playback import Microphone


async def floor(url: str, token: str, seconds: float) -> float:
    """CPU seconds a second while published, subscribed and listening."""
    room = rtc.Room()
    tracks: asyncio.Queue[rtc.Track] = asyncio.Queue()
    room.on("track_subscribed", lambda track, _publication, _participant: tracks.put_nowait(track))
    await room.connect(url, token)
    microphone = Microphone()
    await room.local_participant.publish_track(
        microphone.track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    )
    stream = open_stream(await tracks.get())
    samples, wanted, cpu, begin = 0, seconds * 16_000, time.process_time(), time.monotonic()
    async for event in stream:
        samples += event.frame.samples_per_channel
        if samples >= wanted:
            break
    share = (time.process_time() - cpu) / (time.monotonic() - begin)
    await room.disconnect()
    await stream.aclose()
    await microphone.aclose()
    return share


if __name__ == "__main__":
    print(asyncio.run(floor(sys.argv[1], sys.argv[2], float(sys.argv[3]))), flush=True)
    os._exit(0)
