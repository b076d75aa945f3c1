"""The access token, read before it is used: what it says, whether it can open its room, what the server says of it.

Claims: https://docs.livekit.io/home/get-started/authentication/ and livekit/protocol, auth/grants.go. The token itself
is in no event, log or exception.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import jwt
import msgspec
from yarl import URL

from prober.core.events import TokenRead, TokenValidated
from prober.core.plan import DirectEntry, Plan, Session
from prober.core.reasons import Reason, RunFault
from prober.core.words import authority, harmless
from prober.entry.allowed import NotAllowedError, connector
from prober.entry.clock import SKEW, clock_fault
from prober.entry.http import NO_TIMEOUT, marks, over_http, unreachable
from prober.limits import HALF
from prober.recorder import Recorder

VALIDATE_WITHIN = 5.0
"""Longest wait for the server's opinion, in seconds."""

UNUSABLE = "the token cannot be used: "

MOST_AGENTS = 8
"""Agents kept of those that a token names."""

_SHAPE = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says, as far as a caller's way into the room depends on it; seconds count from now."""

    expires_in: float | None
    starts_in: float | None
    identity: str | None
    kind: str
    room: str | None
    room_join: bool
    can_publish: bool
    can_subscribe: bool
    sources: tuple[str, ...]
    hidden: bool
    agents: tuple[str, ...]

    @property
    def grants(self) -> tuple[str, ...]:
        """By LiveKit's names: what of a caller's needs is allowed, and whether the caller is hidden."""
        told = {
            "roomJoin": self.room_join,
            "canPublish": self.can_speak,
            "canSubscribe": self.can_subscribe,
            "hidden": self.hidden,
        }
        return tuple(name for name, given in told.items() if given)

    @property
    def can_speak(self) -> bool:
        """Whether a microphone may be published: an empty list of sources allows all of them."""
        return self.can_publish and (not self.sources or "microphone" in self.sources)


def read_token(token: str, now: float) -> Claims:
    """The claims of a token, its signature not verified; `now` is wall time.

    Raises RunFault where the token is no JWT or a claim has the wrong shape.
    """
    if not _SHAPE.fullmatch(token):
        raise _invalid("it is not a JWT: three parts of base64url with dots between them")
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, RecursionError):  # its text may quote the token
        raise _invalid("it is not a JWT: its header or its claims cannot be decoded") from None
    video = _part(claims, "video", dict) or {}
    config = _part(claims, "roomConfig", dict) or {}
    expires, starts = (_seconds(claims, name) for name in ("exp", "nbf"))
    return Claims(
        expires_in=None if expires is None else expires - now,
        starts_in=None if starts is None else starts - now,
        identity=_part(claims, "sub", str) or _part(claims, "jti", str) or None,
        kind=_part(claims, "kind", str) or "standard",
        room=_part(video, "room", str) or None,
        room_join=_part(video, "roomJoin", bool) is True,
        # A grant to publish or to subscribe that is not mentioned is given.
        can_publish=_part(video, "canPublish", bool) is not False,
        can_subscribe=_part(video, "canSubscribe", bool) is not False,
        sources=tuple(str(source) for source in _part(video, "canPublishSources", list) or ()),
        hidden=_part(video, "hidden", bool) is True,
        agents=tuple(_agent_name(agent) for agent in _part(config, "agents", list) or ()),
    )


class MisdatedError(RunFault):
    """By our clock the token is not valid now."""


def check_token(claims: Claims, *, room: str, speaks: bool, told: Callable[[str], str] = harmless) -> None:
    """Raises RunFault with a sentence that leads to the fix where a caller with these claims cannot do its part."""
    misdated = _misdated(claims)
    if misdated is not None:
        raise MisdatedError(Reason.TOKEN_INVALID, f"{UNUSABLE}{misdated}")
    problem = _problem(claims, room, speaks, told)
    if problem is not None:
        raise _invalid(problem)


def examine(session: Session, recorder: Recorder, *, now: float, speaks: bool) -> Claims:
    """Read the session's token, record what it says, check it; `now` is wall time. Raises RunFault."""
    claims = read_token(session.token, now)
    recorder.record(
        TokenRead(
            at=recorder.elapsed(),
            expires_in=None if claims.expires_in is None else round(claims.expires_in, 3),
            room=None if claims.room is None else recorder.told(claims.room),
            agents=tuple(map(recorder.told, claims.agents[:MOST_AGENTS])),
            identity=None if claims.identity is None else recorder.told(claims.identity),
            grants=claims.grants,
        )
    )
    check_token(claims, room=session.room, speaks=speaks, told=recorder.told)
    return claims


async def validate(session: Session, recorder: Recorder, plan: Plan, *, within: float = VALIDATE_WITHIN) -> str:
    """Ask the server what it thinks of the token; record its status, and return what it says with a refusal.

    Raises RunFault where it refuses the token, knows no such room or cannot be reached. Any other answer (a server
    before this endpoint, a proxy that lets only WebSockets through) is left to the join itself, which meets it too.
    Source: livekit-server, pkg/service/rtcservice.go and auth.go.
    """
    where = authority(URL(session.url))
    try:
        async with (
            asyncio.timeout(within),
            aiohttp.ClientSession(
                connector=connector(plan.allowed), timeout=NO_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()
            ) as http,
            # In a header, where the SDK puts it too, the token stays out of access logs; a redirect never gets it.
            http.get(
                over_http(session.url) / "rtc/validate",
                headers=marks(plan) | {"Authorization": f"Bearer {session.token}"},
                allow_redirects=False,
            ) as response,
        ):
            status = response.status
            body = (await response.content.read(4096)).decode("utf-8", "replace")
    except NotAllowedError as error:
        raise RunFault(Reason.TRIAL_MALFORMED, f"the session's server is {error}") from None
    except TimeoutError:
        raise RunFault(Reason.SERVER_UNREACHABLE, f"{where} did not answer /rtc/validate within {within:g} s") from None
    except aiohttp.ClientConnectionError as error:
        raise unreachable(error, where, Reason.SERVER_UNREACHABLE) from None
    except aiohttp.ClientError:
        raise RunFault(Reason.SERVER_UNREACHABLE, f"{where} does not speak HTTP") from None
    except ValueError:  # its text may quote a header
        raise RunFault(Reason.PROBER_INTERNAL, "the headers of /rtc/validate cannot be sent") from None
    recorder.record(TokenValidated(at=recorder.elapsed(), status=status))
    # livekit-server quotes the whole token in its refusal: "invalid token: eyJ…, error: …".
    said = recorder.told(body, hide=(session.token,))
    if status == 401:
        clock = clock_fault(response.headers) if isinstance(plan.entry, DirectEntry) else None  # we have dated it
        if clock is not None:
            raise clock
        raise RunFault(Reason.TOKEN_INVALID, f"LiveKit refuses the token: {said or 'no reason given'}")
    if status == 404 and "room does not exist" in said:
        raise RunFault(
            Reason.ROOM_REFUSED,
            f"status 404, {said}: room.auto_create is off, so the product must create the room before it gives it out",
        )
    return f"; /rtc/validate says {status}: {said}" if status >= 400 and said else ""


def _misdated(claims: Claims) -> str | None:
    if claims.expires_in is not None and claims.expires_in < -SKEW:
        return f"it expired {-claims.expires_in:.0f} s ago: it is handed out twice, or the minting host's clock is slow"
    if claims.starts_in is not None and claims.starts_in > SKEW:
        return f"it is not valid before {claims.starts_in:.0f} s from now: the minting host's clock is fast"
    return None


def _problem(claims: Claims, room: str, speaks: bool, told: Callable[[str], str]) -> str | None:
    if not claims.room_join:
        return "it does not grant roomJoin: set video.roomJoin to true where it is minted"
    if claims.room is None:
        return "it names no room: set video.room where it is minted"
    if claims.room != room:
        return f"it opens room {told(claims.room)}, but the flow names room {told(room)}"
    if claims.identity is None:
        return "it names no identity (sub): LiveKit refuses participants without one"
    if claims.hidden:
        return "it makes the participant hidden: an agent ignores hidden callers, take video.hidden away"
    if claims.kind in {"agent", "egress", "ingress"}:
        return f"its kind is {claims.kind}: an agent talks to callers of kind standard only"
    if not claims.can_subscribe:
        return "it sets canSubscribe to false: a caller cannot hear the agent"
    if speaks and not claims.can_publish:
        return "it sets canPublish to false: a caller cannot speak"
    if speaks and not claims.can_speak:
        return "its canPublishSources lack microphone: a caller cannot speak"
    return None


def _invalid(problem: str) -> RunFault:
    return RunFault(Reason.TOKEN_INVALID, f"{UNUSABLE}{problem}")


def _part(claims: Mapping[str, Any], name: str, kind: type) -> Any:
    """A claim of this type, or None where it is absent; RunFault where it is something else."""
    value = claims.get(name)
    if value is not None and not isinstance(value, kind):
        raise _invalid(f"its claim {name} has the wrong type")
    if isinstance(value, str) and HALF.search(value):
        raise _invalid(f"its claim {name} is no text")
    return value


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:  # nor is NaN
        raise _invalid(f"its claim {name} is no number of seconds")
    return float(value)


def _agent_name(agent: Any) -> str:
    if not isinstance(agent, dict):
        raise _invalid("its claim roomConfig.agents has the wrong type")
    return _part(agent, "agentName", str) or ""
