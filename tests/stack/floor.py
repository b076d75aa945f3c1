"""The SDK's own cost: joins, publishes an idle microphone, drains one audio stream; prints its CPU share of a core.

`python -m tests.stack.floor URL TOKEN SECONDS`: what any participant pays that publishes and listens.
"""

import asyncio
import os
import sys
import time

from prober.core.speech import RATE
from prober.room.listening import open_stream
from tests.stack.participant import participant


async def floor(url: str, token: str, seconds: float) -> float:
    """CPU seconds a second while published, subscribed and listening."""
    async with participant(url, token) as (_, track):
        stream = open_stream(track)
        samples, wanted, cpu, begin = 0, seconds * RATE, time.process_time(), time.monotonic()
        async for event in stream:
            samples += event.frame.samples_per_channel
            if samples >= wanted:
                break
        share = (time.process_time() - cpu) / (time.monotonic() - begin)
        await stream.aclose()
    return share


if __name__ == "__main__":
    print(asyncio.run(floor(sys.argv[1], sys.argv[2], float(sys.argv[3]))), flush=True)
    os._exit(0)
