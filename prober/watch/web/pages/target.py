"""What a target's own page shows: the answer, its runs over a longer time, and percentiles beside their n. Pure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from prober.core.measure import OBJECTIVES
from prober.core.plan import Scenario
from prober.sinks import text
from prober.sinks.entries import Entry
from prober.watch.status import LineStatus, Status
from prober.watch.web.pages import overview
from prober.watch.web.pages.kept import Kept
from prober.watch.web.pages.moments import stamp
from prober.watch.web.pages.overview import TargetView
from prober.watch.web.pages.strip import Cell, strip
from prober.watch.web.pages.trend import Trend, trend

WINDOWS: Mapping[str, float] = MappingProxyType({"1h": 3600.0, "6h": 21_600.0, "24h": 86_400.0, "7d": 604_800.0})
"""How far back the page can look."""
USUAL = "6h"
PLOTTED = ("time_to_ready", "agent_join", "response")
"""What is plotted in any case; else only what has an objective."""
CELLS = 240
"""Runs that the strip holds at most."""


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario over the window; `columns` and `rows` are the table of its numbers."""

    scenario: str
    rate: str | None
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    cells: tuple[Cell, ...]
    more: int
    trends: tuple[Trend, ...]
    failed: bool


class TargetPage(msgspec.Struct, frozen=True, kw_only=True):
    """The whole page; `trouble` is why there is no history on it."""

    target: TargetView
    window: str
    windows: tuple[str, ...]
    pasts: tuple[Past, ...]
    trouble: str | None
    troubles: tuple[str, ...]
    now: str


def target_page(status: Status, name: str, window: str, kept: Kept | None, trouble: str | None) -> TargetPage | None:
    """The page of this target; None where no target has that name."""
    view = next((view for view in overview.targets(status) if view.name == name), None)
    if view is None:
        return None
    lines = [line for line in status.lines if line.key.target == name]
    return TargetPage(
        target=view,
        window=window,
        windows=tuple(WINDOWS),
        pasts=tuple(_past(line, kept, status.now, WINDOWS[window]) for line in lines) if kept is not None else (),
        trouble=trouble,
        troubles=tuple(overview.troubles(status)),
        now=stamp(status.now),
    )


def _past(line: LineStatus, kept: Kept, now: float, window: float) -> Past:
    scenario: Scenario = line.key.scenario
    runs = [run for run in kept.runs if run.scenario == scenario]
    made = next((one for one in kept.summaries if one.scenario == scenario), None)
    columns, rows = text.table(made) if made is not None and made.measurements else ([], [])
    return Past(
        scenario=scenario,
        rate=None if made is None else text.rate(made).partition(": ")[2],
        columns=tuple(columns),
        rows=tuple(tuple(row) for row in rows),
        cells=strip(runs[-CELLS:]),
        more=max(0, len(runs) - CELLS),
        trends=tuple(_trends(line, runs, now, window)),
        failed=any(run.outcome == "fail" for run in runs),
    )


def _trends(line: LineStatus, runs: Sequence[Entry], now: float, window: float) -> list[Trend]:
    since = max(now - window, min((run.started_at for run in runs), default=now))
    made = (
        trend(name, runs, since=since, until=now, interval=line.interval, limit=line.objectives.get(name))
        for name in OBJECTIVES
        if name in PLOTTED or name in line.objectives
    )
    return [one for one in made if one is not None]
