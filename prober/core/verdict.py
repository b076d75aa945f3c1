"""The verdict on a run, derived from its timeline. Pure: never raises.

The first thing that went wrong, in order of time, explains the run: a milestone missed, or a fault.
What the prober itself may have missed is never the target's failure.
"""

import itertools
from collections.abc import Sequence

import msgspec

from prober.core.events import (
    AnchorsAsked,
    ChildExited,
    CleanedUp,
    Heartbeat,
    Leaving,
    Reconnected,
    Reconnecting,
    Stalled,
    Stopped,
    Suspended,
)
from prober.core.measure import Measurements, value_of
from prober.core.milestones import milestones
from prober.core.plan import Expectations, WhenInterrupted
from prober.core.reasons import OURS, WORDS, Outcome, Reason
from prober.core.timeline import Timeline

NETWORK = frozenset(
    {
        Reason.TRIAL_UNREACHABLE,
        Reason.TRIAL_TIMEOUT,
        Reason.SERVER_UNREACHABLE,
        Reason.MEDIA_UNREACHABLE,
        Reason.DISCONNECTED,
    }
)
"""Reasons that a dead network of our own brings about as well."""
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


def judge(timeline: Timeline, expectations: Expectations) -> Verdict:
    """The first thing that went wrong, in order of time, explains the run; unless we were offline when it did."""
    verdict = _judge(timeline, expectations)
    asked = timeline.last(AnchorsAsked)
    if verdict.outcome is Outcome.FAIL and asked is not None and asked.answered == 0 and network_failed(timeline):
        return _because(Reason.PROBER_OFFLINE, f"{verdict.reason}, and no answer from {asked.of} independent hosts")
    return verdict


def network_failed(timeline: Timeline) -> bool:
    """Whether what went wrong may have been the network, ours as well as theirs: entry, signal or media."""
    broken, mended = timeline.last(Reconnecting), timeline.last(Reconnected)
    if broken is not None and (mended is None or mended.at < broken.at):
        return True
    return any(stop.reason in NETWORK for stop in timeline.all(Stopped))


def _judge(timeline: Timeline, expectations: Expectations) -> Verdict:
    slept = next(timeline.all(Suspended), None)
    if slept is not None:
        return _because(Reason.PROBER_OVERLOAD, f"the machine slept for {slept.seconds:.0f} s during the run")
    seen, faults = _seen_until(timeline), _faults(timeline, expectations)
    previous = 0.0
    for milestone in milestones(expectations):
        anchor = previous if milestone.anchor is None else milestone.anchor(timeline)
        due = (previous if anchor is None else anchor) + milestone.within
        reached = milestone.moment(timeline)
        fault = _first(faults, until=due if reached is None else min(reached, due))
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
    fault = _first(faults, until=seen)
    if fault is not None and fault.reason is not Reason.RUN_DEADLINE:  # nothing was left to wait for
        return _because(fault.reason, fault.detail)
    return Verdict(outcome=Outcome.PASS) if leaving is not None else _unfinished(timeline, seen)


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


def _faults(timeline: Timeline, expectations: Expectations) -> list[Stopped]:
    """What a good run does not have, in order of time; after we began to leave nothing is anybody's failure."""
    faults = list(timeline.all(Stopped, until=_seen_until(timeline)))
    if expectations.interruption is WhenInterrupted.FAIL:
        faults += (
            Stopped(at=turn.interrupted, reason=Reason.AGENT_INTERRUPTED_US, detail=f"turn {turn.number}")
            for turn in timeline.turns()
            if turn.interrupted is not None
        )
    return sorted(faults, key=lambda fault: fault.at)


def _first(faults: Sequence[Stopped], until: float) -> Stopped | None:
    return next((fault for fault in faults if fault.at <= until), None)


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
