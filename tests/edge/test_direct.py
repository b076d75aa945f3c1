"""The direct way in and its clean-up: what our token says, and what a real server makes of it."""

import contextlib
import gzip
import json
import socket
import time
from typing import Any

import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from livekit import api

from prober.child.messages import Left, Sweep
from prober.child.parent import sweep_rooms
from prober.core.events import SessionGranted
from prober.core.plan import ApiKey, DirectEntry, Session
from prober.entry.cleanup import LARGEST, CleanUp, delete_room
from prober.entry.direct import grant
from prober.entry.token import examine
from prober.recorder import Recorder
from tests.edge.products import Handler, one_step, plan_of, served
from tests.edge.servers import silent

PLAN = plan_of(one_step("https://shop.example"))

KEY = ApiKey(url="http://127.0.0.1:1", key="APIkey", secret="s" * 32)


def recorder() -> Recorder:
    return Recorder(time.monotonic, lambda _event: None)


def granted(to: Recorder, key: ApiKey = KEY, *, agent: str = "support", **more: Any) -> Session:
    entry = DirectEntry(url=key.url, agent_name=agent, **more)
    return grant(entry, key, "shop", "run-1", to, unix_ms=1_700_000_000_123, random="01234567")


def test_what_our_token_says() -> None:
    to = recorder()
    session = granted(to)
    assert session.room == "synthetic-shop-1700000000123-01234567"
    (event,) = to.events
    assert event == SessionGranted(at=event.at, server="http://127.0.0.1:1", room=session.room)

    claims = jwt.decode(session.token, KEY.secret, algorithms=["HS256"], issuer=KEY.key)
    assert claims["sub"] == "synthetic-01234567"
    assert claims["exp"] - claims["nbf"] == 900
    assert claims["attributes"] == {"synthetic": "true", "probe.run_id": "run-1"}
    assert claims["video"]["roomJoin"] is True
    assert claims["video"]["room"] == session.room
    assert claims["video"]["canPublishSources"] == ["microphone"]
    assert claims["roomConfig"] == {
        "agents": [{"agentName": "support"}],
        "emptyTimeout": 60,
        "departureTimeout": 5,
        "metadata": '{"synthetic":true,"run_id":"run-1","target":"shop"}',
    }
    assert session.token not in repr((to.events, session))
    assert KEY.secret not in repr(KEY)


def test_room_identity_attributes_and_metadata_as_the_entry_words_them() -> None:
    session = granted(
        recorder(),
        room="canary-{{ run_id }}-{{ random }}",
        identity="robot-{{ target }}",
        metadata='{"locale": {"id": "{{ unix_ms }}"}}',
        attributes={"who": "{{ target }}"},
    )
    claims = jwt.decode(session.token, options={"verify_signature": False})
    assert session.room == claims["video"]["room"] == "canary-run-1-01234567"
    assert (claims["sub"], claims["attributes"]) == ("robot-shop", {"who": "shop"})
    assert claims["roomConfig"]["agents"] == [
        {"agentName": "support", "metadata": '{"locale": {"id": "1700000000123"}}'}
    ]


def test_an_unnamed_agent_is_not_asked_for() -> None:
    claims = jwt.decode(granted(recorder(), agent="").token, options={"verify_signature": False})
    assert "agents" not in claims["roomConfig"]


def test_our_token_passes_our_own_check() -> None:
    to = recorder()
    assert examine(granted(to), to, now=time.time(), speaks=True).agents == ("support",)


# Clean-up


async def cleaned(answer: web.Response) -> CleanUp:
    async def handler(_request: web.Request) -> web.Response:
        return answer

    return await cleaned_by(handler)


async def cleaned_by(handler: Handler) -> CleanUp:
    app = web.Application()
    app.router.add_post("/twirp/livekit.RoomService/DeleteRoom", handler)
    async with TestServer(app) as server:
        return await delete_room(ApiKey(url=str(server.make_url("/")), key="APIkey", secret="s" * 32), "room")


async def test_a_room_that_is_gone_already() -> None:
    gone = web.json_response({"code": "not_found", "msg": "requested room does not exist"}, status=404)
    assert await cleaned(gone) == CleanUp(ok=True, detail="was gone already")


async def test_another_404_is_no_success() -> None:
    assert await cleaned(web.Response(status=404, text="page not found")) == CleanUp(
        ok=False, detail="LiveKit answered 404: unknown"
    )


async def test_a_key_that_may_not() -> None:
    answer = web.json_response({"code": "unauthenticated", "msg": "permissions denied"}, status=401)
    assert await cleaned(answer) == CleanUp(ok=False, detail="LiveKit answered 401: permissions denied")


async def test_a_server_in_trouble() -> None:
    assert await cleaned(web.Response(status=503)) == CleanUp(ok=False, detail="LiveKit answered 503: unknown")


@pytest.mark.parametrize("answer", [(200, "<html>"), (400, "[1]"), (400, "null")])
async def test_something_else_answers(answer: tuple[int, str]) -> None:
    status, text = answer
    result = await cleaned(web.Response(status=status, text=text, content_type="application/json"))
    assert result == CleanUp(ok=False, detail="what answered is not LiveKit")


async def test_what_livekit_says_is_not_unpacked() -> None:
    unpacked = b"\x0a\x00" * (16 << 20)  # would be a message, with a field that nobody knows
    asked: list[str] = []

    async def bomb(request: web.Request) -> web.Response:
        asked.append(request.headers["Accept-Encoding"])
        return web.Response(body=gzip.compress(unpacked), headers={"Content-Encoding": "gzip"})

    assert await cleaned_by(bomb) == CleanUp(ok=False, detail="what answered is not LiveKit")
    assert asked == ["identity"]


@pytest.mark.parametrize(
    ("status", "told"), [(200, "LiveKit's answer is larger than 4 MiB"), (500, "LiveKit answered 500: unknown")]
)
async def test_an_answer_without_end_is_read_to_a_limit(status: int, told: str) -> None:
    written: list[int] = []

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers={"Content-Type": "application/json"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):  # nobody reads any more
            while True:
                await response.write(b" " * 65536)
                written.append(65536)
        return response

    assert await cleaned_by(endless) == CleanUp(ok=False, detail=told)
    assert LARGEST <= sum(written) < 8 * LARGEST  # the kernel keeps some of it for who does not read


async def test_an_answer_at_the_limit_is_read() -> None:
    most = b"\x0a\x00" * (LARGEST // 2)
    assert await cleaned(web.Response(body=most)) == CleanUp(ok=True, detail="deleted")
    assert not (await cleaned(web.Response(body=most + b"\x0a\x00"))).ok


async def test_nobody_listens() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        key = ApiKey(url=f"ws://127.0.0.1:{held.getsockname()[1]}", key="APIkey", secret="s" * 32)
        result = await delete_room(key, "room")
    assert not result.ok
    assert result.detail.startswith("LiveKit cannot be reached")


async def test_a_server_that_never_answers() -> None:
    async with silent() as where:
        key = ApiKey(url=f"ws://{where}", key="APIkey", secret="s" * 32)
        result = await delete_room(key, "room", within=0.1)
    assert result == CleanUp(ok=False, detail="LiveKit did not answer within 0.1 s")


async def test_a_room_that_cannot_be_deleted_is_told_with_its_target() -> None:
    mark = json.dumps({"synthetic": True, "run_id": "0123456789abcdef", "target": "shop"})
    room = api.Room(name="stays", metadata=mark, creation_time=1)

    async def listed(_request: web.Request) -> web.Response:
        body = api.ListRoomsResponse(rooms=[room]).SerializeToString()
        return web.Response(body=body, content_type="application/protobuf")

    async def broken(_request: web.Request) -> web.Response:
        return web.json_response({"code": "internal", "msg": "no node"}, status=500)

    twirp = "/twirp/livekit.RoomService/"
    async with served(("POST", f"{twirp}ListRooms", listed), ("POST", twirp + "{other}", broken)) as origin:
        swept = await sweep_rooms(Sweep(key=ApiKey(url=origin, key="k", secret="s" * 32), older_than=60.0))
    assert swept.deleted == ()
    assert swept.left == (Left("stays", "LiveKit answered 500: no node", "shop"),)
