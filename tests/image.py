"""The image of the Dockerfile, built and run by a real Docker, with no registry: `make image` says what is in it.

Where no Docker answers, one of our own is started while it is needed; what it has built stays in the user's cache. It
has a base of our own too, made from Debian's packages.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from prober import __version__
from prober.refstack.cache import cache_directory
from prober.refstack.process import Program
from tests.stack.published import publish, table

ROOT = Path(__file__).parents[1]
CLIENT = "/usr/bin/docker"
"""Debian's and Docker's own: they build with BuildKit by themselves, which not every client on PATH does."""
IMAGE = "livekit-prober:here"
SCRIPT = ROOT / "tests" / "base_image.sh"
BASE = f"livekit-prober-base:{hashlib.sha256(SCRIPT.read_bytes()).hexdigest()[:12]}"
MOST = 220_000_000
"""Bytes that our own layers may have."""
HARDENED = (
    *("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"),
    *("--memory=512m", "--pids-limit=512"),
)
"""As the image is to be run. Docker's own seccomp profile is in force unless it is switched off."""
STARTS_WITHIN = 60.0


class DockerError(Exception):
    """A command of Docker's failed; the text is what it said."""


class NoDockerError(DockerError):
    """There is no Docker, and none can be started."""


class Docker:
    """A Docker that answers at `host`, the default one where that is None."""

    def __init__(self, host: str | None) -> None:
        self.ours = host is not None
        self.client = (CLIENT,) if host is None else (CLIENT, "--host", host)
        self.environment = {**os.environ, "DOCKER_BUILDKIT": "1"} | ({} if host is None else {"DOCKER_HOST": host})

    async def __call__(self, *arguments: str | Path, stdin: int | None = None) -> str:
        """What this command prints. Raises DockerError."""
        return await _output(*self.client, *arguments, env=self.environment, stdin=stdin)

    async def inspect(self, what: str) -> dict[str, Any]:
        """What Docker knows of an image or a container."""
        (found,) = json.loads(await self("inspect", what))
        return dict(found)


@contextlib.asynccontextmanager
async def docker() -> AsyncIterator[Docker]:
    """The Docker that answers, or else one of our own. It needs root, Debian's docker.io and mmdebstrap."""
    theirs = Docker(None)
    with contextlib.suppress(DockerError):
        await theirs("info")
        yield theirs
        return
    if os.geteuid() != 0 or None in map(shutil.which, (CLIENT, "dockerd", "mmdebstrap")):
        raise NoDockerError("No Docker answers. One of our own takes root, and Debian's docker.io and mmdebstrap.")
    cache = cache_directory() / "docker"
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="docker-") as folder, (cache / "lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)  # what it has built can be one engine's at a time
        async with _engine(Path(folder), cache / "data") as host:
            yield Docker(host)


@contextlib.asynccontextmanager
async def _engine(folder: Path, data: Path) -> AsyncIterator[str]:
    host, run = f"unix://{folder}/socket", folder / "run"
    places = ("--host", host, "--data-root", data, "--exec-root", run, "--pidfile", folder / "pid")
    quiet = ("--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=overlay2")
    program = Program(("dockerd", *places, *quiet), env=None, log=folder / "log", grace=20)
    try:
        async with program:
            await program.wait_for_line(lambda line: "API listen on" in line, STARTS_WITHIN)
            yield host
    finally:
        if (network := run / "netns" / "default").exists():  # a mount that it leaves to us
            await _output("umount", network)


async def build(engine: Docker) -> None:
    """Build the image from this work tree, with what is in the cache."""
    base = []
    if engine.ours:
        await _base(engine)
        base = ["--build-arg", f"BASE={BASE}"]
    revision = (await _output("git", "-C", ROOT, "rev-parse", "HEAD")).strip()
    labels = ("--build-arg", f"VERSION={__version__}", "--build-arg", f"REVISION={revision}")
    await engine("build", "--quiet", "--network=host", *base, *labels, "--tag", IMAGE, ROOT)
    if engine.ours:
        await engine("image", "prune", "--force")
        await engine("builder", "prune", "--force", "--keep-storage", "2GB")


async def layers(engine: Docker) -> tuple[int, int]:
    """Bytes of the base, and of what we put on it."""
    listed = await engine("history", "--no-trunc", "--human=false", "--format", "{{.Size}} {{.CreatedBy}}", IMAGE)
    newest_first = [line.partition(" ") for line in listed.splitlines()]
    ours = 1 + next(index for index, (_, _, made_by) in enumerate(newest_first) if "find / -xdev" in made_by)
    sizes = [int(size) for size, _, _ in newest_first]
    return sum(sizes[ours:]), sum(sizes[:ours])


async def bill_of_materials(engine: Docker, file: Path) -> list[Mapping[str, Any]]:
    """What the image consists of, as a scanner finds it there: written to this file, CycloneDX as JSON."""
    syft = Path(sys.executable).with_name("syft")
    quiet = {**engine.environment, "SYFT_CHECK_FOR_APP_UPDATE": "false"}
    await _output(syft, "scan", f"docker:{IMAGE}", "--quiet", "--output", f"cyclonedx-json={file}", env=quiet)
    listed = json.loads(file.read_text(encoding="utf-8"))["components"]
    return [component for component in listed if component["type"] == "library"]


async def _base(engine: Docker) -> None:
    """Make the base, unless it is there."""
    with contextlib.suppress(DockerError):
        await engine.inspect(BASE)
        return
    with tempfile.TemporaryFile() as made:
        await _output(SCRIPT, stdout=made.fileno())
        made.seek(0)
        certificates = (
            "ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt"
        )
        await engine("import", "--change", certificates, "-", BASE, stdin=made.fileno())


async def _output(
    *argv: str | Path, env: Mapping[str, str] | None = None, stdin: int | None = None, stdout: int | None = None
) -> str:
    try:
        program = await asyncio.create_subprocess_exec(
            *argv,
            env=env,
            stdin=asyncio.subprocess.DEVNULL if stdin is None else stdin,
            stdout=asyncio.subprocess.PIPE if stdout is None else stdout,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise DockerError(f"{argv[0]} is not installed.") from error
    said, errors = await program.communicate()
    if program.returncode != 0:
        raise DockerError(f"{Path(argv[0]).name} ended with {program.returncode}: {errors.decode(errors='replace')}")
    return (said or b"").decode()


async def main() -> None:
    """Build it, list what is in it, and say both in the document about it."""
    bill = ROOT / "build" / "sbom.cdx.json"
    bill.parent.mkdir(exist_ok=True)
    async with docker() as engine:
        await build(engine)
        base, own = await layers(engine)
        found = await bill_of_materials(engine, bill)
    packages = {kind: sum(part["purl"].startswith(f"pkg:{kind}/") for part in found) for kind in ("pypi", "deb")}
    rows = [
        ("base", f"{base / 1e6:.0f} MB", f"{packages['deb']} of Debian"),
        ("own layers", f"{own / 1e6:.0f} MB", f"{packages['pypi']} of Python"),
    ]
    shown = table(("part", "size", "packages"), rows)
    publish(ROOT / "docs" / "container.md", "make image", shown)
    print(f"{IMAGE} is built; what is in it is listed in {bill.relative_to(ROOT)}.\n{shown}", end="")


if __name__ == "__main__":
    asyncio.run(main())
