"""The verdict on a run, derived from its timeline. Pure: never raises.

The first thing that went wrong, in order of time, explains the run: a milestone missed, or a fault.
What the prober itself may have missed is never the target's failure.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from prober.core.events import (
    AgentJoined,
    AgentState,
    AgentTrack,
    ChildExited,
    CleanedUp,
    Event,
    Heartbeat,
    Held,
    Leaving,
    RoomJoined,
    RunStarted,
    SessionGranted,
    Stalled,
    Stopped,
    Suspended,
    TrialRequested,
    UtteranceEnded,
)
from prober.core.measure import Measurements, ready_at, value_of
from prober.core.plan import Expectations, Greeting, Ready, Scenario
from prober.core.reasons import OURS, WORDS, Outcome, Reason
from prober.core.timeline import Timeline

HEARTBEAT = 1.0
"""Seconds between the child's heartbeats."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Judgement of a run: `message` says what a customer meets, `look` where to look next."""

    outcome: Outcome
    reason: Reason | None = None
    message: str = ""
    look: str = ""


class Objective(msgspec.Struct, frozen=True, kw_only=True):
    """A limit on a measurement; `met` is None where the measurement is."""

    name: str
    limit: float
    value: float | None
    met: bool | None


class Milestone(NamedTuple):
    """What a good run reaches: `moment` finds when; due `within` seconds after `anchor` (None: its predecessor)."""

    reason: Reason
    within: float
    moment: Callable[[Timeline], float | None]
    anchor: Callable[[Timeline], float | None] | None = None


def judge(timeline: Timeline, expectations: Expectations) -> Verdict:
    """The first thing that went wrong, in order of time, explains the run."""
    slept = next(timeline.all(Suspended), None)
    if slept is not None:
        return _because(Reason.PROBER_OVERLOAD, f"the machine slept for {slept.seconds:.0f} s during the run")
    seen = _seen_until(timeline)
    previous = 0.0
    for milestone in milestones(expectations):
        anchor = previous if milestone.anchor is None else milestone.anchor(timeline)
        due = (previous if anchor is None else anchor) + milestone.within
        reached = milestone.moment(timeline)
        fault = _fault(timeline, until=due if reached is None else min(reached, due))
        if fault is not None:
            return _because(fault.reason, fault.detail)
        if reached is None and seen < due:
            return _unfinished(timeline, seen)
        if reached is None or reached > due:
            observed = seen if reached is None else reached
            blind = _blindness(timeline, previous, observed)
            if 0 < observed - due <= blind:
                return _because(
                    Reason.PROBER_OVERLOAD, f"blind for {blind:.1f} s while waiting: {milestone.reason} is not proven"
                )
            late = "" if reached is None else f"only after {milestone.within + reached - due:.2f} s, "
            return _because(milestone.reason, f"{late}not within {milestone.within:g} s")
        previous = max(previous, reached)
    leaving = timeline.first(Leaving, since=previous)
    fault = _fault(timeline, until=seen if leaving is None else leaving.at)
    if fault is not None and fault.reason is not Reason.RUN_DEADLINE:  # nothing was left to wait for
        return _because(fault.reason, fault.detail)
    return Verdict(outcome=Outcome.PASS) if leaving is not None else _unfinished(timeline, seen)


def milestones(expectations: Expectations) -> Iterator[Milestone]:
    """What a good run of this scenario reaches, in the order in which it is asked for."""
    within = expectations.deadlines
    yield Milestone(Reason.TRIAL_TIMEOUT, within.trial, _moment(SessionGranted), _moment(TrialRequested))
    yield Milestone(Reason.SERVER_UNREACHABLE, within.room_join, _moment(RoomJoined), _moment(SessionGranted))
    yield Milestone(Reason.AGENT_ABSENT, within.agent_join, _moment(AgentJoined), _moment(RoomJoined))
    if expectations.ready is Ready.STATE:
        yield Milestone(Reason.AGENT_NOT_READY, within.agent_ready, _moment(AgentState), _moment(AgentJoined))
    if expectations.subscribes or expectations.ready is Ready.TRACK:
        yield Milestone(Reason.AGENT_NO_TRACK, within.agent_ready, _moment(AgentTrack), _moment(AgentJoined))
    if expectations.scenario is Scenario.JOIN:
        yield Milestone(Reason.RUN_DEADLINE, within.run, _moment(Held), _moment(RunStarted))
        return
    if expectations.greeting is Greeting.EXPECTED:
        yield Milestone(
            Reason.AGENT_SILENT, within.greeting, _greeted, lambda timeline: ready_at(timeline, expectations)
        )
    for number, turn in enumerate(expectations.turns, start=1):
        yield Milestone(Reason.RUN_DEADLINE, within.run, _spoken(number), _moment(RunStarted))
        yield Milestone(Reason.AGENT_NO_RESPONSE, turn.reply_within, _answered(number), _spoken(number))


def judge_objectives(measurements: Measurements, expectations: Expectations) -> tuple[Objective, ...]:
    """Each objective with the value it is about: for `response`, the slowest turn that has one."""
    return tuple(
        Objective(name=name, limit=limit, value=value, met=None if value is None else value <= limit)
        for name, limit in expectations.objectives.items()
        for value in (value_of(measurements, name),)
    )


def _because(reason: Reason, detail: str) -> Verdict:
    words = WORDS[reason]
    return Verdict(
        outcome=Outcome.INCONCLUSIVE if reason in OURS else Outcome.FAIL,
        reason=reason,
        message=f"{words.message} ({detail})" if detail else words.message,
        look=words.look,
    )


def _unfinished(timeline: Timeline, seen: float) -> Verdict:
    """The record ends before its verdict is due: our own process died, or forgot to say why it stopped."""
    exited = timeline.first(ChildExited)
    if exited is not None:
        return _because(Reason.PROBER_CRASH, f"exit status {exited.status} after {seen:.1f} s")
    return _because(Reason.PROBER_INTERNAL, f"the record ends at {seen:.1f} s without a reason")


def _fault(timeline: Timeline, until: float) -> Stopped | None:
    """The earliest fault up to a moment; what happens after we began to leave is nobody's failure."""
    leaving = timeline.first(Leaving)
    return timeline.first(Stopped, until=until if leaving is None else min(until, leaving.at))


def _seen_until(timeline: Timeline) -> float:
    """The last moment at which the child proved that it was watching: to its leaving and no further."""
    leaving = timeline.first(Leaving)
    if leaving is not None:
        return leaving.at
    witnesses = (event.at for event in timeline if not isinstance(event, ChildExited | CleanedUp))
    return max(witnesses, default=0.0)


def _blindness(timeline: Timeline, since: float, until: float) -> float:
    """Seconds in which events may have passed unseen: stalls, or gaps between heartbeats, whichever tells of more."""
    stalls = sum(
        max(0.0, min(stall.at, until) - max(stall.at - stall.seconds, since)) for stall in timeline.all(Stalled, since)
    )
    beats = [since, *(beat.at for beat in timeline.all(Heartbeat, since, until)), until]
    gaps = sum(
        gap - HEARTBEAT
        for gap in (later - earlier for earlier, later in itertools.pairwise(beats))
        if gap > 1.5 * HEARTBEAT
    )
    return max(stalls, gaps)


def _moment(kind: type[Event]) -> Callable[[Timeline], float | None]:
    def find(timeline: Timeline) -> float | None:
        event = timeline.first(kind)
        return None if event is None else event.at

    return find


def _greeted(timeline: Timeline) -> float | None:
    greeting = timeline.greeting()
    return None if greeting is None else greeting.at


def _spoken(number: int) -> Callable[[Timeline], float | None]:
    def find(timeline: Timeline) -> float | None:
        event = timeline.first(UtteranceEnded, where=lambda event: event.turn == number)
        return None if event is None else event.at

    return find


def _answered(number: int) -> Callable[[Timeline], float | None]:
    def find(timeline: Timeline) -> float | None:
        return next((turn.answered for turn in timeline.turns() if turn.number == number), None)

    return find
