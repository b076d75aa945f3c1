"""A run while it goes on, shown on a console; a console that is gone or full spoils no run."""

import collections
import contextlib
import heapq
import itertools
from collections.abc import Iterable
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from prober.core.events import Event, UtteranceStarted
from prober.sinks import text

HELD_BACK = 1.0
"""Seconds for which a plain line is held back, so that what is dated back still comes in its place."""


class Progress:
    """Its newest moments on a terminal, which go again; elsewhere a plain line for each, in order of time."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._newest: collections.deque[str] = collections.deque(maxlen=8)
        self._waiting: list[tuple[float, int, str]] = []
        self._count = itertools.count()
        self._live = Live(console=console, transient=True, refresh_per_second=8)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
        self._print(until=float("inf"))

    def show(self, event: Event) -> None:
        """Show one more event."""
        line = text.moment(event)
        if self._console.is_terminal:
            if line is not None:
                self._newest.append(line)
                self._live.update(Group(*(Text(newest) for newest in self._newest), Spinner("dots")))
            return
        # The start of our sentence is known only at its end, too late for its place: "we have spoken" tells of both.
        if line is not None and not isinstance(event, UtteranceStarted):
            heapq.heappush(self._waiting, (event.at, next(self._count), line))
        self._print(until=event.at - HELD_BACK)

    def _print(self, until: float) -> None:
        while self._waiting and self._waiting[0][0] <= until:
            say(self._console, heapq.heappop(self._waiting)[2])


def say(console: Console, line: str) -> None:
    """Print one line as it is; where nobody can read it any more the verdict stays what it is."""
    with contextlib.suppress(OSError, SystemExit):  # rich exits on a pipe whose reader is gone
        console.print(line, markup=False, soft_wrap=True)


def show(console: Console, lines: Iterable[str]) -> None:
    """Print these lines as they are."""
    for line in lines:
        say(console, line)
