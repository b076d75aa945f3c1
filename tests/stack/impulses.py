"""Clicks both ways through one room: how long sound is under way, without any speech detector in between."""

import asyncio
import contextlib
import json
import os
import sys
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from prober.core.sound_clock import StreamClock
from prober.core.speech import RATE
from prober.refstack.stack import ReferenceStack
from prober.room.listening import open_stream
from prober.room.playback import SOURCE_RATE, Microphone
from tests.stack.participant import participant

GAP = RATE // 5
"""Quiet samples that part two impulses."""
LOUD = 3000
"""An impulse is 10 times louder than anything else in the room."""
BURST = 0.005
"""Seconds."""
WARM_UP = 3
"""Impulses until the jitter buffers have settled: not counted."""


async def exchange_impulses(stack: ReferenceStack, count: int) -> tuple[list[float], list[float]]:
    """One-way seconds of `count` impulses up (our tap to the agent's ear) and down (the agent's tap to our ear).

    In a process of its own, as every user of LiveKit's SDK.
    """
    async with aiohttp.ClientSession() as http:
        start = await http.post(f"{stack.trial_url.rstrip('/')}/api/trial", json={"email": _email()})
        trial = start.url.query["trial"]
        details = await http.get(f"{stack.trial_url.rstrip('/')}/api/connection-details", params={"trial": trial})
        session = await details.json()
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.stack.impulses"),
        *(session["serverUrl"], session["participantToken"], str(count)),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await program.communicate()
    ours, theirs = json.loads(output)
    truth = await _log(stack, session["roomName"], count)
    agent_heard = [line["at"] for line in truth if line["kind"] == "impulse_heard"]
    agent_sent = [line["at"] for line in truth if line["kind"] == "impulse_sent"]
    ups = [there - here for here, there in zip(ours, agent_heard, strict=True)]
    downs = [here - (there - BURST / 2) for here, there in zip(theirs, agent_sent, strict=True)]  # logged by its middle
    return ups[WARM_UP:], downs[WARM_UP:]


async def exchange(url: str, token: str, count: int) -> tuple[list[float], list[float]]:
    """The moments (monotonic clock) of our own impulses leaving and of the agent's arriving."""
    async with participant(url, token) as (microphone, track):
        sent, heard = _Arrivals(microphone.track, count), _Arrivals(track, count)
        async with asyncio.timeout(count + 20), sent.listening(), heard.listening(), _pushing(microphone, count):
            ours, theirs = await asyncio.gather(sent.all, heard.all)
    return ours, theirs


def _email() -> str:
    return f"livekit-prober+{uuid.uuid4().hex}@example.com"


class _Arrivals:
    """The moments of the impulses in a track, by the prober's own clock of streams."""

    def __init__(self, track: rtc.Track, count: int) -> None:
        self._track = track
        self._count = count
        self.all: asyncio.Future[list[float]] = asyncio.get_running_loop().create_future()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        stream = open_stream(self._track)
        task = asyncio.create_task(self._listen(stream))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
            await stream.aclose()

    async def _listen(self, stream: rtc.AudioStream) -> None:
        clock, samples, last, found = StreamClock(), 0, -GAP, list[int]()
        async for event in stream:
            pcm: NDArray[np.int16] = np.frombuffer(event.frame.data, dtype=np.int16)
            samples += len(pcm)
            clock.push(time.monotonic(), samples)
            for index in np.flatnonzero(np.abs(pcm.astype(np.int32)) > LOUD):
                at = samples - len(pcm) + int(index)
                if at - last > GAP:
                    found.append(at)
                last = at
            if len(found) == self._count and not self.all.done() and samples > found[-1] + RATE:
                self.all.set_result([clock.moment(at) for at in found])


@contextlib.asynccontextmanager
async def _pushing(microphone: Microphone, count: int) -> AsyncIterator[None]:
    """Our impulses, one each half second, while the others come in."""
    task = asyncio.create_task(_push(microphone, count))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _push(microphone: Microphone, count: int) -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, round(BURST * SOURCE_RATE)) * 20_000
    frame = np.zeros(SOURCE_RATE // 2, dtype=np.int16)
    frame[SOURCE_RATE // 4 : SOURCE_RATE // 4 + len(noise)] = noise.astype(np.int16)
    for _ in range(count):
        await microphone.push(frame)


async def _log(stack: ReferenceStack, room: str, count: int) -> list[dict[str, Any]]:
    """The agent's log of this room, once its ear has told of every impulse."""
    async with asyncio.timeout(10):
        while True:
            lines = [json.loads(line) for line in stack.worker.truth.read_text().splitlines()]
            ours = [line for line in lines if line["room"] == room]
            if sum(line["kind"] == "impulse_heard" for line in ours) >= count:
                return ours
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(exchange(sys.argv[1], sys.argv[2], int(sys.argv[3])))), flush=True)
    os._exit(0)
