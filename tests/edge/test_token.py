"""Tokens read before they are used, and the server's opinion of them."""

import base64
import socket
import time
import traceback
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from prober.core.events import TokenRead, TokenValidated
from prober.core.plan import Session
from prober.core.reasons import Reason, RunFault
from prober.entry.token import check_token, examine, read_token, validate
from prober.recorder import Recorder
from tests.edge.products import one_step, plan_of
from tests.edge.servers import saying, silent

NOW = 1_700_000_000.0
GRANTS = {"roomJoin": True, "room": "trial_7"}
PLAN = plan_of(one_step("https://shop.example"), user_agent="canary/1")


def recorder() -> Recorder:
    return Recorder(time.monotonic, lambda _event: None)


def token(*, video: object = GRANTS, **claims: object) -> str:
    return jwt.encode({"iss": "key", "sub": "caller", "exp": NOW + 900, "video": video, **claims}, "k" * 32)


def session(text: str, room: str = "trial_7", url: str = "ws://livekit.example") -> Session:
    return Session(url=url, room=room, token=text)


def refused(call: Callable[[], object], secret: str) -> str:
    """The sentence of the TOKEN_INVALID in which the call ends; it does not hold the token."""
    with pytest.raises(RunFault) as caught:
        call()
    assert caught.value.reason is Reason.TOKEN_INVALID
    assert not secret or secret not in "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    return str(caught.value)


def test_what_a_token_says() -> None:
    config = {"agents": [{"agentName": "support"}, {}], "emptyTimeout": 30}
    claims = read_token(token(nbf=NOW - 1, kind="standard", roomConfig=config), NOW)
    assert (claims.expires_in, claims.starts_in) == (900, -1)
    assert (claims.identity, claims.room, claims.agents) == ("caller", "trial_7", ("support", ""))
    assert claims.can_speak
    assert claims.can_subscribe
    assert not claims.hidden


def test_a_good_token_is_recorded_and_passes() -> None:
    to = recorder()
    text = token(roomConfig={"agents": [{"agentName": "support"}]})
    examine(session(text), to, now=NOW, speaks=True)
    (event,) = to.events
    assert event == TokenRead(
        at=event.at,
        expires_in=900,
        room="trial_7",
        agents=("support",),
        identity="caller",
        grants=("roomJoin", "canPublish", "canSubscribe"),
    )


def test_of_many_agents_a_few_are_kept() -> None:
    to = recorder()
    agents = [{"agentName": f"agent-{number}"} for number in range(9000)]
    examine(session(token(roomConfig={"agents": agents})), to, now=NOW, speaks=True)
    (event,) = to.events
    assert isinstance(event, TokenRead)
    assert event.agents == tuple(f"agent-{number}" for number in range(8))


def test_our_secrets_are_not_told_in_a_tokens_words() -> None:
    to = Recorder(time.monotonic, lambda _event: None, hide=("acme-s3cr3t",))
    config = {"agents": [{"agentName": "of acme-s3cr3t"}]}
    text = token(sub="acme-s3cr3t", video={**GRANTS, "room": "x" * 114 + "acme-s3cr3t"}, roomConfig=config)
    said = refused(lambda: examine(session(text, room="acme-s3cr3t"), to, now=NOW, speaks=True), text)
    to.stop(Reason.TRIAL_MALFORMED, "it leads to acme-s3cr3t.example")
    assert "acme-" not in said + repr(to.events)
    assert "[hidden].example" in repr(to.events)


def test_what_is_wrong_is_recorded_before_it_is_refused() -> None:
    to = recorder()
    text = token(exp=NOW - 3600)
    said = refused(lambda: examine(session(text), to, now=NOW, speaks=True), text)
    assert "it expired 3600 s ago" in said
    assert [type(event) for event in to.events] == [TokenRead]
    assert text not in repr(to.events)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "a.b",
        "a.b.c",
        " " + token(),
        token() + "\n",
        token().replace(".", ".!", 1),
        token() + ".x",
        "eyJhbGciOiJIUzI1NiJ9.bm90IGpzb24.c2ln",
        "eyJhbGciOiJIUzI1NiJ9.W10.c2ln",
        "é.é.é",
        f"eyJhbGciOiJIUzI1NiJ9.{base64.urlsafe_b64encode(b'[' * 300_000).decode()}.c2ln",
    ],
)
def test_what_is_no_token(text: str) -> None:
    assert "it is not a JWT" in refused(lambda: read_token(text, NOW), text)


@pytest.mark.parametrize(
    "claims",
    [
        {"video": "all"},
        {"video": {**GRANTS, "roomJoin": "yes"}},
        {"video": {**GRANTS, "room": 7}},
        {"video": {**GRANTS, "canPublishSources": "microphone"}},
        {"roomConfig": []},
        {"roomConfig": {"agents": {}}},
        {"roomConfig": {"agents": ["support"]}},
        {"roomConfig": {"agents": [{"agentName": 7}]}},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": 10**400},
        {"exp": float("nan")},
        {"nbf": []},
    ],
)
def test_claims_of_the_wrong_shape(claims: dict[str, Any]) -> None:
    text = token(**claims)
    assert "its claim" in refused(lambda: read_token(text, NOW), text)


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"exp": NOW - 61}, "it expired 61 s ago"),
        ({"nbf": NOW + 61}, "not valid before 61 s from now"),
        ({"video": {"room": "trial_7"}}, "does not grant roomJoin"),
        ({"video": None}, "does not grant roomJoin"),
        ({"video": {"roomJoin": True}}, "names no room"),
        ({"video": {**GRANTS, "room": "trial_8"}}, "opens room trial_8, but the flow names room trial_7"),
        ({"sub": ""}, "names no identity"),
        ({"video": {**GRANTS, "hidden": True}}, "hidden"),
        ({"kind": "agent"}, "its kind is agent"),
        ({"video": {**GRANTS, "canSubscribe": False}}, "canSubscribe"),
        ({"video": {**GRANTS, "canPublish": False}}, "canPublish to false"),
        ({"video": {**GRANTS, "canPublishSources": ["camera"]}}, "canPublishSources lack microphone"),
    ],
)
def test_claims_that_keep_a_caller_out(claims: dict[str, Any], words: str) -> None:
    text = token(**claims)
    assert words in refused(lambda: check_token(read_token(text, NOW), room="trial_7", speaks=True), text)


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"exp": NOW - 59},
        {"nbf": NOW + 59},
        {"exp": None},
        {"video": {**GRANTS, "canPublish": True, "canSubscribe": True, "hidden": False, "canPublishSources": []}},
        {"video": {**GRANTS, "canPublishSources": ["camera", "microphone"]}},
    ],
)
def test_claims_that_let_a_caller_in(claims: dict[str, Any]) -> None:
    check_token(read_token(token(**claims), NOW), room="trial_7", speaks=True)


@pytest.mark.parametrize("grant", [{"canPublish": False}, {"canPublishSources": ["camera"]}])
def test_who_only_looks_need_not_speak(grant: dict[str, Any]) -> None:
    check_token(read_token(token(video={**GRANTS, **grant}), NOW), room="trial_7", speaks=False)


# The server's opinion


async def opinion(answer: web.Response, text: str, to: Recorder) -> list[web.Request]:
    """Ask a server that answers like this; the requests that it got."""
    seen: list[web.Request] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request)
        return answer

    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    async with TestServer(app) as server:
        await validate(session(text, url=str(server.make_url("/sfu")).replace("http", "ws")), to, PLAN)
    return seen


@pytest.mark.parametrize("status", [200, 204, 301, 302, 400, 403, 404, 405, 426, 429, 500, 502, 503])
async def test_an_answer_that_is_left_to_the_join(status: int) -> None:
    to = recorder()
    (request,) = await opinion(web.Response(status=status, headers={"Location": "/elsewhere"}), token(), to)
    assert request.path_qs == "/sfu/rtc/validate"
    assert request.headers["Authorization"] == f"Bearer {token()}"
    assert (request.headers["User-Agent"], request.headers["X-Synthetic-Probe"]) == ("canary/1", "run-1234")
    (event,) = to.events
    assert event == TokenValidated(at=event.at, status=status)


@pytest.mark.parametrize(
    ("status", "body", "reason", "words"),
    [
        (401, "invalid API key: APIx", Reason.TOKEN_INVALID, "LiveKit refuses the token: invalid API key: APIx"),
        (
            401,
            f"invalid token: {token()}, error: signature is invalid",
            Reason.TOKEN_INVALID,
            "LiveKit refuses the token: invalid token: [hidden], error: signature is invalid",
        ),
        (401, "", Reason.TOKEN_INVALID, "LiveKit refuses the token: no reason given"),
        (404, "requested room does not exist", Reason.ROOM_REFUSED, "status 404, requested room does not exist: "),
    ],
)
async def test_a_refusal(status: int, body: str, reason: Reason, words: str) -> None:
    to = recorder()
    with pytest.raises(RunFault) as caught:
        await opinion(web.Response(status=status, text=body), token(), to)
    assert caught.value.reason is reason
    assert str(caught.value).startswith(words)
    kept = repr(to.events) + "".join(traceback.format_exception(caught.value))
    assert token() not in kept
    assert [type(event) for event in to.events] == [TokenValidated]


async def test_nobody_listens() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(RunFault) as caught:
            await validate(session(token(), url=f"ws://{where}"), recorder(), PLAN)
    assert (caught.value.reason, str(caught.value)) == (Reason.SERVER_UNREACHABLE, f"{where} refused the connection")
    assert token() not in "".join(traceback.format_exception(caught.value))


async def test_a_name_that_does_not_resolve() -> None:
    with pytest.raises(RunFault) as caught:
        await validate(session(token(), url="wss://livekit.invalid"), recorder(), PLAN)
    assert caught.value.reason is Reason.SERVER_UNREACHABLE
    assert str(caught.value) == "the name of livekit.invalid does not resolve"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "closed the connection without an answer"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsuc", ""),
    ],
)
async def test_something_else_listens_there(answer: bytes, words: str) -> None:
    async with saying(answer) as where:
        asked = validate(session(token(), url=f"ws://{where}"), recorder(), PLAN)
        if not words:  # three bytes of an opinion are enough
            await asked
            return
        with pytest.raises(RunFault) as caught:
            await asked
    assert caught.value.reason is Reason.SERVER_UNREACHABLE
    assert words in str(caught.value)


async def test_a_server_that_never_answers() -> None:
    async with silent() as where:
        with pytest.raises(RunFault) as caught:
            await validate(session(token(), url=f"ws://{where}"), recorder(), PLAN, within=0.1)
    assert (caught.value.reason, str(caught.value)) == (
        Reason.SERVER_UNREACHABLE,
        f"{where} did not answer /rtc/validate within 0.1 s",
    )


async def test_marks_that_no_header_can_carry_are_our_own_trouble() -> None:
    plan = plan_of(one_step("https://shop.example"), user_agent="canary\r\nX-Other: s3cr3t")
    async with silent() as where:
        with pytest.raises(RunFault) as caught:
            await validate(session(token(), url=f"ws://{where}"), recorder(), plan)
    assert (caught.value.reason, str(caught.value)) == (
        Reason.PROBER_INTERNAL,
        "the headers of /rtc/validate cannot be sent",
    )
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))
