"""What a run came to, in words for a person: the verdict, why, and the measurements. Pure: returns text.

No line obeys who wrote a part of it: what is no visible character is shown as a sign.
"""

import math
import textwrap
from collections.abc import Iterator

from prober.core import accounts
from prober.core.readings import TurnReading
from prober.core.reasons import Outcome
from prober.core.record import RunRecord
from prober.core.statistics import ENOUGH, Spread, Statistics, Summary
from prober.core.timeline import Timeline
from prober.core.visible import visible
from prober.sinks.explained import ASK, explanation

WIDTH = 100
PERCENTILES = ("min", *ENOUGH, "max")

ENDS: dict[str, str] = {
    "trial": "asked for a session → session granted",
    "room_join": "session granted → room joined",
    "agent_join": "room joined → agent in the room",
    "agent_ready": "agent in the room → its state set",
    "time_to_ready": 'run started → no longer "connecting…"',
    "greeting": "agent ready → its first speech",
    "response": "end of our speech → onset of the answer, at our ear",
    "yield_time": "our interruption → the agent falls silent",
}
"""Both ends of every measurement."""


def verdict(record: RunRecord) -> str:
    """What the run came to, on one line."""
    reason = f" {record.reason}" if record.reason is not None else ""
    unjudged = [objective.name for objective in record.objectives if objective.met is None]
    without = f" (not judged: {', '.join(unjudged)})" if unjudged and record.outcome is Outcome.PASS else ""
    without += "".join(f" (turn {number} interrupted nobody)" for number in _into_silence(record))
    slow = too_slow(record) if record.outcome is Outcome.PASS else []
    late = f" ({', '.join(slow)})" if slow else ""
    where = f"{record.target} · {record.scenario} · run {record.run_id}"
    return f"{record.outcome.upper()}{reason}{without}{late} · {where}"


def _into_silence(record: RunRecord) -> list[int]:
    """The turns of a run that passed in which we were to interrupt the agent, and it did not speak any more."""
    if record.outcome is not Outcome.PASS:
        return []
    meant = {number for number, turn in enumerate(record.expectations.turns, start=1) if turn.barge_in is not None}
    return [turn.number for turn in Timeline(record.timeline).turns() if turn.number in meant and turn.under is None]


def objectives(record: RunRecord) -> list[str]:
    """What became of each objective of the run, as the metrics count it."""
    owed = accounts.missed(record)
    words = {True: "met", False: "missed", None: "not judged"}
    return [
        "missed, for it did not come" if one.met is None and one.name in owed else words[one.met]
        for one in record.objectives
    ]


def too_slow(record: RunRecord) -> list[str]:
    """The objectives whose value is over the limit, each with both."""
    return [
        f"{objective.name} took {objective.value:.3f} s, objective {objective.limit:g} s"
        for objective in record.objectives
        if objective.met is False
    ]


def rate(made: Summary) -> str:
    """How often several runs worked, on one line."""
    line = f"{made.target}/{made.scenario}: {made.passed} of {made.runs} runs worked"
    if isinstance(made, Statistics):
        line += f", {made.required} required"
    if made.pass_rate is None or made.pass_rate_low is None or made.pass_rate_high is None:
        return line
    interval = f"95 % interval {made.pass_rate_low:.1%} to {made.pass_rate_high:.1%}"
    return f"{line} · pass rate {made.pass_rate:.1%} of {made.passed + made.failed} judged ({interval})"


def table(made: Summary) -> tuple[list[str], list[list[str]]]:
    """The measurements of several runs, column heads and rows: only the percentiles that some measurement can bear."""
    columns = [
        name for name in PERCENTILES if name not in ENOUGH or any(one.n >= ENOUGH[name] for one in made.measurements)
    ]
    extra = ["unusable"] if any(one.unusable for one in made.measurements) else []
    rows = [
        [
            *(one.name, str(one.n), str(one.misses), *(str(getattr(one, name)) for name in extra)),
            *(_cell(one, name) for name in columns),
        ]
        for one in made.measurements
    ]
    return ["measurement", "n", "misses", *extra, *columns], rows


def _cell(spread: Spread, name: str) -> str:
    """A value; `miss` where its rank is that of a value which did not come; nothing where too few came."""
    value: float | None = getattr(spread, name)
    if value is not None:
        return f"{value:.3f}"
    return "miss" if spread.n >= ENOUGH.get(name, math.inf) else ""


def spread(made: Summary) -> Iterator[str]:
    """Several runs in words: how often they worked, and their measurements in seconds."""
    yield rate(made)
    if made.measurements:
        columns, rows = table(made)
        widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
        for first, *others in (columns, *rows):
            cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
            yield f"  {first:{widths[0]}}  {'  '.join(cells)}".rstrip()


def summary(record: RunRecord, width: int = WIDTH) -> Iterator[str]:
    """The verdict, what to look at, what was measured, and what the prober says of itself."""
    return map(visible, _summary(record, width))


def _summary(record: RunRecord, width: int) -> Iterator[str]:
    yield verdict(record)
    if record.outcome is not Outcome.PASS:
        yield f"  {record.message}"
        for line in explanation(record):
            wide = max(len(line) + 2, width) if line.startswith(ASK) else min(width, WIDTH)  # a command is copied whole
            yield from textwrap.wrap(line, wide, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
    yield from _measurements(record)
    for objective, judged in zip(record.objectives, objectives(record), strict=True):
        yield f"  objective {objective.name} ≤ {objective.limit:g} s: {judged}"
    for key, value in record.labels.items():
        yield f"  label {key} = {value}"
    for person in record.participants:
        if not person.agent:
            yield f"  also in the room: {person.identity} ({person.kind})"
    for left in record.left_behind:
        yield f"  left behind: {left}"
    yield f"  prober: {health(record)}"


def _measurements(record: RunRecord) -> Iterator[str]:
    values = record.measurements
    for name, ends in ENDS.items():
        if name == "response":
            spoken = len(Timeline(record.timeline).turns())
            yield from (_response(reading, ends) for reading in record.prober.turns[:spoken])
        elif name in record.prober.voids:
            yield f"  {name:14}   none     {record.prober.voids[name]}"
        elif name == "greeting" and record.prober.greeting_void is not None:
            yield f"  {name:14}   none     {record.prober.greeting_void}"
        elif name == "yield_time":
            yield from (
                _yield(reading, ends) for reading in record.prober.turns if reading.yield_time or reading.yield_void
            )
        elif (value := getattr(values, name)) is not None:
            yield f"  {name:14}{value:7.3f} s   {ends}"


def _yield(reading: TurnReading, ends: str) -> str:
    if reading.yield_time is None:
        return f"  yield_time       none     {reading.yield_void}"
    return f"  yield_time    {reading.yield_time:7.3f} s   {ends}"


def _response(reading: TurnReading, ends: str) -> str:
    label = f"response {reading.turn}"
    if reading.response is None:
        return f"  {label:14}   none     {reading.void or 'not answered'}"
    held = "" if reading.jitter_buffer is None else f" (of it {reading.jitter_buffer * 1000:.0f} ms our jitter buffer)"
    return f"  {label:14}{reading.response:7.3f} s   {ends}{held}"


def health(record: RunRecord) -> str:
    """What the run took of the prober's own host."""
    own = record.prober
    if own.cpu is None or own.peak_rss is None:
        return "died before its first heartbeat"
    cpu, memory = f"{own.cpu:.2f} s CPU", f"{own.peak_rss / 1e6:.0f} MB"
    longest = f"longest stall {own.longest_stall:.2f} s" if own.longest_stall is not None else "no stall"
    return f"{cpu}, {memory}, {longest}"
