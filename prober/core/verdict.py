"""The verdict on a run, derived from its timeline. Pure: never raises.

The first thing that went wrong, in order of time, explains the run: a milestone missed, or a fault.
What the prober itself may have missed is never the target's failure.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from prober.core.events import (
    AgentLogged,
    AgentLogQuiet,
    AgentLogUnread,
    AnchorsAsked,
    ChildExited,
    CleanedUp,
    Heartbeat,
    Leaving,
    Reconnected,
    Reconnecting,
    ServerAsked,
    Stalled,
    Stopped,
    Suspended,
    UtteranceEnded,
)
from prober.core.evidence import OF_THE_AGENT
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
TOLD_BY_LIVEKIT = ("duplicate_identity", "participant_removed", "room_deleted", "room_closed", "server_shutdown")
"""Ends of a call that the server itself has told us of: the network was there."""
TALKED_TO = frozenset(
    {Reason.AGENT_NO_RESPONSE, Reason.AGENT_INTERRUPTED_US, Reason.AGENT_WRONG_ANSWER, Reason.BARGE_IN_IGNORED}
)
"""Reasons that a sentence of ours which left in pieces brings about as well."""
HEARTBEAT = 1.0
"""Seconds between the child's heartbeats."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Judgement of a run: `message` says what a customer meets, `look` where to look next.

    `late` where what was missed came after all, after its deadline.
    """

    outcome: Outcome
    reason: Reason | None = None
    message: str = ""
    look: str = ""
    late: bool = False


class Objective(msgspec.Struct, frozen=True, kw_only=True):
    """A limit on a measurement; `met` is None where the measurement is."""

    name: str
    limit: float
    value: float | None
    met: bool | None


class _Finding(NamedTuple):
    verdict: Verdict
    at: float


def judge(timeline: Timeline, expectations: Expectations) -> Verdict:
    """The first thing that went wrong, in order of time, explains the run; unless our own trouble explains that."""
    verdict, at = _judge(timeline, expectations)
    broken_at = cut_off(timeline)
    if verdict.reason in OF_THE_AGENT and broken_at is not None and broken_at <= at:
        verdict = _because(
            Reason.DISCONNECTED, f"cut off from LiveKit since {broken_at:.1f} s: {verdict.reason} is not proven"
        )
    asked = timeline.last(AnchorsAsked)
    if (
        verdict.outcome is Outcome.FAIL
        and asked is not None
        and asked.answered == 0
        and _offline(timeline, verdict, at)
    ):
        return _because(Reason.PROBER_OFFLINE, f"{verdict.reason}, and none of {asked.of} independent hosts answered")
    broken = timeline.first(UtteranceEnded, where=lambda ended: abs(ended.drift) > expectations.limits.stall)
    if verdict.reason in TALKED_TO and broken is not None:
        return _because(
            Reason.PROBER_OVERLOAD,
            f"turn {broken.turn} left us with {broken.drift:.2f} s of gaps in it: {verdict.reason} is not proven",
        )
    return verdict


def network_failed(timeline: Timeline) -> bool:
    """Whether what went wrong may have been the network, ours as well as theirs: then independent hosts are asked."""
    return cut_off(timeline) is not None or any(_by_network(stop) for stop in timeline.all(Stopped))


def _offline(timeline: Timeline, verdict: Verdict, at: float) -> bool:
    """Whether a dead network of ours explains this very verdict."""
    lost = cut_off(timeline)
    if lost is not None and lost <= at:
        return True
    return any(_by_network(stop) and stop.reason is verdict.reason for stop in timeline.all(Stopped))


def cut_off(timeline: Timeline) -> float | None:
    """When the connection to LiveKit broke that never came back."""
    broken, mended = timeline.last(Reconnecting), timeline.last(Reconnected)
    return None if broken is None or (mended is not None and mended.at >= broken.at) else broken.at


def _by_network(stop: Stopped) -> bool:
    return stop.reason in NETWORK and stop.detail not in TOLD_BY_LIVEKIT


def _judge(timeline: Timeline, expectations: Expectations) -> _Finding:
    slept = next(timeline.all(Suspended), None)
    if slept is not None:
        told = f"the machine slept for {slept.seconds:.0f} s during the run"
        return _Finding(_because(Reason.PROBER_OVERLOAD, told), slept.at)
    seen, faults = _seen_until(timeline), _faults(timeline, expectations)
    previous = 0.0
    for milestone in milestones(expectations):
        anchor = previous if milestone.anchor is None else milestone.anchor(timeline)
        due = (previous if anchor is None else anchor) + milestone.within
        reached = milestone.moment(timeline)
        fault = _first(faults, until=due if reached is None else min(reached, due))
        if fault is not None:
            return _Finding(_of_fault(timeline, fault, previous), fault.at)
        if reached is None and seen < due:
            return _Finding(_unfinished(timeline, seen), seen)
        if reached is None or reached > due:
            late = "" if reached is None else f"only after {milestone.within + reached - due:.2f} s, "
            told = f"{late}not within {milestone.within:g} s"
            observed = seen if reached is None else reached
            missed = _missed(timeline, milestone.reason, told, since=previous, due=due, observed=observed)
            return _Finding(msgspec.structs.replace(missed, late=reached is not None), due)
        previous = max(previous, reached)
    leaving = timeline.first(Leaving, since=previous)
    faults = [fault for fault in faults if fault.reason is not Reason.RUN_DEADLINE]  # nothing was left to wait for
    fault = _first(faults, until=seen)
    if fault is not None:
        return _Finding(_of_fault(timeline, fault, previous), fault.at)
    return _Finding(Verdict(outcome=Outcome.PASS) if leaving is not None else _unfinished(timeline, seen), seen)


def _of_fault(timeline: Timeline, fault: Stopped, since: float) -> Verdict:
    if fault.given_up is None:
        return _because(fault.reason, fault.detail)
    return _missed(timeline, fault.reason, fault.detail, since=since, due=fault.at, observed=fault.given_up)


def _missed(timeline: Timeline, reason: Reason, told: str, *, since: float, due: float, observed: float) -> Verdict:
    """A deadline passed; unless we were blind for long enough to have missed what came in time."""
    blind = _blindness(timeline, since, observed)
    if 0 < observed - due <= blind:
        return _because(Reason.PROBER_OVERLOAD, f"blind for {blind:.1f} s while waiting: {reason} is not proven")
    return _because(reason, told)


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
    afterwards = AgentLogged | AgentLogQuiet | AgentLogUnread | ChildExited | CleanedUp | ServerAsked
    witnesses = (event.at for event in timeline if not isinstance(event, afterwards))
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
