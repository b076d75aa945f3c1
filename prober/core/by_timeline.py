"""Why a run failed, by what it met itself. Pure."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType

from prober.core.causes import Cause
from prober.core.events import HttpMoment, ServerAsked, Stopped, TokenValidated, TrialRequested
from prober.core.evidence import packets
from prober.core.reasons import OURS, Reason
from prober.core.timeline import Timeline
from prober.core.verdict import TOLD_BY_LIVEKIT, Verdict

_Explain = Callable[[Timeline, str], Cause | None]
"""From the run's timeline and what was said of its fault."""


def cause(timeline: Timeline, verdict: Verdict) -> Cause | None:
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


def _left(timeline: Timeline, said: str) -> Cause | None:
    """Where LiveKit answers nothing any more, all that was with us in its room is gone."""
    return Cause.CONNECTION_LOST if _silent(timeline) else _ended(else_=Cause.AGENT_LEFT)(timeline, said)


def _silent(timeline: Timeline) -> bool:
    asked = timeline.last(ServerAsked)
    return asked is not None and asked.silent


def answers_http(cause: Cause, timeline: Timeline) -> bool:
    """Whether LiveKit can be asked over HTTP, and not be joined."""
    validated = timeline.last(TokenValidated)
    return cause is Cause.LIVEKIT_UNREACHABLE and validated is not None and validated.status == HTTPStatus.OK


def _nothing_heard(timeline: Timeline, _said: str) -> Cause | None:
    """No packets are not silence; without WebRTC's totals nobody knows."""
    match packets(timeline):
        case (0, received) if received and _silent(timeline):
            return Cause.CONNECTION_LOST
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
        Reason.AGENT_LEFT: _left,
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
