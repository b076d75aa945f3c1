"""Measurements, derived from a timeline. Pure: no clock, no network, never raises; what did not happen is None."""

from types import MappingProxyType

import msgspec

from prober.core.decoding import Whole
from prober.core.events import (
    AgentJoined,
    AgentState,
    Event,
    Heartbeat,
    RoomJoined,
    RunStarted,
    SessionGranted,
    Stalled,
    TrialRequested,
)
from prober.core.plan import Expectations, Scenario
from prober.core.readings import TurnReading, greeting_void, ready_at, stalled_at, turn_readings
from prober.core.timeline import Timeline


class Measurements(msgspec.Struct, frozen=True, kw_only=True):
    """Durations in seconds; both ends of each are named in docs/measurements.md. `yield_time` is the slowest one's."""

    trial: float | None = None
    room_join: float | None = None
    agent_join: float | None = None
    agent_ready: float | None = None
    time_to_ready: float | None = None
    greeting: float | None = None
    responses: tuple[float | None, ...] = ()
    yield_time: float | None = None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The prober's own state during the run: CPU seconds, bytes, seconds; and what it was unfit to measure, and why."""

    cpu: float | None
    peak_rss: Whole | None
    stalls: Whole
    longest_stall: float | None
    greeting_void: str | None
    voids: dict[str, str]
    turns: tuple[TurnReading, ...]


OBJECTIVES = ("trial", "room_join", "agent_join", "agent_ready", "time_to_ready", "greeting", "response", "yield_time")
"""What an objective may be set on; `response` holds for every turn."""
_ENTERED = frozenset({"trial", "room_join", "agent_join", "agent_ready", "time_to_ready"})
MEASURED = MappingProxyType({Scenario.JOIN: _ENTERED, Scenario.CONVERSATION: _ENTERED | {"greeting", "response"}})
"""What each scenario can measure; `yield_time` only where a turn interrupts."""


def measure(timeline: Timeline, expectations: Expectations) -> Measurements:
    """Every duration that the timeline holds both ends of, and that the prober was fit to measure."""
    voids, ready = phase_voids(timeline, expectations), ready_at(timeline, expectations)
    phases = {
        name: _between(start, end)
        for name, (start, end) in phase_ends(timeline, expectations).items()
        if name not in voids
    }
    readings = turn_readings(timeline, expectations)
    return Measurements(
        **phases,
        greeting=None if greeting_void(timeline, expectations) else _between(ready, _at(timeline.greeting())),
        responses=tuple(reading.response for reading in readings),
        yield_time=max((reading.yield_time for reading in readings if reading.yield_time is not None), default=None),
    )


def phase_voids(timeline: Timeline, expectations: Expectations) -> dict[str, str]:
    """The phases that have no number because the prober stalled when they began or ended, each with its reason."""
    return {
        name: why
        for name, (start, end) in phase_ends(timeline, expectations).items()
        if start is not None and end is not None
        for why in (stalled_at(timeline, start, expectations.limits) or stalled_at(timeline, end, expectations.limits),)
        if why is not None
    }


def phase_ends(timeline: Timeline, expectations: Expectations) -> dict[str, tuple[float | None, float | None]]:
    """Where the phases of the way in begin and end."""
    started, requested, granted, joined, agent, state = (
        _at(timeline.first(kind))
        for kind in (RunStarted, TrialRequested, SessionGranted, RoomJoined, AgentJoined, AgentState)
    )
    return {
        "trial": (requested, granted),
        "room_join": (granted, joined),
        "agent_join": (joined, agent),
        "agent_ready": (agent, state),
        "time_to_ready": (started, ready_at(timeline, expectations)),
    }


def value_of(measurements: Measurements, name: str) -> float | None:
    """The one number under this name: for `response`, the slowest turn that has one."""
    if name == "response":
        return max((response for response in measurements.responses if response is not None), default=None)
    value: float | None = getattr(measurements, name, None)
    return value


def health(timeline: Timeline, expectations: Expectations) -> Health:
    """What the prober knows about itself."""
    beats = list(timeline.all(Heartbeat))
    stalls = [stall.seconds for stall in timeline.all(Stalled)]
    return Health(
        cpu=beats[-1].cpu if beats else None,
        peak_rss=max((beat.rss for beat in beats), default=None),
        stalls=len(stalls),
        longest_stall=max(stalls, default=None),
        greeting_void=greeting_void(timeline, expectations),
        voids=phase_voids(timeline, expectations),
        turns=turn_readings(timeline, expectations),
    )


def _at(event: Event | None) -> float | None:
    return None if event is None else event.at


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None or end < start else round(end - start, 6)
