"""The switches of the demo's page: one fault for all customers, switched on and off while the product runs."""

import re
from collections.abc import AsyncIterator

import aiohttp
import jwt
import pytest

from prober.refstack.effects import EFFECTS
from prober.refstack.faults import Fault, Needs
from prober.refstack.trial_app.app import TrialApp
from prober.refstack.trial_app.connection import Knobs
from tests.edge.test_trial_app import EMAIL, SECRET, Server, details_with, refusal, start_trial

OFFERED = sorted(fault for fault, effect in EFFECTS.items() if effect.needs is None)


@pytest.fixture
def said() -> list[str]:
    """The program's output."""
    return []


@pytest.fixture
async def app(said: list[str]) -> AsyncIterator[TrialApp]:
    async with TrialApp(server=Server(), knobs=Knobs(agent_name="receptionist"), progress=said.append) as running:
        yield running


@pytest.fixture
async def web(app: TrialApp) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(app.url) as session:
        yield session


async def switch(web: aiohttp.ClientSession, fault: str, **headers: str) -> int:
    async with web.post("/faults", data={"fault": fault}, headers=headers, allow_redirects=False) as answer:
        return answer.status


async def front_page(web: aiohttp.ClientSession) -> str:
    async with web.get("/") as answer:
        assert answer.status == 200
        return await answer.text()


def buttons(page: str) -> list[str]:
    return sorted(re.findall(r'name="fault" value="(\w+)"', page))


async def test_a_fault_is_everybodys_until_the_product_is_made_well(web: aiohttp.ClientSession) -> None:
    assert await switch(web, "trial_500") == 303
    for _ in range(2):
        async with web.post("/api/trial", data=EMAIL) as answer:
            assert (await refusal(answer))[0] == 500
    assert await switch(web, "") == 303
    assert await start_trial(web)


async def test_one_fault_takes_the_place_of_another(app: TrialApp, web: aiohttp.ClientSession) -> None:
    await switch(web, "trial_500")
    await switch(web, "agent_deaf")
    trial = await start_trial(web)
    async with web.get("/api/connection-details", params={"trial": trial}) as answer:
        claims = jwt.decode((await answer.json())["participantToken"], SECRET, algorithms=["HS256"])
    assert claims["roomConfig"]["agents"][0]["metadata"] == '{"fault": "agent_deaf"}'
    assert app.switchboard.for_all is Fault.AGENT_DEAF


async def test_who_came_with_a_fault_keeps_it(app: TrialApp, web: aiohttp.ClientSession) -> None:
    await switch(web, "trial_500")
    token = (await details_with(app, Fault.TOKEN_EXPIRED))["participantToken"]
    with pytest.raises(jwt.ExpiredSignatureError):
        jwt.decode(token, SECRET, algorithms=["HS256"])


@pytest.mark.parametrize("path", ["/api/token", "/api/connection-details"])
async def test_the_token_endpoints_are_broken_with_the_rest(web: aiohttp.ClientSession, path: str) -> None:
    async def claims() -> dict[str, object]:
        async with web.post(path) as answer:
            given = await answer.json()
        token = given.get("participantToken") or given["participant_token"]
        found: dict[str, object] = jwt.decode(token, SECRET, algorithms=["HS256"])
        return found

    await switch(web, "missing_tts_key")
    assert '{"fault": "missing_tts_key"}' in str((await claims())["roomConfig"])
    await switch(web, "token_expired")
    with pytest.raises(jwt.ExpiredSignatureError):
        await claims()


async def test_the_page_and_the_output_tell_what_is_broken(web: aiohttp.ClientSession, said: list[str]) -> None:
    assert "Broken for all" not in await front_page(web)
    await switch(web, "missing_tts_key")
    page = await front_page(web)
    assert "Broken for all customers:</strong> <code>missing_tts_key</code>" in page
    await switch(web, "")
    assert "Broken for all" not in await front_page(web)
    assert said == [
        f"The product is broken for all customers: missing_tts_key. {EFFECTS[Fault.MISSING_TTS_KEY].customer}",
        "The product is well.",
    ]


async def test_the_page_offers_what_can_be_switched_and_nothing_else(web: aiohttp.ClientSession) -> None:
    page = await front_page(web)
    assert buttons(page) == OFFERED
    for place in {EFFECTS[Fault(fault)].place for fault in OFFERED}:
        assert f"<legend>{place[0].upper()}{place[1:]}</legend>" in page
    assert f"{len(Fault) - len(OFFERED)} more need another start" in page


async def test_a_server_that_is_there_is_offered() -> None:
    elsewhere = {Fault.SERVER_DOWN: Server(url="ws://127.0.0.1:10")}
    async with (
        TrialApp(server=Server(), knobs=Knobs(agent_name="a"), progress=print, elsewhere=elsewhere) as app,
        aiohttp.ClientSession(app.url) as web,
    ):
        assert buttons(await front_page(web)) == sorted([*OFFERED, Fault.SERVER_DOWN])
        await switch(web, "server_down")
        trial = await start_trial(web)
        async with web.get("/api/connection-details", params={"trial": trial}) as answer:
            assert (await answer.json())["serverUrl"] == "ws://127.0.0.1:10"


@pytest.mark.parametrize("fault", OFFERED)
async def test_every_fault_that_is_offered_can_be_switched_on(web: aiohttp.ClientSession, fault: str) -> None:
    assert await switch(web, fault) == 303
    assert f"<code>{fault}</code>" in await front_page(web)


@pytest.mark.parametrize("fault", sorted(set(Fault) - set(OFFERED)))
async def test_a_fault_that_needs_more_is_refused_and_says_what_has_it(web: aiohttp.ClientSession, fault: str) -> None:
    once = " --once" if EFFECTS[Fault(fault)].needs is Needs.RUN else ""
    async with web.post("/faults", data={"fault": fault}) as answer:
        status, by_switch = await refusal(answer)
        assert status == 400
    async with web.get("/", params={"fault": fault}) as answer:
        assert await refusal(answer) == (400, by_switch)
    assert by_switch.startswith(f"The fault {fault} ")
    assert f"`livekit-prober demo{once} --fault {fault}`" in by_switch
    assert "Broken for all" not in await front_page(web)


async def test_an_unknown_fault_changes_nothing(web: aiohttp.ClientSession) -> None:
    await switch(web, "agent_deaf")
    async with web.post("/faults", data={"fault": "gremlins"}) as answer:
        assert await refusal(answer) == (400, "There is no fault 'gremlins'.")
    assert "<code>agent_deaf</code>" in await front_page(web)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": ""},
        {"Host": "evil.example"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
        {"Host": "127.0.0.1.evil.example", "Origin": "http://127.0.0.1.evil.example"},
        {"Host": "127.0.0.1:1:1"},
    ],
)
async def test_no_other_site_can_switch(web: aiohttp.ClientSession, headers: dict[str, str]) -> None:
    assert await switch(web, "trial_500", **headers) == 403
    assert await start_trial(web)


async def test_the_page_itself_can_switch_by_both_names_of_this_machine(
    app: TrialApp, web: aiohttp.ClientSession
) -> None:
    for fault, url in (("trial_500", app.url), ("trial_html", app.url.replace("127.0.0.1", "localhost"))):
        assert await switch(web, fault, Origin=url, Host=url.removeprefix("http://")) == 303
        assert app.switchboard.for_all == fault


async def test_a_page_of_another_site_cannot_frame_the_switches(web: aiohttp.ClientSession) -> None:
    async with web.get("/") as answer:
        assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
