"""Records what a real worker logs when it is broken: `python -m tests.agent_logs.record [CASE…]`.

Each case becomes a file beside this one: first a line that says what was done and which versions said it, then the
worker's own lines, verbatim but for the folders of the machine. Deepgram's plugin is no part of the reference agent's
environment: give its folder as PYTHONPATH.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path

import aiohttp.web
from livekit import api, rtc

from prober.refstack.process import Program, StackError
from prober.refstack.server import LiveKitServer
from prober.refstack.worker import ensure_environment

HERE = Path(__file__).parent
PACKAGES = (
    "livekit",
    "livekit-agents",
    "livekit-plugins-deepgram",
    "livekit-plugins-elevenlabs",
    "livekit-plugins-openai",
)
ANSWERS = {
    "fails": (503, "said by the stub", None),
    "quota_exceeded": (
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
    ),
    "model_forbidden": (403, "Project `proj_abc` does not have access to model `gpt-5.1`", "model_not_found"),
    "model_unknown": (404, "The model `gpt-5.9` does not exist or you do not have access to it.", "model_not_found"),
    "invalid_key_by_400": (400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT"),
    "provider_stumbles": (500, "said by the stub", None),
}
"""What the stub answers below these paths, with OpenAI's own words, and Gemini's for a key that is not valid."""
TOLD = "the provider is a local stub that answers with the words that are known of OpenAI and Gemini"
STUB = "the provider is a local stub that answers 401: the words around its status are the plugin's, not a provider's"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is broken, and parts of the lines after which nothing new is said."""

    until: tuple[str, ...]
    how: str
    worker: bool = False
    """The worker is broken, and not one job."""


CRASH = ("unhandled exception while running", "process exiting")
CASES = {
    "missing_elevenlabs_key": Case(until=CRASH, how="elevenlabs.TTS() without ELEVEN_API_KEY"),
    "missing_openai_key": Case(until=CRASH, how="openai.LLM() without OPENAI_API_KEY"),
    "missing_deepgram_key": Case(until=CRASH, how="deepgram.STT() without DEEPGRAM_API_KEY"),
    "missing_inference_key": Case(until=CRASH, how="inference.STT() with LIVEKIT_INFERENCE_API_KEY set to nothing"),
    "missing_variable": Case(until=CRASH, how='os.environ["ELEVEN_API_KEY"] where it is not set'),
    "import_of_a_name": Case(until=CRASH, how="import of a name that livekit-agents has no more"),
    "async_callback": Case(until=CRASH, how="session.on() given an async function"),
    "refused_elevenlabs_key": Case(until=("status_code=",), how=STUB),
    "refused_openai_key": Case(until=("status_code=",), how=STUB),
    "refused_deepgram_key": Case(until=("status_code=",), how=STUB),
    "refused_inference_key": Case(until=("status_code=",), how=STUB),
    "quota_exceeded": Case(until=("Error in _llm",), how=TOLD),
    "model_forbidden": Case(until=("Error in _llm",), how=TOLD),
    "model_unknown": Case(until=("Error in _llm",), how=TOLD),
    "invalid_key_by_400": Case(until=("Error in _llm",), how=TOLD),
    "provider_stumbles": Case(until=("Error in _llm",), how=f"answers once with 500; {TOLD}"),
    "realtime_key_refused": Case(until=("closing due to unrecoverable",), how=STUB),
    "missing_key_of_a_participant": Case(
        until=("error in participant",), how="elevenlabs.TTS() without ELEVEN_API_KEY in a participant's entrypoint"
    ),
    "memory_limit": Case(
        until=("non-zero exit code",), how="600 MB in a job, of which 350 MB are allowed in all", worker=True
    ),
    "session_closed": Case(until=("closing due to unrecoverable",), how=f"four replies asked of it; {STUB}"),
    "provider_fails": Case(
        until=("closing due to unrecoverable",), how="four replies asked of a local stub that answers 503"
    ),
    "sfu_unreachable": Case(until=CRASH, how="the job is told an address of LiveKit at which nobody listens"),
    "hangs_before_connect": Case(until=("not established within",), how="the entrypoint awaits what never comes"),
    "blocks_its_loop": Case(until=("unresponsive",), how="time.sleep(600) in the entrypoint"),
    "returns_without_connecting": Case(until=("completed without",), how="the entrypoint returns at once"),
    "process_exits": Case(until=("non-zero exit code",), how="os._exit(3) in the entrypoint"),
    "sys_exit": Case(until=("unhandled exception",), how="sys.exit(1) in the entrypoint"),
    "import_error": Case(until=("Error",), how="import of a plugin that is not installed", worker=True),
    "missing_key_at_start": Case(until=("Error",), how="elevenlabs.TTS() as its file is imported", worker=True),
    "missing_openai_key_at_start": Case(until=("Error",), how="openai.LLM() as its file is imported", worker=True),
    "missing_livekit_key": Case(until=("Error",), how="a worker without LIVEKIT_API_KEY", worker=True),
    "worker_full": Case(until=("full capacity",), how="a load of 1.0 against a threshold of 0.7", worker=True),
    "prewarm_raises": Case(until=("received job request",), how="setup_fnc raises", worker=True),
    "no_main_guard": Case(
        until=("bootstrapping",), how='cli.run_app() without `if __name__ == "__main__"`', worker=True
    ),
    "prewarm_hangs": Case(until=("in-flight spawns failed",), how="setup_fnc sleeps; 2 s are allowed", worker=True),
    "server_unreachable": Case(until=("attempts",), how="LIVEKIT_URL at which nobody listens", worker=True),
    "worker_key_refused": Case(until=("attempts",), how="a LIVEKIT_API_SECRET that is not the server's", worker=True),
}


@asynccontextmanager
async def refusing_provider() -> AsyncIterator[str]:
    """The address of a server that answers everything with 401, and as ANSWERS says below its paths."""

    async def refuse(request: aiohttp.web.Request) -> aiohttp.web.Response:
        answers = (answer for part in request.path.split("/") if (answer := ANSWERS.get(part)))
        status, message, code = next(answers, (401, "said by the stub", None))
        return aiohttp.web.json_response(
            {"error": {"message": message} | ({"code": code} if code else {})}, status=status
        )

    app = aiohttp.web.Application()
    app.router.add_route("*", "/{path:.*}", refuse)
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


async def call(server: LiveKitServer, name: str) -> rtc.Room:
    """A caller in a new room to which the broken agent is dispatched."""
    async with api.LiveKitAPI(server.http_url, server.api_key, server.api_secret) as lk:
        agent = api.RoomAgentDispatch(agent_name="broken", metadata=name)
        await lk.room.create_room(api.CreateRoomRequest(name=f"trial_{name}", agents=[agent]))
    grants = api.VideoGrants(room_join=True, room=f"trial_{name}")
    token = api.AccessToken(server.api_key, server.api_secret).with_identity("caller").with_grants(grants).to_jwt()
    room = rtc.Room()
    await room.connect(server.url, token)
    return room


async def record(name: str, case: Case, server: LiveKitServer, provider: str) -> None:
    """Break a worker so, and write the file."""
    python = await ensure_environment(print) / "bin" / "python"
    with tempfile.TemporaryDirectory(prefix="agent-") as folder:
        log = Path(folder, "agent.log")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "TMPDIR": folder,
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "LIVEKIT_URL": "ws://127.0.0.1:9" if name == "server_unreachable" else server.url,
            "LIVEKIT_API_KEY": "" if name == "missing_livekit_key" else server.api_key,
            "LIVEKIT_API_SECRET": "x" * 43 if name == "worker_key_refused" else server.api_secret,
            "PROVIDER": provider,
            "BROKEN": name if case.worker else "",
            "OTEL_SDK_DISABLED": "true",
            "LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE": "0",
            "PYTHONUNBUFFERED": "1",
        }
        async with Program([python, HERE / "broken_agent.py", "start"], env=environment, log=log, grace=4) as worker:
            room = None
            try:
                if not case.worker or name.startswith("prewarm") or name == "memory_limit":
                    await worker.wait_for_line(partial(contains, "registered worker"), timeout=60)
                    room = await call(server, name)
                for part in case.until:
                    await worker.wait_for_line(partial(contains, part), timeout=90)
            except StackError as error:
                print(f"{name}: {error}"[:300])
            if room is not None:
                await room.disconnect()
        said = log.read_text("utf-8").replace(str(HERE), "/app").replace(folder, "/var/agent")
        for part in filter(None, environment["PYTHONPATH"].split(":")):
            said = said.replace(part, "/agent/site-packages")
        said = said.replace(str(python.parent.parent), "/agent").replace(sys.base_prefix, "/usr")
    versions = {package: _version(python, package) for package in PACKAGES}
    header = {"case": name, "how": case.how, "versions": versions}
    (HERE / f"{name}.jsonl").write_text(f"{json.dumps(header)}\n{_once(said)}", encoding="utf-8")
    print(f"{name}: {len(said.splitlines())} lines")


def contains(part: str, line: str) -> bool:
    """Whether this is in it."""
    return part in line


def _once(said: str) -> str:
    """What it said until it was told to stop; of what it says for ever, the first three."""
    seen = Counter[str]()
    kept = []
    for line in said.splitlines(keepends=True):
        message = line.split('"level"')[0]
        if "draining worker" in message or "shutting down worker" in message:
            break
        seen[message] += 1
        if seen[message] <= 3:
            kept.append(line)
    return "".join(kept)


def _version(python: Path, package: str) -> str:
    folders = [*python.parent.parent.glob("lib/python*/site-packages"), *os.environ.get("PYTHONPATH", "").split(":")]
    return next(
        found.version for found in metadata.distributions(name=package, path=[str(f) for f in folders if str(f)])
    )


async def main(names: list[str]) -> None:
    """Record these cases, or all."""
    with tempfile.TemporaryDirectory(prefix="record-") as folder:
        async with LiveKitServer(directory=Path(folder), progress=print) as server, refusing_provider() as provider:
            for name in names or CASES:
                await record(name, CASES[name], server, provider)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
