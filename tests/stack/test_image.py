"""The image as operators run it: built by a real Docker, hardened, against the reference stack."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from livekit import api

from prober import __version__
from prober.refstack.stack import ReferenceStack
from tests.image import HARDENED, IMAGE, MOST, ROOT, Docker, NoDockerError, bill_of_materials, build, docker, layers
from tests.watch_process import Watching

pytestmark = [pytest.mark.stack, pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]

CONFIGURATION = """\
targets:
  shop:
    entry: {{trial: {{url: "{trial}"}}}}
    livekit: {{url: "{server}", api_key_file: key, api_secret_file: secret}}
    allow: {{hosts: [127.0.0.1], private_addresses: true, plaintext: true}}
    scenarios: {{join: {{interval: 3600}}}}
"""
LOOKS = """\
import json, pathlib
def forbidden(path):
    try:
        path.write_text("")
    except OSError as error:
        return error.strerror
    path.unlink()
everything = [path for top in pathlib.Path("/").iterdir() if top.name not in ("proc", "sys", "dev")
              for path in (top, *top.rglob("*"))]
print(json.dumps({
    "status": dict(line.split(":\\t") for line in pathlib.Path("/proc/self/status").read_text().splitlines()),
    "root": forbidden(pathlib.Path("/written")), "app": forbidden(pathlib.Path("/app/written")),
    "data": forbidden(pathlib.Path("/data/written")),
    "setuid": [str(path) for path in everything
               if not path.is_symlink() and path.is_file() and path.stat().st_mode & 0o6000],
    "pip": [str(path) for path in everything if path.name in ("pip", "pip3", "uv", "hatchling")],
}))
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def engine() -> AsyncIterator[Docker]:
    """A Docker that has the image of this work tree."""
    async with contextlib.AsyncExitStack() as running:
        try:
            engine = await running.enter_async_context(docker())
        except NoDockerError as error:
            pytest.skip(str(error))
        await build(engine)
        yield engine


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder that is the container's at the same place: its volume, which its user may write."""
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


async def test_its_own_layers_are_small_and_it_says_what_it_is(engine: Docker) -> None:
    _, own = await layers(engine)
    assert own <= MOST
    config = (await engine.inspect(IMAGE))["Config"]
    assert config["User"] == "65532:65532"
    assert config["Volumes"] == {"/data": {}}
    assert config["Labels"]["org.opencontainers.image.version"] == __version__
    assert re.fullmatch("[0-9a-f]{40}", config["Labels"]["org.opencontainers.image.revision"])


async def test_whoever_breaks_in_finds_nothing_to_go_on_with(engine: Docker) -> None:
    inside = ("run", "--rm", "--network=none", *HARDENED, "--entrypoint", "python3", IMAGE, "-c", LOOKS)
    found = json.loads(await engine(*inside))
    status = found["status"]
    assert status["Uid"].split() == ["65532"] * 4
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert (found["root"], found["app"], found["data"]) == ("Read-only file system", "Read-only file system", None)
    assert (found["setuid"], found["pip"]) == ([], [])


async def test_its_bill_of_materials_is_the_lock_and_the_base(engine: Docker, tmp_path: Path) -> None:
    found = await bill_of_materials(engine, tmp_path / "sbom.json")
    python = {part["name"]: part["version"] for part in found if part["purl"].startswith("pkg:pypi/")}
    lock = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    locked = re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE)
    assert python.keys() == {name for name, _ in locked} | {"livekit-prober"}
    assert {(name, version) for name, version in python.items() if name != "livekit-prober"} <= set(locked)
    assert any(part["purl"].startswith("pkg:deb/") for part in found)


async def test_a_hardened_conversation_passes(engine: Docker, stack: ReferenceStack) -> None:
    inside = ("run", "--rm", "--network=host", *HARDENED, IMAGE)
    asked = ("run", "--trial-url", stack.trial_url, "--greeting", "expected", "--json", "-")
    record = json.loads(await engine(*inside, *asked))
    assert (record["outcome"], record["scenario"]) == ("pass", "conversation")
    assert len(record["measurements"]["responses"]) == 1


async def test_a_canary_is_healthy_and_sigterm_lets_its_run_end(
    engine: Docker, stack: ReferenceStack, data: Path
) -> None:
    server = stack.server
    for name, secret in (("key", server.api_key), ("secret", server.api_secret)):
        (data / name).write_text(secret, encoding="utf-8")
    file = data / "prober.yaml"
    file.write_text(CONFIGURATION.format(trial=stack.trial_url, server=server.url), encoding="utf-8")
    mount = ("--volume", f"{data}:{data}")
    inside = (*engine.client, "run", "--rm", "--network=host", *HARDENED, *mount, IMAGE)
    async with (
        Watching(file, "--enable-probe", program=inside) as canary,
        api.LiveKitAPI(server.url, server.api_key, server.api_secret) as livekit,
    ):
        assert (await canary.get("/-/healthy")).startswith("Healthy.")
        made_of = (await engine.inspect(IMAGE))["Config"]["Labels"]["org.opencontainers.image.revision"]
        assert f'revision="{made_of}"' in await canary.get("/metrics")
        before = {room.name for room in (await livekit.room.list_rooms(api.ListRoomsRequest())).rooms}
        asking = asyncio.create_task(canary.get("/probe?target=shop"))
        ours: set[str] = set()
        while not ours:  # livekit-server tells nobody of its rooms
            assert not asking.done(), await asking  # a run without a room
            rooms = (await livekit.room.list_rooms(api.ListRoomsRequest())).rooms
            ours = {room.name for room in rooms} - before
        assert await canary.stop() == 0
        assert "probe_success 1" in await asking
        left = {room.name for room in (await livekit.room.list_rooms(api.ListRoomsRequest())).rooms}
    (run,) = (line for line in canary.lines if line["event"] == "run.finished")
    assert (run["outcome"], run["room"]) == ("pass", *ours)
    assert not ours & left
