"""A run's phases as bars on its own time: what took how long, and what never came. Pure; places are fractions.

The bars are drawn from the timeline; the numbers beside them are the record's own, so that a number which was not
believed is never shown as one.
"""

from collections.abc import Iterator

import msgspec

from prober.core.events import Leaving, Stopped
from prober.core.measure import phase_ends
from prober.core.plan import Greeting, Ready
from prober.core.readings import TurnReading, ready_at
from prober.core.reasons import Outcome
from prober.core.record import RunRecord
from prober.core.timeline import Timeline, Turn
from prober.sinks.text import ENDS
from prober.watch.web.pages import axis
from prober.watch.web.pages.axis import Tick


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """From one moment to another; `open`: its end never came."""

    begin: float
    end: float
    open: bool = False


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A name, its bars, and the value in words; `kind` is `wait`, `ours` or `agent`."""

    name: str
    hint: str
    kind: str
    value: str
    bars: tuple[Bar, ...]


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A moment that a measurement begins or ends with; `seconds` is where it lies on the run's own time."""

    at: float
    seconds: float
    label: str


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A measured stretch of the sound."""

    begin: float
    end: float
    label: str


class Waterfall(msgspec.Struct, frozen=True, kw_only=True):
    """All rows on one axis of `seconds`; moments and stretches are for the sound on the same axis."""

    seconds: float
    ticks: tuple[Tick, ...]
    rows: tuple[Row, ...]
    moments: tuple[Moment, ...]
    stretches: tuple[Stretch, ...]


def waterfall(record: RunRecord, sound: float | None = None) -> Waterfall | None:
    """The run on one axis, long enough for `sound` seconds of recording; None where nothing happened."""
    timeline = Timeline(record.timeline)
    leaving = timeline.first(Leaving)
    until = leaving.at if leaving is not None else record.seconds
    seconds = max(until or 0.0, sound or 0.0)
    if until is None or seconds <= 0:
        return None
    rows = [*_phases(record, timeline, until), *_speech(timeline, until), *_turns(record, timeline)]
    return Waterfall(
        seconds=seconds,
        ticks=axis.seconds(seconds, 6),
        rows=tuple(_scaled(row, seconds) for row in rows),
        moments=tuple(
            Moment(at=at / seconds, seconds=at, label=label)
            for at, label in sorted(_moments(timeline))
            if at <= seconds
        ),
        stretches=tuple(
            Stretch(begin=turn.ended / seconds, end=turn.answered / seconds, label=_value(reading))
            for turn, reading in _read(record, timeline)
            if turn.ended is not None and turn.answered is not None and reading.response is not None
        ),
    )


def _scaled(row: Row, seconds: float) -> Row:
    bars = tuple(
        Bar(begin=bar.begin / seconds, end=min(bar.end, seconds) / seconds, open=bar.open)
        for bar in row.bars
        if bar.begin <= seconds
    )
    return msgspec.structs.replace(row, bars=bars)


def _phases(record: RunRecord, timeline: Timeline, until: float) -> Iterator[Row]:
    """The way in and the greeting; of a run that did not pass, the first one that it awaited in vain stays open."""
    expected, greeting, stopped = record.expectations, timeline.greeting(), timeline.first(Stopped)
    ends = phase_ends(timeline, expected)
    ends["greeting"] = (ready_at(timeline, expected), None if greeting is None else greeting.at)
    needless = {
        "agent_ready": expected.ready is not Ready.STATE,
        "greeting": expected.greeting is not Greeting.EXPECTED,
    }
    needless["greeting"] |= not expected.subscribes
    waiting = record.outcome is not Outcome.PASS
    for name, (begin, end) in ends.items():
        if begin is None:
            continue
        if end is not None and end >= begin:
            yield _row(name, _measured(record, name), Bar(begin=begin, end=end))
        elif waiting and not needless.get(name, False):
            waiting = False
            last = stopped.at if stopped is not None and stopped.at >= begin else until
            came = "did not come" if record.outcome is Outcome.FAIL else "was not seen"
            yield _row(name, f"{came} in {last - begin:.1f} s", Bar(begin=begin, end=last, open=True))


def _measured(record: RunRecord, name: str) -> str:
    value: float | None = getattr(record.measurements, name)
    if value is not None:
        return f"{value:.3f} s"
    own = record.prober
    return f"no number: {own.voids.get(name) or (own.greeting_void if name == 'greeting' else None) or 'not measured'}"


def _speech(timeline: Timeline, until: float) -> Iterator[Row]:
    ours = tuple(Bar(begin=turn.began, end=turn.ended) for turn in timeline.turns() if turn.ended is not None)
    theirs = tuple(
        Bar(begin=speech.started, end=until if speech.stopped is None else max(speech.started, speech.stopped))
        for speech in timeline.agent_speech()
    )
    for name, kind, bars in (("caller speaks", "ours", ours), ("agent speaks", "agent", theirs)):
        if bars:
            yield Row(
                name=name, hint="", kind=kind, value=f"{sum(bar.end - bar.begin for bar in bars):.1f} s", bars=bars
            )


def _turns(record: RunRecord, timeline: Timeline) -> Iterator[Row]:
    leaving = timeline.first(Leaving)
    for turn, reading in _read(record, timeline):
        if turn.ended is not None:
            answered = (
                turn.answered if turn.answered is not None else (leaving.at if leaving is not None else turn.ended)
            )
            bar = Bar(begin=turn.ended, end=max(turn.ended, answered), open=turn.answered is None)
            yield _row("response", _value(reading), bar, number=turn.number)
        if turn.under is not None and turn.under.stopped is not None and reading.yield_time is not None:
            bar = Bar(begin=turn.began, end=max(turn.began, turn.under.stopped))
            yield _row("yield_time", f"{reading.yield_time:.3f} s", bar, number=turn.number)


def _read(record: RunRecord, timeline: Timeline) -> Iterator[tuple[Turn, TurnReading]]:
    """Each sentence that was said, with what the record says of it."""
    readings = {reading.turn: reading for reading in record.prober.turns}
    for turn in timeline.turns():
        if turn.number in readings:
            yield turn, readings[turn.number]


def _value(reading: TurnReading) -> str:
    if reading.response is not None:
        return f"{reading.response:.3f} s"
    return f"no number: {reading.void}" if reading.void is not None else "did not come"


def _moments(timeline: Timeline) -> Iterator[tuple[float, str]]:
    greeting = timeline.greeting()
    if greeting is not None:
        yield greeting.at, "greeting begins"
    for turn in timeline.turns():
        if turn.ended is not None:
            yield turn.ended, f"turn {turn.number}: our speech ends"
        if turn.answered is not None:
            yield turn.answered, f"turn {turn.number}: answer begins"
        if turn.under is not None and turn.under.stopped is not None:
            yield turn.under.stopped, f"turn {turn.number}: agent has yielded"


def _row(name: str, value: str, bar: Bar, *, number: int | None = None) -> Row:
    label = name if number is None else f"{name} {number}"
    return Row(name=label, hint=ENDS[name], kind="wait", value=value, bars=(bar,))
