import asyncio
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import psutil
import pytest
from livekit import api

from prober.refstack.process import StackError
from prober.refstack.server import LiveKitServer
from prober.refstack.trial_app.app import TrialApp
from prober.refstack.trial_app.connection import Knobs

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

OWNER = """
import asyncio, sys
from pathlib import Path
from prober.refstack.server import LiveKitServer
async def main():
    async with LiveKitServer(directory=Path(sys.argv[1]), progress=lambda _: None) as server:
        print(server.url, flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


def quiet(_: str) -> None:
    pass


def listener(url: str) -> psutil.Process:
    """Who listens at the address."""
    port = urlsplit(url).port
    (pid,) = {
        connection.pid
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
    }
    return psutil.Process(pid)


def assert_free(url: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections of the past are no listener
        probe.bind(("127.0.0.1", urlsplit(url).port or 0))


async def validated(server: LiveKitServer, token: str) -> tuple[int, str]:
    """What the server says to a token before anybody joins with it."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{server.http_url}/rtc/validate", params={"access_token": token}) as answer,
    ):
        return answer.status, await answer.text()


async def trial_token(app: TrialApp) -> str:
    async with aiohttp.ClientSession(app.url) as web:
        async with web.post("/api/trial", data={"email": "ada@example.com"}) as call:
            trial = call.url.query["trial"]
        async with web.get("/api/connection-details", params={"trial": trial}) as answer:
            token = (await answer.json())["participantToken"]
            assert isinstance(token, str)
            return token


async def test_it_answers_with_its_own_keys_and_is_gone_afterwards(tmp_path: Path) -> None:
    async with LiveKitServer(directory=tmp_path, progress=quiet) as server:
        process = listener(server.url)
        async with api.LiveKitAPI(server.http_url, server.api_key, server.api_secret) as livekit:
            assert list((await livekit.room.list_rooms(api.ListRoomsRequest())).rooms) == []
        assert '"msg":"starting LiveKit server"' in server.log.read_text()
    assert not process.is_running()
    assert_free(server.url)


async def test_it_takes_nothing_from_the_callers_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_KEYS", f"another: {'x' * 32}")
    monkeypatch.setenv("LIVEKIT_CONFIG", "port: 1")
    monkeypatch.setenv("REDIS_HOST", "127.0.0.1:9")
    monkeypatch.setenv("UDP_PORT", "1")
    async with (
        LiveKitServer(directory=tmp_path, progress=quiet) as server,
        api.LiveKitAPI(server.http_url, server.api_key, server.api_secret) as livekit,
    ):
        assert list((await livekit.room.list_rooms(api.ListRoomsRequest())).rooms) == []


async def test_it_listens_on_loopback_alone(server: LiveKitServer) -> None:
    sockets = listener(server.url).net_connections("inet")
    listening = {one.laddr.ip for one in sockets if one.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)}
    assert listening == {"127.0.0.1"}


async def test_two_servers_do_not_meet(server: LiveKitServer, tmp_path: Path) -> None:
    async with LiveKitServer(directory=tmp_path, progress=quiet) as other:
        assert other.url != server.url
        assert other.api_secret != server.api_secret


async def test_it_ends_when_its_owner_is_killed(tmp_path: Path) -> None:
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OWNER, str(tmp_path)), stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    url = (await owner.stdout.readline()).decode().strip()
    server = listener(url)
    owner.kill()
    await owner.wait()
    await asyncio.to_thread(server.wait, 20)
    assert_free(url)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "#!/bin/sh\necho 'no such thing as media' >&2\nexit 3\n",
            r"(?s)ended while it started.*no such thing as media",
        ),
        ("not a program", "cannot be started: .*Exec format error"),
    ],
)
async def test_a_broken_binary_says_why(tmp_path: Path, text: str, why: str) -> None:
    broken = tmp_path / "livekit-server"
    broken.write_text(text)
    broken.chmod(0o755)
    with pytest.raises(StackError, match=why):
        async with LiveKitServer(directory=tmp_path, progress=quiet, binary=broken):
            pass


async def test_it_accepts_the_tokens_of_the_trial_app(server: LiveKitServer) -> None:
    async with TrialApp(server=server, knobs=Knobs(agent_name="nobody"), progress=quiet) as app:
        assert await validated(server, await trial_token(app)) == (200, "success")


async def test_it_refuses_a_token_of_another_key(server: LiveKitServer) -> None:
    grants = api.VideoGrants(room_join=True, room="room")
    token = api.AccessToken(server.api_key, "x" * 32).with_identity("me").with_grants(grants).to_jwt()
    assert (await validated(server, token))[0] == 401
