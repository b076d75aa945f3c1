"""A run while it goes on, shown on a console."""

import collections
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from prober.core.events import Event
from prober.sinks import text


class Progress:
    """The run while it goes on: on a terminal its newest moments, which go again; elsewhere a plain line each."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._newest: collections.deque[str] = collections.deque(maxlen=8)
        self._latest = 0.0
        self._live = Live(console=console, transient=True, refresh_per_second=8)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, event: Event) -> None:
        """Show one more event."""
        line = text.moment(event)
        if line is None:
            return
        if self._console.is_terminal:
            self._newest.append(line)
            self._live.update(Group(*(Text(newest) for newest in self._newest), Spinner("dots")))
        elif event.at >= self._latest:  # what was found out late stands in its place in the timeline at the end
            self._latest = event.at
            self._console.print(line, markup=False, soft_wrap=True)
