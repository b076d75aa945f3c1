"""What every answer is made from: the canary, its history, the evidence of its runs. Pages find it as `app[SITE]`."""

import asyncio
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from aiohttp import web

from prober.sinks.evidence import Evidence
from prober.sinks.history import History, reading
from prober.sinks.migrations import HistoryError
from prober.watch.status import Canary

Answer = TypeVar("Answer")
READERS = 2
"""Questions to the history at a time: they cost CPU that the schedule needs too."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """What handlers may ask. `token` opens what changes something; None: there is none."""

    canary: Canary
    history: Path
    evidence: Evidence | None
    token: str | None = dataclasses.field(default=None, repr=False)
    _readers: asyncio.Semaphore = dataclasses.field(default_factory=lambda: asyncio.Semaphore(READERS), repr=False)

    async def ask(self, question: Callable[[History], Answer]) -> Answer:
        """What the history answers, asked in a thread. Raises HTTPServiceUnavailable with the reason in words.

        The history is open for this question only: a lazy answer must be read in it.
        """

        def asked() -> Answer:
            with reading(self.history) as history:
                return question(history)

        try:
            async with self._readers:
                return await asyncio.to_thread(asked)
        except HistoryError as error:
            raise web.HTTPServiceUnavailable(text=f"{error}\n") from error


SITE = web.AppKey("SITE", Site)
