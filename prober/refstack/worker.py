"""The agents of the reference stack: their environment, made once from its hash lock, and a worker ready for a job."""

import asyncio
import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from prober import recordings
from prober.refstack.cache import Progress, cache_directory, for_tools, install, run_tool
from prober.refstack.faults import Fault
from prober.refstack.process import Program
from prober.refstack.trial_app.connection import ServerAccess

AgentKind = Literal["reference", "scripted"]

_HERE = Path(__file__).parent
_LOCK = _HERE / "agent-requirements.txt"
_SCRIPTS: Mapping[AgentKind, tuple[str, str]] = {
    "reference": ("agent.py", "reference-agent"),
    "scripted": ("scripted_agent.py", "scripted-agent"),
}
_BROKEN = "broken_worker.py"
_REGISTERED_WITHIN = 90.0  # 3 to 5 s; more on a machine that is busy or starts it for the first time
_KEYS = {"elevenlabs": "ELEVEN_API_KEY", "openai": "OPENAI_API_KEY"}
_PASSED_ON = ("HOME", "LANG", "LC_ALL", "PATH", "TZ")
_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "OTEL_SDK_DISABLED": "true",
    "LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE": "0",  # or each worker loads a model of 244 MB that nobody asks
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONUNBUFFERED": "1",
}


async def ensure_environment(progress: Progress) -> Path:
    """Return the folder of the agents' environment, after making it (about a minute) where there is none."""
    wanted = hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:12]
    environment = cache_directory() / f"agent-{platform.python_version()}-{wanted}"
    if not _usable(environment):
        await install(
            environment, lambda work, log: _build(work / "environment", log, progress), progress, usable=_usable
        )
    return environment


def _usable(environment: Path) -> bool:
    """Whether it is there, and the Python it was made from still is."""
    return _python(environment).exists()


async def _build(environment: Path, log: Path, progress: Progress) -> Path:
    await asyncio.to_thread(log.unlink, missing_ok=True)
    python = _python(environment)
    uv = shutil.which("uv") or shutil.which("uv", path=Path(sys.executable).parent)
    lock = ("--require-hashes", "-r", _LOCK)
    make: tuple[str | Path, ...]
    fill: tuple[str | Path, ...]
    if uv is not None:
        make = (uv, "venv", "--quiet", "--no-project", "--python", sys.executable, environment)
        fill = (uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *lock)
    else:
        make = (sys.executable, "-m", "venv", environment)
        fill = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *lock)
    variables = {**for_tools(), "UV_PYTHON_DOWNLOADS": "never"}
    await run_tool("Making the agent's environment", make, log=log, progress=progress, env=variables)
    await run_tool(
        "Installing the agent's packages (once, about 450 MB)", fill, log=log, progress=progress, env=variables
    )
    return environment


def _python(environment: Path) -> Path:
    return environment / "bin" / "python"


class AgentWorker:
    """A worker from start to stop; entering waits until the server has registered it and a process is ready for a job.

    One that is broken as a whole goes by its fault's name; entering waits for as much of this as can happen.
    `truth` is the file in which the scripted agent writes what really happened.
    """

    _program: Program

    def __init__(
        self,
        *,
        server: ServerAccess,
        log: Path,
        agent: AgentKind = "reference",
        fault: Fault | None = None,
        progress: Progress,
    ) -> None:
        script, self.agent_name = _SCRIPTS[agent] if fault is None else (_BROKEN, fault)
        self.log = log
        self.truth = log.with_suffix(".truth.jsonl")
        self._script = _HERE / script
        self._progress = progress
        self._environment = _agent_environment(os.environ) | {
            "LIVEKIT_URL": server.url,
            "LIVEKIT_API_KEY": server.api_key,
            "LIVEKIT_API_SECRET": server.api_secret,
            "FIXTURES_DIR": str(recordings.folder()),
            "SCRIPTED_AGENT_LOG": str(self.truth),
            "WORKER_FAULT": fault or "",
        }
        self._is_up = _says_that_it_ended if fault is Fault.WORKER_IMPORT_ERROR else _says_registered
        self._running = AsyncExitStack()

    async def __aenter__(self) -> Self:
        python = _python(await ensure_environment(self._progress))
        argv = (python, "-W", "ignore::DeprecationWarning", self._script, "start")
        async with AsyncExitStack() as starting:
            # livekit-agents leaves a folder behind at each start; its path is short, for sockets are made in it.
            folder = starting.enter_context(tempfile.TemporaryDirectory(prefix="agent-", ignore_cleanup_errors=True))
            environment = self._environment | {"TMPDIR": folder}
            self._program = await starting.enter_async_context(Program(argv, env=environment, log=self.log))
            await self._program.wait_for_line(self._is_up, timeout=_REGISTERED_WITHIN)
            self._running = starting.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._running.aclose()

    async def kill(self) -> None:
        """Let it die as in a crash, with its agents; entering it again starts another."""
        await self._program.kill()
        await self._running.aclose()


def _agent_environment(ours: Mapping[str, str]) -> dict[str, str]:
    """The least that a worker needs; a key for a hosted voice goes along only with the wish for that voice."""
    provider = ours.get("TTS_PROVIDER", "local")
    names = [*_PASSED_ON, "TTS_PROVIDER", _KEYS.get(provider, "")]
    return {name: ours[name] for name in names if name in ours} | _OFFLINE


def _says_that_it_ended(line: str) -> bool:
    return line.startswith("ModuleNotFoundError")


def _says_registered(line: str) -> bool:
    try:
        said = json.loads(line)
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("message") == "registered worker"
