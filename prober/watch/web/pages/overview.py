"""What the first page shows: the answer for each target, its scenarios, and apart from them the prober's own trouble.

Pure: a function of the canary's status.
"""

import itertools
from collections.abc import Iterator, Mapping

import msgspec

from prober.core.plan import Scenario
from prober.watch.schedule import SkipReason, Trigger
from prober.watch.status import LineStatus, Status
from prober.watch.web.pages import answers
from prober.watch.web.pages.answers import Answer, Group
from prober.watch.web.pages.moments import span, stamp
from prober.watch.web.pages.strip import Cell, strip
from prober.watch.web.pages.trend import Trend, trend

PLOTTED: Mapping[Scenario, str] = {Scenario.JOIN: "agent_join", Scenario.CONVERSATION: "response"}
"""The one measurement of a scenario that the first page shows over time."""
_CLOSED: Mapping[SkipReason, str] = {SkipReason.MAINTENANCE: "paused", SkipReason.BUDGET: "budget spent"}
_UNDER_WAY: Mapping[Trigger, str] = {
    "scheduled": "a run is under way",
    "confirm": "looking again now",
    "manual": "a run by hand is under way",
}


class LineView(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario of a target: what it says, when it looks, and its last runs."""

    scenario: str
    answer: Answer
    rhythm: str
    cells: tuple[Cell, ...]
    trend: Trend | None


class TargetView(msgspec.Struct, frozen=True, kw_only=True):
    """A target and its scenarios."""

    name: str
    answer: Answer
    lines: tuple[LineView, ...]


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """The whole page; `groups` and targets stand with the worst first."""

    groups: tuple[Group, ...]
    targets: tuple[TargetView, ...]
    troubles: tuple[str, ...]
    now: str
    up: str
    version: str


def overview(status: Status) -> Overview:
    """The first page of this status."""
    views = targets(status)
    groups = answers.groups([(view.name, view.answer) for view in views])
    return Overview(
        groups=groups,
        targets=tuple(view for group in groups for view in views if view.name in group.names),
        troubles=tuple(troubles(status)),
        now=stamp(status.now),
        up=span(status.now - status.started_at),
        version=status.version,
    )


def targets(status: Status) -> tuple[TargetView, ...]:
    """Its targets, in the order in which it names them."""
    names = dict.fromkeys(line.key.target for line in status.lines)
    return tuple(_target(name, [line for line in status.lines if line.key.target == name], status) for name in names)


def troubles(status: Status) -> Iterator[str]:
    """What is wrong with the prober itself, a sentence each; none of it says anything about a target."""
    history = status.history
    if status.stopping:
        yield "The canary is stopping: it starts no more runs."
    if status.stands_still:
        yield f"The schedule has stood still for {span(status.heartbeat_age)}: what stands here is old."
    if status.config_trouble is not None:
        loaded = stamp(status.config_loaded_at)
        yield f"The configuration in use is the one of {loaded}; the file is not: {status.config_trouble}"
    if history.trouble is not None:
        yield f"{history.trouble} Runs that wait for it: {history.waiting}."
    if history.lost:
        yield f"Runs that the history has lost since the start: {history.lost}."
    if history.evidence_failures:
        yield f"Runs whose evidence could not be kept: {history.evidence_failures}."


def _target(name: str, lines: list[LineStatus], status: Status) -> TargetView:
    views = tuple(_line(line, status) for line in lines)
    answer = answers.of_target({line.key.scenario: view.answer for line, view in zip(lines, views, strict=True)})
    return TargetView(name=name, answer=answer, lines=views)


def _line(line: LineStatus, status: Status) -> LineView:
    name = PLOTTED[line.key.scenario]
    since = min((entry.started_at for entry in line.recent), default=status.now)
    return LineView(
        scenario=line.key.scenario,
        answer=answers.of_line(line, status.now, status.started_at),
        rhythm=" · ".join(itertools.chain([f"every {_interval(line.interval)}"], _next(line))),
        cells=strip(line.recent),
        trend=trend(
            name,
            line.recent,
            since=since,
            until=status.now,
            interval=line.interval,
            limit=line.objectives.get(name),
        ),
    )


def _next(line: LineStatus) -> Iterator[str]:
    if line.running is not None:
        yield _UNDER_WAY[line.running]
    elif line.closed is not None:
        yield _CLOSED[line.closed]
    elif line.due_in is not None:
        yield f"next in {span(line.due_in)}"


def _interval(seconds: float) -> str:
    return f"{seconds:g} s" if seconds < 120 or seconds % 60 else f"{seconds / 60:g} min"
