"""At start and hourly: rooms of ours that no run knows any more are deleted.

Logged, never judged; what could not be deleted is counted, each time anew.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from prober.child.messages import Left, Sweep, Swept
from prober.child.parent import CLEANUP, TEARDOWN, sweep_rooms
from prober.core.plan import ApiKey
from prober.core.words import whereabouts
from prober.sinks.log_lines import tell
from prober.watch.agenda import Agenda

log = logging.getLogger(__name__)
EVERY = 3600.0
"""Seconds between two sweeps."""
OLD = 3600.0
"""Seconds after which a room is old at least: another prober with this key may make longer runs than ours."""


async def sweep_hourly(
    agenda: Callable[[], Agenda],
    left_behind: Callable[[str, str], None],
    *,
    every: float = EVERY,
    old: float = OLD,
    sweep: Callable[[Sweep], Awaitable[Swept]] = sweep_rooms,
) -> None:
    """Sweep with each key that the agenda has by then, until cancelled.

    `left_behind` is told the target and the kind of each thing that could not be deleted.
    """
    while True:
        now = agenda()
        for left in await sweep_once(now.keys, max(old, now.longest_run + TEARDOWN + CLEANUP), sweep):
            left_behind(left.target, "room")
        await asyncio.sleep(every)


async def sweep_once(
    keys: Sequence[ApiKey], older_than: float, sweep: Callable[[Sweep], Awaitable[Swept]] = sweep_rooms
) -> tuple[Left, ...]:
    """One after another: it is in no hurry, and runs are being measured beside it. What could not be deleted."""
    left: list[Left] = []
    for key in keys:
        try:
            swept = await sweep(Sweep(key=key, older_than=older_than))
        except OSError as error:
            swept = Swept(trouble=f"its process could not be started: {error.strerror or type(error).__name__}")
        except Exception as error:  # noqa: BLE001 - who tidies up must not end the canary
            swept = Swept(trouble=f"a bug of ours: {whereabouts(error)}")
        _tell(key.url, swept)
        left += swept.left
    return tuple(left)


def _tell(url: str, swept: Swept) -> None:
    """Nothing found is nothing said."""
    if swept.trouble is not None:
        words = f"could not look for rooms left behind on {url}: {swept.trouble}"
        tell(log, logging.WARNING, "rooms.unseen", words, url=url, error=swept.trouble)
    if swept.deleted or swept.left:
        left = [f"{one.room}: {one.why}" for one in swept.left]
        words = f"deleted {len(swept.deleted)} rooms left behind on {url}" + "".join(
            f"; not deleted: {one}" for one in left
        )
        level = logging.WARNING if left else logging.INFO
        tell(log, level, "rooms.swept", words, url=url, deleted=swept.deleted, left=left)
