"""Runs while they go on, shown on a console; a console that is gone or full spoils no run."""

import collections
import contextlib
import heapq
import itertools
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from prober.core.events import Event, UtteranceStarted
from prober.core.record import RunRecord
from prober.core.visible import visible
from prober.sinks import narration, text

HELD_BACK = 1.0
"""Seconds for which a plain line is held back, so that what is dated back still comes in its place."""
COLOURS = {"PASS": "bold green", "FAIL": "bold red", "INCONCLUSIVE": "bold yellow"}
"""Of the word that opens a verdict, where the console shows colours (rich heeds NO_COLOR and FORCE_COLOR)."""


class Run(NamedTuple):
    """One run among those that were asked for; `number` counts the repeats of one series, None: there is but one."""

    run_id: str
    target: str
    scenario: str
    number: int | None

    @property
    def name(self) -> str:
        """What a person calls it."""
        return f"{self.target}/{self.scenario}{'' if self.number is None else f' #{self.number}'}"


class View(Protocol):
    """Shows runs while they go on."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(self, *_: object) -> None:
        """Show what is still held back, and no more."""

    def event(self, run: Run, event: Event) -> None:
        """One more event of this run."""

    def finished(self, run: Run, record: RunRecord) -> None:
        """The run is over."""


def moves(console: Console) -> bool:
    """Whether what is shown here can be shown anew; forced colours do not make a terminal of a log."""
    return console.file.isatty() and not console.is_dumb_terminal


def view_for(console: Console, runs: Iterable[Run]) -> View:
    """How to show these runs here."""
    several = tuple(runs)
    if not moves(console):
        return Lines(console, prefixed=len(several) > 1)
    return Board(console, several) if len(several) > 1 else Newest(console)


class _Moving:
    """What is shown anew on a terminal while runs go on; it goes again."""

    def __init__(self, console: Console, shown: Callable[[], RenderableType] | None = None) -> None:
        """`shown` is asked from here on, again and again; None: what is given to `_live.update`."""
        self._live = Live(console=console, get_renderable=shown, transient=True, refresh_per_second=8)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._live.stop()


class Newest(_Moving):
    """The newest moments of a single run."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._lines: collections.deque[str] = collections.deque(maxlen=8)

    def event(self, _run: Run, event: Event) -> None:
        """Show its moment."""
        line = narration.moment(event)
        if line is not None:
            self._lines.append(line)
            self._live.update(Group(*(Text(newest) for newest in self._lines), Spinner("dots")))

    def finished(self, _run: Run, _record: RunRecord) -> None:
        """What is to be said then is said by others."""


class Board(_Moving):
    """A line for each of several runs, with its newest moment or its verdict.

    Where there are more runs than lines, those that go on come first.
    """

    def __init__(self, console: Console, runs: Iterable[Run]) -> None:
        self._console = console
        self._lines = {run: Text("waiting", style="dim") for run in runs}
        self._width = max(len(run.name) for run in self._lines)
        self._rank = dict.fromkeys(self._lines, 1)  # 0: goes on, 1: waits, 2: is over
        super().__init__(console, self._table)

    def event(self, run: Run, event: Event) -> None:
        """Show its moment as the newest of its run."""
        line = narration.moment(event)
        self._rank[run] = 0
        if line is not None:
            self._lines[run] = Text(line)

    def finished(self, run: Run, record: RunRecord) -> None:
        """Show the verdict instead."""
        self._rank[run] = 2
        self._lines[run] = coloured(text.verdict(record))

    def _table(self) -> Group:
        room = max(1, self._console.height - 2)
        shown = set(sorted(self._lines, key=lambda run: self._rank[run])[:room])
        left = len(self._lines) - len(shown)
        lines = [
            Text.assemble(f"{run.name:{self._width}}  ", line, no_wrap=True, overflow="ellipsis")
            for run, line in self._lines.items()
            if run in shown
        ]
        return Group(*lines, *([Text(f"and {left} more", style="dim")] if left else []))


class Lines:
    """A plain line for each moment, in order of time; of several runs each line opens with the run's name."""

    def __init__(self, console: Console, *, prefixed: bool) -> None:
        self._console = console
        self._prefixed = prefixed
        self._waiting: dict[Run, list[tuple[float, int, str]]] = collections.defaultdict(list)
        self._count = itertools.count()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for run in self._waiting:
            self._print(run, until=float("inf"))

    def event(self, run: Run, event: Event) -> None:
        """Print its moment, and before it what belongs before it."""
        line = narration.moment(event)
        # The start of our sentence is known only at its end, too late for its place: "we have spoken" tells of both.
        if line is not None and not isinstance(event, UtteranceStarted):
            heapq.heappush(self._waiting[run], (event.at, next(self._count), line))
        self._print(run, until=event.at - HELD_BACK)

    def finished(self, run: Run, record: RunRecord) -> None:
        """Print what was held back and, where other runs go on, the verdict."""
        self._print(run, until=float("inf"))
        if self._prefixed:
            say(self._console, f"{run.name}  {text.verdict(record)}")

    def _print(self, run: Run, until: float) -> None:
        waiting = self._waiting[run]
        while waiting and waiting[0][0] <= until:
            line = heapq.heappop(waiting)[2]
            say(self._console, f"{run.name}  {line}" if self._prefixed else line)


def coloured(line: str) -> Text:
    """The line, with the verdict in colour that it may open with."""
    word = line.partition(" ")[0]
    return Text.assemble((word, COLOURS.get(word, "")), line[len(word) :])


def say(console: Console, line: str) -> None:
    """Print what is visible of one line; where nobody can read it any more the verdict stays what it is."""
    with contextlib.suppress(OSError, SystemExit):  # rich exits on a pipe whose reader is gone
        console.print(coloured(visible(line)), soft_wrap=True)


def show(console: Console, lines: Iterable[str]) -> None:
    """Print these lines."""
    for line in lines:
        say(console, line)
