"""Why a run failed, derived from its timeline and its verdict. Pure: never raises, and never changes the verdict.

The agent's own log knows best, then LiveKit's server, then what we met ourselves.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from prober.core.causes import Cause, Diagnosis, Found
from prober.core.events import (
    AgentLogged,
    AgentLogQuiet,
    AgentLogUnread,
    HttpMoment,
    Leaving,
    ParticipantSeen,
    ServerAsked,
    Stopped,
    TrialRequested,
)
from prober.core.evidence import OF_THE_AGENT, agents_asked_for, commands, evidence, is_listed, packets
from prober.core.meanings import MEANINGS
from prober.core.reasons import OURS, Reason
from prober.core.timeline import Timeline
from prober.core.verdict import TOLD_BY_LIVEKIT, Verdict

KEPT_FROM_JOBS = frozenset(
    {Cause.WORKER_FULL, Cause.WORKER_CUT_OFF, Cause.WORKER_KEY_REFUSED, Cause.IMPORT_ERROR},
)
"""What keeps a worker from taking any job: where LiveKit shows one that was taken, it is another worker's trouble."""
UNCONNECTED = frozenset({Cause.JOB_HANGS, Cause.JOB_RETURNED})
"""What a worker says of a job that has not connected yet, and never takes back."""
GENERAL = frozenset({Cause.JOB_CRASHED, Cause.JOB_DIED, Cause.JOB_HANGS, Cause.JOB_RETURNED})
"""What a log says of every such job, whatever brought it about."""


def diagnose(timeline: Timeline, verdict: Verdict) -> Diagnosis | None:
    """The cause of this verdict with all that speaks for it.

    None for a run that passed, and where the reason itself is the cause.
    """
    reason = verdict.reason
    if reason is None or reason is Reason.INTERRUPTED:
        return None
    logged = _logged(timeline, reason) if reason in OF_THE_AGENT else None
    if logged is not None:
        found = Found.AGENT_LOG_BY_TIME if logged.by == "time" else Found.AGENT_LOG
        return _explained(logged.cause, found, timeline, reason, told=logged.quote, fix=logged.fix)
    cause = _by_server(timeline) if reason is Reason.AGENT_ABSENT else None
    if cause is not None:
        told = agents_asked_for(timeline) if cause is Cause.NO_WORKER else ""
        return _explained(cause, Found.SERVER, timeline, reason, told=told)
    cause = Cause.PROBER_TROUBLE if reason in OURS else _BY_TIMELINE.get(reason, _unknown)(timeline)
    if cause is not None:
        return _explained(cause, Found.TIMELINE, timeline, reason, fix=verdict.look if reason in OURS else None)
    if reason in OF_THE_AGENT:
        asked = any(isinstance(event, ServerAsked | AgentLogQuiet | AgentLogUnread) for event in timeline)
        fix = verdict.look if asked else f"{verdict.look} {MEANINGS[Cause.UNEXPLAINED].fix}"
        return _explained(Cause.UNEXPLAINED, Found.TIMELINE, timeline, reason, fix=fix)
    return None


def _explained(
    cause: Cause, found: Found, timeline: Timeline, reason: Reason, *, told: str = "", fix: str | None = None
) -> Diagnosis:
    blame, sentence, general = MEANINGS[cause]
    return Diagnosis(
        cause=cause,
        blame=blame,
        sentence=f"{sentence} ({told})" if told else sentence,
        fix=fix or general,
        found=found,
        evidence=tuple(evidence(timeline, reason)),
        commands=tuple(commands(timeline)) if reason in OF_THE_AGENT else (),
    )


def _logged(timeline: Timeline, reason: Reason) -> AgentLogged | None:
    """The line that says most: one that names our room or job before one that does not, a known cause before any."""
    lines = [line for line in timeline.all(AgentLogged) if _explains(line, timeline, reason)]
    return min(lines, key=lambda line: (line.by == "time", line.cause in GENERAL, line.at), default=None)


def _explains(line: AgentLogged, timeline: Timeline, reason: Reason) -> bool:
    """Whether this can be why: an agent that came has connected, and its worker had a job to give it."""
    if line.cause in UNCONNECTED:
        return reason is Reason.AGENT_ABSENT and not _came_late(timeline)
    if line.by != "worker":
        return True
    return reason is Reason.AGENT_ABSENT and not (line.cause in KEPT_FROM_JOBS and _never_joined(timeline))


def _came_late(timeline: Timeline) -> bool:
    """Whether LiveKit lists an agent that we had not seen when we gave up."""
    asked, gave_up = timeline.last(ServerAsked), timeline.last(Leaving)
    in_time = timeline.all(ParticipantSeen, until=math.inf if gave_up is None else gave_up.at)
    seen = {person.identity for person in in_time}
    people = () if asked is None else asked.people or ()
    return any(person.kind == "agent" and person.identity not in seen for person in people)


def _never_joined(timeline: Timeline) -> bool:
    """Whether a worker took a job of this room, and its agent is not there."""
    asked = timeline.last(ServerAsked)
    if asked is None:
        return False
    here = {person.identity for person in asked.people or ()}
    return any(job.identity not in here for each in asked.dispatches or () for job in each.jobs)


def _by_server(timeline: Timeline) -> Cause | None:
    """Why no agent came, by the server's lists; a job's status is not in them, for it is wrong."""
    asked = timeline.last(ServerAsked)
    if asked is None:
        return None
    if _came_late(timeline):
        return Cause.JOINED_LATE
    if _never_joined(timeline):
        return Cause.ASSIGNED_NEVER_JOINED
    if asked.dispatches is None or not is_listed(timeline, asked):
        return None
    if any(each.agent and not each.jobs for each in asked.dispatches):
        return Cause.NO_WORKER
    # A room of which no agent was asked has a dispatch all the same, for workers without a name.
    return None if any(each.jobs for each in asked.dispatches) else Cause.NOT_DISPATCHED


def _no_answer(timeline: Timeline) -> Cause:
    """Without a connection nobody was slow."""
    moment = timeline.last(HttpMoment)
    unconnected = moment is not None and moment.what in ("sent", "resolved", "redirected")
    return Cause.WEB_UNREACHABLE if unconnected else Cause.WEB_SLOW


def _unreachable(timeline: Timeline) -> Cause:
    """Whether TLS was what failed stands in the words of `entry.http` alone."""
    told = "".join(stop.detail for stop in timeline.all(Stopped) if stop.reason is Reason.TRIAL_UNREACHABLE)
    return Cause.WEB_CERTIFICATE if "certificate of" in told or "TLS with" in told else Cause.WEB_UNREACHABLE


def _bad_token(timeline: Timeline) -> Cause:
    """In the direct way in nobody is asked for a token: it is of our own making."""
    return Cause.OWN_KEY_REFUSED if timeline.first(TrialRequested) is None else Cause.TOKEN_UNUSABLE


def _cut_off(timeline: Timeline) -> Cause:
    stop = timeline.first(Stopped, where=lambda stop: stop.reason is Reason.DISCONNECTED)
    if stop is None or stop.detail not in TOLD_BY_LIVEKIT:
        return Cause.CONNECTION_LOST
    return Cause.LIVEKIT_SHUT_DOWN if stop.detail == "server_shutdown" else Cause.CALL_ENDED


def _nothing_heard(timeline: Timeline) -> Cause | None:
    """No packets are not silence; without WebRTC's totals nobody knows."""
    match packets(timeline):
        case None:
            return None
        case (_, 0):
            return Cause.NO_PACKETS
        case (0, _):
            return Cause.PACKETS_STOPPED
        case _:
            return Cause.SILENT_TRACK


def _always(cause: Cause) -> Callable[[Timeline], Cause | None]:
    return lambda _timeline: cause


def _unknown(_timeline: Timeline) -> Cause | None:
    return None


_BY_TIMELINE: Mapping[Reason, Callable[[Timeline], Cause | None]] = MappingProxyType(
    {
        Reason.TRIAL_UNREACHABLE: _unreachable,
        Reason.TRIAL_TIMEOUT: _no_answer,
        Reason.TRIAL_REJECTED: _always(Cause.WEB_ERROR),
        Reason.TRIAL_MALFORMED: _always(Cause.WEB_MALFORMED),
        Reason.TOKEN_INVALID: _bad_token,
        Reason.SERVER_UNREACHABLE: _always(Cause.LIVEKIT_UNREACHABLE),
        Reason.ROOM_REFUSED: _always(Cause.LIVEKIT_REFUSED),
        Reason.MEDIA_UNREACHABLE: _always(Cause.MEDIA_PATH),
        Reason.AGENT_NOT_READY: _always(Cause.JOINED_NOT_READY),
        Reason.AGENT_NO_TRACK: _always(Cause.NO_TRACK),
        Reason.AGENT_SILENT: _nothing_heard,
        Reason.AGENT_NO_RESPONSE: _nothing_heard,
        Reason.AGENT_LEFT: _always(Cause.AGENT_LEFT),
        Reason.DISCONNECTED: _cut_off,
    }
)
"""What we met ourselves; a reason that is not here explains itself no further."""
