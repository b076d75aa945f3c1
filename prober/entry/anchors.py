"""Whose network is down? Asks hosts that have nothing to do with the target whether anything can be reached at all."""

import asyncio
import contextlib
from collections.abc import Sequence

from yarl import URL

from prober.core.events import AnchorsAsked
from prober.recorder import Recorder

WITHIN = 3.0
"""Seconds given to all of them: they are asked at once."""


async def ask(anchors: Sequence[str], recorder: Recorder) -> None:
    """Open a connection to each anchor, `host:port` or a URL, and record how many took it; says nothing to them."""
    answers = await asyncio.gather(*(_answers(anchor) for anchor in anchors))
    recorder.record(AnchorsAsked(at=recorder.elapsed(), answered=sum(answers), of=len(anchors)))


async def _answers(anchor: str) -> bool:
    url = URL(anchor if "://" in anchor else f"tcp://{anchor}")
    try:
        async with asyncio.timeout(WITHIN):
            _, writer = await asyncio.open_connection(url.host, url.port)
    except OSError:  # TimeoutError too
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
