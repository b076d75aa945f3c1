"""The browser's livekit-client library, fetched from npm into the user's cache: one version, known by its hash."""

import base64
import hashlib
import os
import shutil
import tarfile
from pathlib import Path

from prober.refstack.cache import Progress, cache_directory, for_tools, install, program_from_wheel, run_tool
from prober.refstack.process import StackError

VERSION = "2.23.0"
_INTEGRITY = "sha512-j9Kg86nJjBjNFUD+ukp2jwMCGa0k+YD5gU//RzAM+ZY3pbG631QCte7fQjwqWMmtBzhDJL9nKYuOLMv/9IbAxg=="
_MEMBER = "package/dist/livekit-client.umd.js"
_NODE_LOCK = Path(__file__).parents[1] / "node-requirements.txt"


def cached_client() -> Path:
    """Where the library is kept; it need not exist."""
    return cache_directory() / f"livekit-client-{VERSION}.umd.js"


async def ensure_client(progress: Progress) -> Path:
    """Return the library's file, after fetching it where it is missing."""
    if not cached_client().exists():
        await install(cached_client(), lambda work, log: _fetch(work, log, progress), progress)
    return cached_client()


async def _fetch(work: Path, log: Path, progress: Progress) -> Path:
    found = shutil.which("npm")
    environment = for_tools()
    if found is None:
        npm = await program_from_wheel("npm", _NODE_LOCK, work=work, log=log, progress=progress)
        environment["PATH"] = f"{npm.parent}{os.pathsep}{environment.get('PATH', os.defpath)}"  # npm starts `node`
    else:
        npm = Path(found)
    await run_tool(
        f"Fetching livekit-client {VERSION}",
        [npm, "pack", f"livekit-client@{VERSION}", "--ignore-scripts", "--pack-destination", work],
        log=log,
        progress=progress,
        env=environment,
    )
    return _unpack(work / f"livekit-client-{VERSION}.tgz", work / "client.js")


def _unpack(archive: Path, target: Path) -> Path:
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != _INTEGRITY:
        raise StackError(f"livekit-client {VERSION} from npm is not the expected file: its hash is sha512-{digest}.")
    with tarfile.open(archive) as contents:
        member = contents.extractfile(_MEMBER)
        if member is None:
            raise StackError(f"livekit-client {VERSION} from npm has no file {_MEMBER}.")
        target.write_bytes(member.read())
    return target
