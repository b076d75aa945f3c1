"""Why a run failed, derived from its timeline and its verdict. Pure: never raises, and never changes the verdict.

The agent's own log knows best, then LiveKit's server, then what we met ourselves.
"""

from collections.abc import Iterator

from prober.core import by_server, by_timeline
from prober.core.causes import Cause, Diagnosis, Found
from prober.core.events import (
    AgentLogged,
    AgentLogQuiet,
    AgentLogUnread,
    ServerAsked,
)
from prober.core.evidence import OF_THE_AGENT, agents_asked_for, commands, evidence
from prober.core.meanings import MEANINGS
from prober.core.reasons import OURS, Reason
from prober.core.timeline import Timeline
from prober.core.verdict import Verdict

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
NO_WEBSOCKET = (
    "LiveKit answers there over HTTP (/rtc/validate), and the WebSocket does not come up: let the proxy or load "
    "balancer in front of it pass WebSockets (the headers Upgrade and Connection)."
)
"""What to do where only the signalling is missing."""
LOG_UNREAD = "The agent's log that is given cannot be read: correct `agent_log`, or `--agent-log`."
LOG_UNLIKE = "The agent's log that is given has no line of JSON: begin the worker with `start`."
KEY_UNHEARD = "LiveKit tells nothing to the key that is given: correct `livekit`, or LIVEKIT_API_KEY and its secret."
"""What to do where somebody meant to have a failed run explained, and it cannot be."""


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
    cause = by_server.cause(timeline) if reason is Reason.AGENT_ABSENT and not verdict.late else None
    if cause is not None:
        told = agents_asked_for(timeline) if cause is Cause.NO_WORKER else ""
        fix = ROOM_WAS_THERE if cause is Cause.NOT_DISPATCHED and by_server.token_asks(timeline) else None
        return _explained(cause, Found.SERVER, timeline, reason, told=told, fix=fix)
    cause = by_timeline.cause(timeline, verdict)
    if cause is not None:
        fix = verdict.look if reason in OURS else NO_WEBSOCKET if by_timeline.answers_http(cause, timeline) else None
        return _explained(cause, Found.TIMELINE, timeline, reason, fix=fix)
    if reason in OF_THE_AGENT:
        fix = " ".join([*_unheard(timeline), verdict.look, *_unasked(timeline)])
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


def _unheard(timeline: Timeline) -> Iterator[str]:
    """What keeps those who were asked from telling anything, and is to be mended first."""
    if timeline.first(AgentLogUnread) is not None:
        yield LOG_UNREAD
    if any(quiet.unlike for quiet in timeline.all(AgentLogQuiet)):
        yield LOG_UNLIKE
    asked = timeline.last(ServerAsked)
    if asked is not None and not asked.silent and asked.listed is None and asked.dispatches is None:
        yield KEY_UNHEARD


def _unasked(timeline: Timeline) -> Iterator[str]:
    """Where nobody was asked, whom to let be asked."""
    if not any(isinstance(event, ServerAsked | AgentLogQuiet | AgentLogUnread) for event in timeline):
        yield MEANINGS[Cause.UNEXPLAINED].fix


def _logged(timeline: Timeline, verdict: Verdict) -> AgentLogged | None:
    """The line that says most: one that names our room or job before one that does not, a known cause before any."""
    lines = [line for line in timeline.all(AgentLogged) if _explains(line, timeline, verdict)]
    return min(lines, key=lambda line: (line.by == "time", line.cause in GENERAL, line.at), default=None)


def _explains(line: AgentLogged, timeline: Timeline, verdict: Verdict) -> bool:
    """Whether this can be why: an agent that came has connected, and its worker had a job to give it."""
    absent = verdict.reason is Reason.AGENT_ABSENT
    if absent and by_server.unasked(timeline) and (line.by == "worker" or by_server.used_before(timeline)):
        return False
    came = verdict.late or by_server.came_late(timeline)
    if line.cause in UNCONNECTED:
        return absent and not came
    if line.by != "worker":
        return True
    taken = came or by_server.never_joined(timeline)
    return absent and not (line.cause in KEPT_FROM_JOBS and taken)
