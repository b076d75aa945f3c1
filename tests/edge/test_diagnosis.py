"""A server that does not tell spoils no run: why not is in the event, and no secret."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from livekit import api

from prober.core.events import ServerAsked
from prober.core.plan import Access, ApiKey, ApiToken
from prober.diagnosis.server import MOST, _people, _person, ask
from tests.edge.servers import silent

SECRET = "s" * 32
TOKEN = f"eyJhbGciOiJIUzI1NiJ9.eyJ2aWRlbyI6e319.{SECRET}"


def key(url: str) -> ApiKey:
    return ApiKey(url=url, key="APIkey", secret=SECRET)


def untold(event: ServerAsked) -> list[str]:
    assert (event.listed, event.people, event.dispatches) == (None, None, None)
    assert SECRET not in repr(event)
    return [line.partition(": ")[2] for line in event.trouble]


@pytest.mark.parametrize("access", [key("http://127.0.0.1:1"), ApiToken(url="http://127.0.0.1:1", token=TOKEN)])
async def test_nobody_there(access: Access) -> None:
    assert untold(await ask(access, "r", float)) == ["LiveKit cannot be reached: ClientConnectorError"] * 3


async def test_somebody_who_never_answers_is_waited_for_so_long_and_no_longer() -> None:
    async with silent() as where:
        event = await ask(key(f"http://{where}"), "r", float, within=0.2)
    assert untold(event) == ["LiveKit did not answer within 0.2 s"] * 3
    assert event.silent


def test_a_kind_of_participant_that_is_newer_than_we_are_is_told_by_its_number() -> None:
    people = [_person(api.ParticipantInfo(identity="x", kind=kind)).kind for kind in (4, 99)]  # type: ignore[arg-type]
    assert people == ["agent", "99"]


def test_no_agent_is_left_out_of_a_room_that_is_full() -> None:
    crowd = [api.ParticipantInfo(identity=f"caller {number}") for number in range(MOST)]
    listed = api.ListParticipantsResponse(participants=[*crowd, api.ParticipantInfo(identity="agent", kind="AGENT")])
    people = _people(listed)
    assert len(people) == MOST
    assert people[0].identity == "agent"


async def test_a_token_goes_nowhere_else_and_is_not_told_where_a_refusal_quotes_it() -> None:
    told: list[str | None] = []

    async def elsewhere(request: web.Request) -> web.Response:
        told.append(request.headers.get("Authorization"))
        return web.json_response({"code": "unauthenticated", "msg": f"invalid token: {TOKEN}"}, status=401)

    async def here(request: web.Request) -> web.Response:
        told.append(request.headers.get("Authorization"))
        raise web.HTTPTemporaryRedirect(other.make_url(request.path))

    away, app = web.Application(), web.Application()
    away.router.add_post("/{any:.*}", elsewhere)
    app.router.add_post("/{any:.*}", here)
    async with TestServer(away) as other, TestServer(app) as server:
        event = await ask(ApiToken(url=str(server.make_url("/")), token=TOKEN), "r", float)
    assert untold(event) == ["LiveKit answered 401: invalid token: [token]"] * 3
    assert sorted(told, key=str) == [f"Bearer {TOKEN}"] * 3 + [None] * 3
