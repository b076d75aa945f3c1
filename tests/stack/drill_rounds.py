"""`make drills`: each outage drill several times, and the table of them in docs/operations.md.

It goes on where it was interrupted (Ctrl-C, SIGTERM); the tests make some of the drills once.
"""

import asyncio
import contextlib
import os
import platform
import signal
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from prober.refstack.stack import ReferenceStack
from tests.stack.drills import DRILLS, Drilled, scene_on
from tests.stack.kept import Kept, file_of_this_instrument
from tests.stack.published import publish, table

DOCUMENT = Path("docs/operations.md")
ROUNDS = 5


def document(drilled: Sequence[Drilled]) -> str:
    """The table, a drill a row."""
    rows = []
    for name in dict.fromkeys(one.name for one in drilled):
        ours = [one for one in drilled if one.name == name]
        said = ", ".join(
            dict.fromkeys(f"`{word}`" if not word.isdigit() else word for one in ours for word in one.said)
        )
        rows.append((name, len(ours), said, _span([one.seen for one in ours]), _span([one.well for one in ours])))
    machine = f"{os.cpu_count()} cores that also carry the product, {platform.system()} {platform.machine()}"
    return f"On {machine}.\n\n" + table(
        ("drill", "n", "what the canary said", "seconds to that", "seconds from the repair to well"), rows
    )


async def main() -> None:
    """Make what is missing, write the table; status 1 if something came out wrong."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):  # what is mounted and broken is put in order first
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    kept = Kept[Drilled](file_of_this_instrument("drills"), Drilled)
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        async with ReferenceStack(progress=_tell) as stack, scene_on(stack, Path(folder)) as scene:
            while len(kept.entries) < ROUNDS * len(DRILLS):
                drilled = await DRILLS[len(kept.entries) % len(DRILLS)](scene)
                _tell(f"{drilled}")
                if drilled.wrong is not None:
                    wrong += 1
                    break
                kept.add(drilled)
    publish(DOCUMENT, "make drills", document(kept.entries))
    _tell(f"{document(kept.entries)}{DOCUMENT} is written")
    sys.exit(1 if wrong else 0)


def _span(seconds: Sequence[float]) -> str:
    return f"{min(seconds):.1f} - {max(seconds):.1f}, median {statistics.median(seconds):.1f}"


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(main())
