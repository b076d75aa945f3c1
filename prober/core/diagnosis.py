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
    TokenRead,
    TrialRequested,
)
from prober.core.evidence import OF_THE_AGENT, agents_asked_for, commands, evidence, is_listed, packets
from prober.core.meanings import MEANINGS
from prober.core.reasons import OURS, Reason
from prober.core.timeline import Timeline
from prober.core.verdict import TOLD_BY_LIVEKIT, Verdict

KEPT_FROM_JOBS = frozenset(
    {
        Cause.WORKER_FULL,
        Cause.WORKER_CUT_OFF,
        Cause.WORKER_KEY_REFUSED,
        Cause.IMPORT_ERROR,
        Cause.PROVIDER_KEY_MISSING,
    },
)
"""What may keep a worker from taking any job: where ours was taken, it is another worker's trouble."""
UNCONNECTED = frozenset({Cause.JOB_HANGS, Cause.JOB_RETURNED})
"""What a worker says of a job that has not connected yet, and never takes back."""
GENERAL = frozenset({Cause.JOB_CRASHED, Cause.JOB_DIED, Cause.JOB_HANGS, Cause.JOB_RETURNED})
"""What a log says of every such job, whatever brought it about."""
ROOM_WAS_THERE = (
    "The token asks for an agent, which counts only in the join that makes the room: give each call a room of its own, "
    "or create a dispatch."
)
"""What to do where the token was right."""
_Explain = Callable[[Timeline, str], Cause | None]
"""From the run's timeline and what was said of its fault."""


def diagnose(timeline: Timeline, verdict: Verdict) -> Diagnosis | None:
    """The cause of this verdict with all that speaks for it.

    None for a run that passed, and where the reason itself is the cause.
    """
    reason = verdict.reason
    if reason is None or reason is Reason.INTERRUPTED:
        return None
    logged = _logged(timeline, verdict) if reason in OF_THE_AGENT else None
    if logged is not None:
        found = Found.AGENT_LOG_BY_TIME if logged.by == "time" else Found.AGENT_LOG
        return _explained(logged.cause, found, timeline, reason, told=logged.quote, fix=logged.fix)
    cause = _by_server(timeline) if reason is Reason.AGENT_ABSENT and not verdict.late else None
    if cause is not None:
        told = agents_asked_for(timeline) if cause is Cause.NO_WORKER else ""
        fix = ROOM_WAS_THERE if cause is Cause.NOT_DISPATCHED and _token_asks(timeline) else None
        return _explained(cause, Found.SERVER, timeline, reason, told=told, fix=fix)
    cause = _by_timeline(timeline, verdict)
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


def _logged(timeline: Timeline, verdict: Verdict) -> AgentLogged | None:
    """The line that says most: one that names our room or job before one that does not, a known cause before any."""
    lines = [line for line in timeline.all(AgentLogged) if _explains(line, timeline, verdict)]
    return min(lines, key=lambda line: (line.by == "time", line.cause in GENERAL, line.at), default=None)


def _explains(line: AgentLogged, timeline: Timeline, verdict: Verdict) -> bool:
    """Whether this can be why: an agent that came has connected, and its worker had a job to give it."""
    absent = verdict.reason is Reason.AGENT_ABSENT
    came = verdict.late or _came_late(timeline)
    if line.cause in UNCONNECTED:
        return absent and not came
    if line.by != "worker":
        return True
    return absent and not (line.cause in KEPT_FROM_JOBS and (came or _never_joined(timeline)))


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


def _token_asks(timeline: Timeline) -> bool:
    """Whether the token asks for an agent by its name."""
    token = timeline.last(TokenRead)
    return token is not None and any(token.agents)


def _by_timeline(timeline: Timeline, verdict: Verdict) -> Cause | None:
    """What we met ourselves."""
    reason = verdict.reason
    if reason is None or reason in OURS:
        return Cause.PROBER_TROUBLE
    if verdict.late:
        return _LATE.get(reason)
    stop = timeline.first(Stopped, where=lambda stop: stop.reason is reason)
    return _BY_TIMELINE.get(reason, _always(None))(timeline, "" if stop is None else stop.detail)


def _no_answer(timeline: Timeline, _said: str) -> Cause:
    """Without a connection nobody was slow."""
    moment = timeline.last(HttpMoment)
    unconnected = moment is not None and moment.what in ("sent", "resolved", "redirected")
    return Cause.WEB_UNREACHABLE if unconnected else Cause.WEB_SLOW


def _unreachable(*, by_tls: Cause, else_: Cause) -> _Explain:
    """Whether TLS was what failed stands in the words of `entry.http` alone."""
    return lambda _timeline, said: by_tls if "certificate of" in said or "TLS with" in said else else_


def _bad_token(timeline: Timeline, _said: str) -> Cause:
    """In the direct way in nobody is asked for a token: it is of our own making."""
    return Cause.OWN_KEY_REFUSED if timeline.first(TrialRequested) is None else Cause.TOKEN_UNUSABLE


def _ended(*, else_: Cause) -> _Explain:
    """Why LiveKit says that somebody is gone, we or the agent."""
    by_livekit = dict.fromkeys(TOLD_BY_LIVEKIT, Cause.CALL_ENDED) | {"server_shutdown": Cause.LIVEKIT_SHUT_DOWN}
    return lambda _timeline, said: by_livekit.get(said, else_)


def _nothing_heard(timeline: Timeline, _said: str) -> Cause | None:
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


def _always(cause: Cause | None) -> _Explain:
    return lambda _timeline, _said: cause


_BY_TIMELINE: Mapping[Reason, _Explain] = MappingProxyType(
    {
        Reason.TRIAL_UNREACHABLE: _unreachable(by_tls=Cause.WEB_CERTIFICATE, else_=Cause.WEB_UNREACHABLE),
        Reason.TRIAL_TIMEOUT: _no_answer,
        Reason.TRIAL_REJECTED: _always(Cause.WEB_ERROR),
        Reason.TRIAL_MALFORMED: _always(Cause.WEB_MALFORMED),
        Reason.TOKEN_INVALID: _bad_token,
        Reason.SERVER_UNREACHABLE: _unreachable(by_tls=Cause.LIVEKIT_CERTIFICATE, else_=Cause.LIVEKIT_UNREACHABLE),
        Reason.ROOM_REFUSED: _always(Cause.LIVEKIT_REFUSED),
        Reason.MEDIA_UNREACHABLE: _always(Cause.MEDIA_PATH),
        Reason.AGENT_NOT_READY: _always(Cause.JOINED_NOT_READY),
        Reason.AGENT_NO_TRACK: _always(Cause.NO_TRACK),
        Reason.AGENT_SILENT: _nothing_heard,
        Reason.AGENT_NO_RESPONSE: _nothing_heard,
        Reason.AGENT_LEFT: _ended(else_=Cause.AGENT_LEFT),
        Reason.DISCONNECTED: _ended(else_=Cause.CONNECTION_LOST),
    }
)
"""What we met ourselves; a reason that is not here explains itself no further."""
_LATE: Mapping[Reason, Cause] = MappingProxyType(
    {
        Reason.TRIAL_TIMEOUT: Cause.WEB_SLOW,
        Reason.SERVER_UNREACHABLE: Cause.LIVEKIT_SLOW,
        Reason.AGENT_ABSENT: Cause.JOINED_LATE,
        Reason.AGENT_NOT_READY: Cause.AGENT_SLOW,
        Reason.AGENT_NO_TRACK: Cause.AGENT_SLOW,
        Reason.AGENT_SILENT: Cause.AGENT_SLOW,
        Reason.AGENT_NO_RESPONSE: Cause.AGENT_SLOW,
    }
)
"""What it was that came after its deadline."""
