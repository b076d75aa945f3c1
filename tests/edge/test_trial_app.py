import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import jwt
import psutil
import pytest

from prober.refstack.effects import EFFECTS
from prober.refstack.elsewhere import doors_elsewhere
from prober.refstack.faults import Fault, Needs
from prober.refstack.trial_app.app import TrialApp
from prober.refstack.trial_app.connection import Knobs
from prober.refstack.trial_app.livekit_client import cached_client
from prober.refstack.trial_app.trials import RateLimit, Throttle, Trials

SECRET = "a-secret-of-at-least-32-characters"
EMAIL = {"email": "ada@example.com"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What the app knows of its LiveKit server; nobody listens there."""

    url: str = "ws://127.0.0.1:9"
    api_key: str = "key"
    api_secret: str = SECRET


def trial_app(rate_limit: RateLimit | None = None) -> TrialApp:
    knobs = Knobs(agent_name="receptionist")
    return TrialApp(server=Server(), knobs=knobs, progress=lambda _: None, rate_limit=rate_limit)


@pytest.fixture
async def app() -> AsyncIterator[TrialApp]:
    async with trial_app() as running:
        yield running


@pytest.fixture
async def web(app: TrialApp) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(app.url) as session:
        yield session


async def start_trial(web: aiohttp.ClientSession) -> str:
    async with web.post("/api/trial", data=EMAIL, allow_redirects=False) as answer:
        trial_id = (await answer.json())["trial_id"]
        assert isinstance(trial_id, str)
        return trial_id


async def refusal(response: aiohttp.ClientResponse) -> tuple[int, str]:
    body = await response.json()
    assert list(body) == ["error"]
    return response.status, body["error"]


@pytest.mark.parametrize("body", [aiohttp.FormData, aiohttp.JsonPayload])
async def test_a_trial_leads_to_its_call(web: aiohttp.ClientSession, body: Callable[[object], object]) -> None:
    async with web.post("/api/trial", data=body(EMAIL), allow_redirects=False) as answer:
        trial = await answer.json()
        assert answer.status == 303
        assert answer.headers["Location"] == f"/call?trial={trial['trial_id']}"
        assert re.fullmatch(r"trial_\d{13}_[0-9a-f]{8}", trial["room_name"])
    async with web.get(answer.headers["Location"]) as page:
        assert page.status == 200
        assert trial["room_name"] in await page.text()


async def test_following_the_redirect_ends_at_the_call_page(web: aiohttp.ClientSession) -> None:
    async with web.post("/api/trial", data=EMAIL) as page:
        assert page.status == 200
        assert page.url.path == "/call"


async def test_connection_details_carry_the_agents_dispatch(app: TrialApp, web: aiohttp.ClientSession) -> None:
    app.knobs.agent_metadata = '{"fault": "agent_deaf"}'
    trial = await start_trial(web)
    async with web.get("/api/connection-details", params={"trial": trial}) as answer:
        details = await answer.json()
        assert answer.headers["Cache-Control"] == "no-store"
    assert set(details) == {"serverUrl", "roomName", "participantName", "participantToken"}
    assert details["serverUrl"] == "ws://127.0.0.1:9"
    claims = jwt.decode(details["participantToken"], SECRET, algorithms=["HS256"], issuer="key")
    assert claims["exp"] - claims["nbf"] == 15 * 60
    assert claims["name"] == details["participantName"]
    assert claims["video"] == {
        "roomJoin": True,
        "room": details["roomName"],
        "canPublish": True,
        "canSubscribe": True,
        "canPublishData": True,
    }
    assert claims["roomConfig"]["agents"] == [{"agentName": "receptionist", "metadata": '{"fault": "agent_deaf"}'}]


async def test_two_callers_of_one_trial_are_two_participants_of_one_room(web: aiohttp.ClientSession) -> None:
    trial = await start_trial(web)
    callers, rooms = set(), set()
    for _ in range(2):
        async with web.get("/api/connection-details", params={"trial": trial}) as answer:
            token = (await answer.json())["participantToken"]
        claims = jwt.decode(token, SECRET, algorithms=["HS256"])
        callers.add(claims["sub"])
        rooms.add(claims["video"]["room"])
    assert (len(callers), len(rooms)) == (2, 1)


@pytest.mark.parametrize("email", ["", "ada", "ada@", "@example.com", "ada@example", "a da@example.com", "a@b@c.de"])
async def test_a_bad_address_is_refused(web: aiohttp.ClientSession, email: str) -> None:
    async with web.post("/api/trial", json={"email": email}) as answer:
        assert await refusal(answer) == (422, "Please enter an e-mail address such as ada@example.com.")


@pytest.mark.parametrize("body", [{}, [], "ada@example.com", None, {"email": 7}])
async def test_json_without_an_address_is_refused(web: aiohttp.ClientSession, body: object) -> None:
    async with web.post("/api/trial", json=body) as answer:
        assert (await refusal(answer))[0] == 422


async def test_what_is_no_json_is_refused(web: aiohttp.ClientSession) -> None:
    async with web.post("/api/trial", data="{", headers={"Content-Type": "application/json"}) as answer:
        assert await refusal(answer) == (400, "The body cannot be read as JSON.")


@pytest.mark.parametrize("accept", ["*/*", "text/html"])
@pytest.mark.parametrize(
    ("content_type", "body", "sentence"),
    [
        ("application/json; charset=bogus", b"{}", "The body cannot be read as JSON."),
        ("application/json", b"[" * 16_000, "The body cannot be read as JSON."),
        ("application/json", b'{"email": "\\ud800@example.com"}', "The body cannot be read as JSON."),
        (
            "application/x-www-form-urlencoded; charset=bogus",
            b"email=ada@example.com",
            "The body cannot be read as a form.",
        ),
        ("application/x-www-form-urlencoded", b"email=\xff@example.com", "The body cannot be read as a form."),
        ("application/x-www-form-urlencoded", b"email=%ff@example.com", "The body cannot be read as a form."),
        ("multipart/form-data", b"email", "The body is neither JSON nor a form (application/x-www-form-urlencoded)."),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(
    web: aiohttp.ClientSession, content_type: str, body: bytes, sentence: str, accept: str
) -> None:
    headers = {"Content-Type": content_type, "Accept": accept}
    async with web.post("/api/trial", data=body, headers=headers) as answer:
        assert await refusal(answer) == (400, sentence)


async def test_a_body_that_is_not_compressed_as_it_says_is_refused(web: aiohttp.ClientSession) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with web.post("/api/trial", data=b"no gzip at all", headers=headers) as answer:
        assert await refusal(answer) == (400, "The body is not encoded as its Content-Encoding says.")


async def test_people_get_the_form_back_with_what_they_wrote(web: aiohttp.ClientSession) -> None:
    written = {"email": '"><script>'}
    async with web.post("/api/trial", data=written, headers={"Accept": "text/html"}) as answer:
        page = await answer.text()
    assert answer.status == 422
    assert "Please enter an e-mail address" in page
    assert "&#34;&gt;&lt;script&gt;" in page


async def test_an_unknown_trial_is_refused(web: aiohttp.ClientSession) -> None:
    async with web.get("/api/connection-details", params={"trial": "nobody"}) as answer:
        assert await refusal(answer) == (404, "This trial does not exist.")
    async with web.get("/call?trial=nobody") as page:
        assert page.status == 404
        assert "This trial does not exist." in await page.text()


async def test_too_many_trials_are_refused_with_the_time_to_wait() -> None:
    async with (
        trial_app(RateLimit(count=2, window=3600.0)) as app,
        aiohttp.ClientSession(app.url) as web,
    ):
        await start_trial(web)
        await start_trial(web)
        async with web.post("/api/trial", data=EMAIL) as answer:
            assert (await refusal(answer))[0] == 429
            assert 3590 < int(answer.headers["Retry-After"]) <= 3600


def test_the_throttle_counts_each_address_over_a_sliding_window() -> None:
    throttle = Throttle(RateLimit(count=2, window=60.0))
    assert throttle.wait_for("a", 0.0) is None
    assert throttle.wait_for("a", 20.0) is None
    assert throttle.wait_for("a", 30.0) == 30.0
    assert throttle.wait_for("b", 30.0) is None
    assert throttle.wait_for("a", 60.0) is None
    assert throttle.wait_for("a", 61.0) == 19.0


def test_two_trials_of_one_moment_have_two_rooms() -> None:
    trials = Trials()
    first, second = trials.grant(1700000000.0), trials.grant(1700000000.0)
    assert first.room_name.startswith("trial_1700000000000_")
    assert first.room_name != second.room_name
    assert trials.find(first.trial_id) == first


async def test_a_fault_is_its_customers_own(app: TrialApp, web: aiohttp.ClientSession) -> None:
    async with aiohttp.ClientSession(app.url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as unlucky:
        async with unlucky.get("/?fault=trial_500") as page:
            assert page.status == 200
        async with unlucky.post("/api/trial", data=EMAIL) as answer:
            assert (await refusal(answer))[0] == 500
        assert await start_trial(web)
        async with unlucky.get("/") as page:
            assert page.status == 200
        assert await start_trial(unlucky)


async def test_an_unknown_fault_is_refused(web: aiohttp.ClientSession) -> None:
    async with web.get("/?fault=gremlins") as answer:
        assert await refusal(answer) == (400, "There is no fault 'gremlins'.")


async def details_with(app: TrialApp, fault: Fault) -> dict[str, str]:
    async with aiohttp.ClientSession(app.url, cookies={"fault": fault}) as web:
        trial = await start_trial(web)
        async with web.get("/api/connection-details", params={"trial": trial}) as answer:
            details = await answer.json()
            assert isinstance(details, dict)
            return details


@pytest.mark.parametrize(
    "fault", sorted(fault for fault, effect in EFFECTS.items() if effect.in_agent and effect.needs is None)
)
async def test_a_fault_of_the_agent_goes_with_its_dispatch(app: TrialApp, fault: Fault) -> None:
    claims = jwt.decode((await details_with(app, fault))["participantToken"], SECRET, algorithms=["HS256"])
    assert claims["roomConfig"]["agents"] == [{"agentName": "receptionist", "metadata": f'{{"fault": "{fault}"}}'}]


@pytest.mark.parametrize("fault", [fault for fault, effect in EFFECTS.items() if effect.needs is Needs.WORKER])
async def test_a_worker_that_is_wrong_as_a_whole_is_called_by_its_faults_name(fault: Fault) -> None:
    elsewhere = {fault: Server()}
    async with TrialApp(server=Server(), knobs=Knobs(agent_name="a"), progress=print, elsewhere=elsewhere) as app:
        claims = jwt.decode((await details_with(app, fault))["participantToken"], SECRET, algorithms=["HS256"])
    assert [agent["agentName"] for agent in claims["roomConfig"]["agents"]] == [fault]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.TOKEN_EXPIRED, jwt.ExpiredSignatureError),
        (Fault.TOKEN_NOT_YET_VALID, jwt.ImmatureSignatureError),
        (Fault.TOKEN_WRONG_KEY, jwt.InvalidSignatureError),
    ],
)
async def test_a_bad_token_is_bad_in_this_one_way(app: TrialApp, fault: Fault, error: type[Exception]) -> None:
    token = (await details_with(app, fault))["participantToken"]
    with pytest.raises(error):
        jwt.decode(token, SECRET, algorithms=["HS256"])


async def test_a_token_can_lack_its_grant_or_open_another_room(app: TrialApp) -> None:
    for fault, room_join in ((Fault.TOKEN_NO_GRANT, None), (Fault.TOKEN_OTHER_ROOM, True)):
        details = await details_with(app, fault)
        video = jwt.decode(details["participantToken"], SECRET, algorithms=["HS256"])["video"]
        assert video.get("roomJoin") is room_join
        assert (video["room"] == details["roomName"]) is (fault is Fault.TOKEN_NO_GRANT)


async def test_other_servers_and_doors_are_given_out_instead_of_the_healthy_one(app: TrialApp) -> None:
    elsewhere = {Fault.SERVER_DOWN: Server(url="ws://127.0.0.1:10")}
    async with TrialApp(
        server=Server(), knobs=Knobs(agent_name="receptionist"), progress=print, elsewhere=elsewhere
    ) as other:
        assert (await details_with(other, Fault.SERVER_DOWN))["serverUrl"] == "ws://127.0.0.1:10"
        assert (await details_with(other, Fault.TWO_AGENTS))["serverUrl"] == "ws://127.0.0.1:9"
    async with doors_elsewhere(tuple(Fault), app) as doors:
        assert set(doors) == {
            Fault.TRIAL_NO_NAME,
            Fault.TRIAL_REFUSED,
            Fault.TRIAL_WRONG_CERTIFICATE,
            Fault.PROBER_OFFLINE,
        }
        async with aiohttp.ClientSession() as web:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await web.get(doors[Fault.TRIAL_WRONG_CERTIFICATE])
            with pytest.raises(aiohttp.ClientConnectorError):
                await web.get(doors[Fault.TRIAL_REFUSED])
            async with web.get(doors[Fault.TRIAL_WRONG_CERTIFICATE], ssl=False) as page:
                assert "Start Trial" in await page.text()


async def test_a_room_that_cannot_be_made_first_is_said(app: TrialApp, web: aiohttp.ClientSession) -> None:
    app.knobs.agent_first = True
    trial = await start_trial(web)
    async with web.get("/api/connection-details", params={"trial": trial}) as answer:
        assert await refusal(answer) == (503, "The room for your call could not be made.")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nothing", 404), ("GET", "/static/app.py", 404), ("GET", "/api/trial", 405)]
)
async def test_other_requests_are_refused_in_the_same_shape(
    web: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    async with web.request(method, path) as answer:
        assert (await refusal(answer))[0] == status


async def test_the_front_page_has_a_labelled_form(web: aiohttp.ClientSession) -> None:
    async with web.get("/") as answer:
        page = await answer.text()
    assert '<label for="email">' in page
    assert 'action="/api/trial" method="post"' in page
    assert "Start Trial" in page


async def test_the_files_of_the_pages_are_served(web: aiohttp.ClientSession) -> None:
    trial = await start_trial(web)
    async with web.get(f"/call?trial={trial}") as answer:
        files = re.findall(r'(?:src|href)="(/static/[^"]+)"', await answer.text())
    assert sorted(files) == ["/static/call.js", "/static/livekit-client.umd.js", "/static/style.css"]
    for file in files:
        if "livekit-client" not in file:  # fetched from npm at its first use
            async with web.get(file) as answer:
                assert answer.status == 200


async def test_a_missing_livekit_client_is_said(
    web: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    npm = cached_client().parent / "bin" / "npm"
    npm.parent.mkdir(parents=True)
    npm.write_text("#!/bin/sh\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(npm.parent), prepend=":")
    async with web.get("/static/livekit-client.umd.js") as answer:
        status, sentence = await refusal(answer)
    assert status == 503
    assert sentence.startswith("The LiveKit library for browsers could not be fetched")


async def test_the_address_is_on_loopback(app: TrialApp) -> None:
    address = urlsplit(app.url)
    listening = {
        one.laddr.ip
        for one in psutil.Process().net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr.port == address.port
    }
    assert listening == {address.hostname} == {"127.0.0.1"}
