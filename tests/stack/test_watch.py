"""The canary on the reference stack: it sees the incident, does not forget it when it is killed, and sees it end."""

import asyncio
import json
import signal
import time
from pathlib import Path

import aiohttp
import pytest
from livekit import api, rtc

from prober.child.messages import Sweep
from prober.child.parent import sweep_rooms
from prober.core.plan import ApiKey
from prober.refstack.faults import Fault
from prober.refstack.server import LiveKitServer
from prober.refstack.stack import ReferenceStack
from prober.watch.web.probing import HEADER
from tests.watch_process import Watching

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

CONFIGURATION = """\
targets:
  shop:
    entry: {{trial: {{url: "{trial}"}}}}
    allow: {{hosts: [127.0.0.1], private_addresses: true, plaintext: true}}
    deadlines:
      {{trial_step: 2, trial: 2, room_join: 2, agent_join: 1.8, agent_ready: 2, greeting_within: 2, reply_within: 2}}
    scenarios: {{join: {{interval: 3.5, timeout: 3, hold: 0}}}}
"""

DIRECT = """\
targets:
  nobody-home:
    entry: {{direct: {{agent_name: nobody}}}}
    livekit: {{url: "{server}", api_key_file: key, api_secret_file: secret}}
    allow: {{hosts: [127.0.0.1], private_addresses: true, plaintext: true}}
    scenarios: {{join: {{interval: 3600}}}}
"""


def direct(folder: Path, server: LiveKitServer) -> Path:
    """A configuration of a room of our own on this server, to which no agent comes."""
    for name, secret in (("key", server.api_key), ("secret", server.api_secret)):
        (folder / name).write_text(secret, encoding="utf-8")
    file = folder / "prober.yaml"
    file.write_text(DIRECT.format(server=server.url), encoding="utf-8")
    return file


async def test_it_sees_the_incident_through_a_kill_and_sees_it_end(stack: ReferenceStack, tmp_path: Path) -> None:
    file = tmp_path / "prober.yaml"

    def walk_in_by(trial: str) -> None:
        file.write_text(CONFIGURATION.format(trial=trial), encoding="utf-8")

    walk_in_by(stack.trial_url)
    canary = Watching(file)
    async with canary:
        await canary.until("run.finished", lambda run: run["outcome"] == "pass")
        walk_in_by(stack.trial_url_with(Fault.MISSING_TTS_KEY))
        canary.signal(signal.SIGHUP)
        await canary.until("config.reloaded")
        before = await canary.until("run.finished", lambda run: run["consecutive_failures"] == 1)
        assert before["reason"] == "agent_absent"
        await canary.kill()
    async with canary:
        assert 'consecutive_failures{scenario="join",target="shop"} 1.0' in await canary.get("/metrics")
        after = await canary.until("run.finished")
        assert (after["reason"], after["consecutive_failures"]) == ("agent_absent", 2)
        walk_in_by(stack.trial_url)
        canary.signal(signal.SIGHUP)
        await canary.until("config.reloaded")
        seen = await canary.until("run.finished", lambda run: run["outcome"] == "pass")
        assert seen["consecutive_failures"] == 0
        assert await canary.stop() == 0


async def test_a_probe_that_is_cut_off_is_answered_before_the_scraper_gives_up(
    server: LiveKitServer, tmp_path: Path
) -> None:
    file = direct(tmp_path, server)
    patience = 8.0
    async with (
        Watching(file, "--enable-probe") as canary,
        aiohttp.ClientSession() as web,
        web.get(
            f"{canary.url}/probe?target=nobody-home",
            headers={HEADER: str(patience)},
            timeout=aiohttp.ClientTimeout(total=patience),
        ) as answer,
    ):
        told = await answer.text()
    assert "probe_success 0.0" in told
    assert 'probe_livekit_failure_info{reason="run_deadline"} 1.0' in told


async def test_a_run_that_outlasts_the_grace_time_leaves_no_room(server: LiveKitServer, tmp_path: Path) -> None:
    async with (
        Watching(direct(tmp_path, server), "--enable-probe", "--grace", "0") as canary,
        api.LiveKitAPI(server.url, server.api_key, server.api_secret) as livekit,
    ):
        asking = asyncio.create_task(canary.get("/probe?target=nobody-home"))
        ours: set[str] = set()
        while not ours:  # livekit-server tells nobody of its rooms
            rooms = (await livekit.room.list_rooms(api.ListRoomsRequest())).rooms
            ours = {room.name for room in rooms if room.name.startswith("synthetic-nobody-home-")}
        assert await canary.stop() == 0
        assert "inconclusive (interrupted)" in await asking
        left = {room.name for room in (await livekit.room.list_rooms(api.ListRoomsRequest())).rooms}
    (run,) = (line for line in canary.lines if line["event"] == "run.finished")
    assert (run["outcome"], run["reason"], {run["room"]}) == ("inconclusive", "interrupted", ours)
    assert not ours & left


async def test_only_old_rooms_with_our_mark_are_swept(server: LiveKitServer) -> None:
    key = ApiKey(url=server.url, key=server.api_key, secret=server.api_secret)
    marks = {
        "ours": {"synthetic": True, "run_id": "0123456789abcdef", "target": "shop"},
        "said-to-be": {"synthetic": "true", "run_id": "0123456789abcdef", "target": "shop"},
        "without-a-run": {"synthetic": True, "target": "shop"},
    }
    async with api.LiveKitAPI(key.url, key.key, key.secret) as livekit:
        for name, mark in marks.items():
            await livekit.room.create_room(api.CreateRoomRequest(name=name, metadata=json.dumps(mark)))
        await livekit.room.create_room(api.CreateRoomRequest(name="of-a-customer"))
        young = await sweep_rooms(Sweep(key=key, older_than=60.0))
        swept = await sweep_rooms(Sweep(key=key, older_than=-60.0))
        left = {room.name for room in (await livekit.room.list_rooms(api.ListRoomsRequest())).rooms}
        for name in left & {*marks, "of-a-customer"}:
            await livekit.room.delete_room(api.DeleteRoomRequest(room=name))
    assert (young.deleted, young.left, young.trouble) == ((), (), None)
    assert (swept.deleted, swept.left, swept.trouble) == (("ours",), (), None)
    assert left >= {"said-to-be", "without-a-run", "of-a-customer"}


async def test_a_sweep_deletes_all_but_rooms_with_a_caller(server: LiveKitServer) -> None:
    key = ApiKey(url=server.url, key=server.api_key, secret=server.api_secret)
    mark = json.dumps({"synthetic": True, "run_id": "0123456789abcdef", "target": "shop"})
    names = {f"left-{number}" for number in range(25)}
    token = api.AccessToken(key.key, key.secret).with_grants(api.VideoGrants(room_join=True, room="in-use"))
    caller = rtc.Room()
    async with api.LiveKitAPI(key.url, key.key, key.secret) as livekit:
        for name in (*names, "in-use"):
            await livekit.room.create_room(api.CreateRoomRequest(name=name, metadata=mark))
        await caller.connect(key.url, token.with_identity("caller").to_jwt())
        during = await sweep_rooms(Sweep(key=key, older_than=-3600.0))  # as by a clock that is an hour ahead
        still = caller.isconnected()
        await caller.disconnect()
        after = await sweep_rooms(Sweep(key=key, older_than=-3600.0))
    assert (set(during.deleted), during.left, during.trouble) == (names, (), None)
    assert still
    assert (after.deleted, after.left, after.trouble) == (("in-use",), (), None)


async def test_where_nobody_answers_a_sweep_says_so() -> None:
    began = time.monotonic()
    swept = await sweep_rooms(Sweep(key=ApiKey(url="ws://127.0.0.1:9", key="k", secret="s" * 32), older_than=1.0))
    assert swept.trouble is not None
    assert "cannot be reached" in swept.trouble
    assert time.monotonic() - began < 30
