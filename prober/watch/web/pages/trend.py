"""A measurement over time as a plot: values, what did not come, and times in which nobody looked. Pure.

Places are fractions: `x` from the left, `y` from the top. A value is never joined to the next over something that did
not come or over a gap. Where runs are too many to draw, each stretch of time shows its worst run, and says so.
"""

import itertools
from collections.abc import Iterator, Sequence

import msgspec

from prober.core.reasons import Outcome
from prober.core.statistics import Tally
from prober.sinks.entries import Entry
from prober.sinks.text import ENDS
from prober.watch.web.pages import axis
from prober.watch.web.pages.axis import Tick
from prober.watch.web.pages.moments import ended, stamp

MOST = 240
"""Runs that a plot shows one by one."""
GAP = 2.5
"""Intervals between two runs from which on nobody has looked."""
FAR = 3.0
"""An objective beyond so many times the slowest value is told, not drawn: the values would lie flat on the ground."""
HEADROOM = 1.15
LOWEST = 0.1
"""Seconds that the axis has at least: less would make mountains of milliseconds."""


class Dot(msgspec.Struct, frozen=True, kw_only=True):
    """A value; `over` its objective or not."""

    x: float
    y: float
    run_id: str
    title: str
    over: bool


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A run without the value: `missed`, `unusable`, or `unjudged` as a whole."""

    x: float
    kind: str
    run_id: str
    title: str


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """The plot of one measurement; `objective` is where its line lies, None where there is none or it is too far.

    `thinned`: each place stands for several runs.
    """

    name: str
    ends: str
    sentence: str
    lines: tuple[tuple[tuple[float, float], ...], ...]
    dots: tuple[Dot, ...]
    marks: tuple[Mark, ...]
    gaps: tuple[tuple[float, float], ...]
    limit: float | None
    objective: float | None
    rows: tuple[Tick, ...]
    columns: tuple[Tick, ...]
    thinned: bool


def trend(
    name: str, entries: Sequence[Entry], *, since: float, until: float, interval: float, limit: float | None
) -> Trend | None:
    """The plot of these runs between two moments; None where no run was to measure it."""
    runs = sorted((run for run in entries if since <= run.started_at <= until), key=lambda run: run.started_at)
    if until <= since or not any(name in run.tallies for run in runs):
        return None
    told = [run for run in runs if name in run.tallies or not _is_judged(run)]
    values = [value for run in told for value in _tally(run, name).values]
    slowest = max(values, default=0.0)
    near = limit if limit is not None and (limit <= FAR * slowest or not values) else None
    top = max(HEADROOM * max(slowest, near or 0.0), LOWEST)
    gaps = tuple(_gaps(runs, since, until, interval))
    dots: list[Dot] = []
    marks: list[Mark] = []
    lines: list[list[tuple[float, float]]] = [[]]
    for run, of in _thinned(told, name, since, until):
        x = (run.started_at - since) / (until - since)
        tally, title = _tally(run, name), _title(run, name, of)
        if lines[-1] and any(lines[-1][-1][0] <= begin and end <= x for begin, end in gaps):
            lines.append([])
        if tally.values:
            value = max(tally.values)
            y = 1 - value / top
            dots.append(Dot(x=x, y=y, run_id=run.run_id, title=title, over=limit is not None and value > limit))
            lines[-1].append((x, y))
        if tally.misses or not tally.values:
            kind = "unjudged" if not _is_judged(run) else "missed" if tally.misses else "unusable"
            marks.append(Mark(x=x, kind=kind, run_id=run.run_id, title=title))
            lines.append([])
    return Trend(
        name=name,
        ends=ENDS.get(name, ""),
        sentence=_sentence(name, told, values, limit),
        lines=tuple(tuple(line) for line in lines if len(line) > 1),
        dots=tuple(dots),
        marks=tuple(marks),
        gaps=gaps,
        limit=limit,
        objective=None if near is None else 1 - near / top,
        rows=tuple(Tick(at=1 - tick.at, label=tick.label) for tick in axis.seconds(top, 3)),
        columns=axis.times(since, until, 4),
        thinned=len(told) > MOST,
    )


def _is_judged(run: Entry) -> bool:
    return run.outcome != Outcome.INCONCLUSIVE


def _tally(run: Entry, name: str) -> Tally:
    """What the run says on it: nothing where it could not be judged."""
    return run.tallies.get(name, Tally()) if _is_judged(run) else Tally()


def _thinned(runs: Sequence[Entry], name: str, since: float, until: float) -> Iterator[tuple[Entry, int]]:
    """Each run, or where they are too many the worst of each stretch of time; and of how many it is the worst."""
    if len(runs) <= MOST:
        yield from ((run, 1) for run in runs)
        return
    stretches: dict[int, list[Entry]] = {}
    for run in runs:
        stretches.setdefault(int((run.started_at - since) / (until - since) * (MOST - 1)), []).append(run)
    for stretch in stretches.values():
        yield max(stretch, key=lambda run: _badness(run, name)), len(stretch)


def _badness(run: Entry, name: str) -> tuple[bool, bool, float]:
    tally = _tally(run, name)
    return tally.misses > 0, bool(tally.values), max(tally.values, default=0.0)


def _gaps(runs: Sequence[Entry], since: float, until: float, interval: float) -> Iterator[tuple[float, float]]:
    """Where nobody looked for longer than the schedule explains, from the first run on."""
    moments = [*((run.started_at, ended(run)) for run in runs), (until, until)]
    for (_, before), (after, _) in itertools.pairwise(moments):
        if after - before > GAP * interval:
            yield (before - since) / (until - since), (after - since) / (until - since)


def _title(run: Entry, name: str, of: int) -> str:
    tally = _tally(run, name)
    said = " and ".join(f"{value:.3f} s" for value in tally.values)
    if tally.misses:
        said = f"{said}, {tally.misses} did not come" if said else "did not come"
    elif not _is_judged(run):
        said = "not judged"
    worst = f", the worst of {of} runs" if of > 1 else ""
    return f"{stamp(run.started_at)}: {name} {said or 'came, but was not believed'} ({run.outcome}{worst})"


def _sentence(name: str, runs: Sequence[Entry], values: Sequence[float], limit: float | None) -> str:
    """The plot for who does not see it."""
    misses = sum(_tally(run, name).misses for run in runs)
    spread = f", from {min(values):.2f} to {max(values):.2f} s" if values else ""
    objective = f"; objective {limit:g} s" if limit is not None else ""
    return f"{name}: {len(values)} values{spread}, {misses} did not come{objective}"
