"""The wheel alone, as somebody installs it: an empty environment, an empty folder, no repository in sight."""

import asyncio
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from prober import __version__, recordings
from prober.core.plan import Scenario
from prober.refstack.stack import ReferenceStack

ROOT = Path(__file__).parents[2]
RUNNING = ".".join(platform.python_version_tuple()[:2])
OTHERS = sorted({"3.11", "3.13"} - {RUNNING})
SECONDS = 120
BARE = {"PATH": "/usr/bin:/bin", "HOME": str(Path.home())}

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


def interpreter(version: str) -> str | None:
    """A Python of this version: the running one, one on PATH, or one of pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    on_path = shutil.which(f"python{version}")
    candidates = [
        *([sys.executable] if version == RUNNING else []),
        *([on_path] if on_path is not None else []),
        *map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python"))),
    ]
    for candidate in candidates:
        # Asked, since pyenv has shims for versions that are not switched on.
        asked = [candidate, "-c", "import platform; print(platform.python_version())"]
        if subprocess.run(asked, capture_output=True, text=True, check=False).stdout.startswith(f"{version}."):
            return candidate
    return None


async def output(*argv: str | Path, folder: Path, env: Mapping[str, str] = BARE) -> str:
    """What a program prints that is started in this folder; nothing of ours is in its environment."""
    program = await asyncio.create_subprocess_exec(
        *argv,
        cwd=folder,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(SECONDS):
            said, errors = await program.communicate()
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    assert program.returncode == 0, f"{said.decode()}\n{errors.decode()}"
    return said.decode()


async def installed(python: str, folder: Path) -> Path:
    """The programs of a new environment that holds the wheel, and what the lock says that it needs."""
    uv = shutil.which("uv", path=os.pathsep.join((os.environ["PATH"], str(ROOT / ".tools" / "bin"))))
    assert uv is not None, "make setup puts uv into .tools"
    await output(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, folder=ROOT)
    packages = partial(output, uv, folder=folder, env=os.environ)  # as `make` would: with its caches and certificates
    environment = folder / "environment"
    into = ("--quiet", "--python", environment / "bin" / "python")
    await packages("venv", "--quiet", "--no-project", "--python", python, environment)
    lock = ROOT / "requirements" / "prober.txt"
    await packages("pip", "sync", *into, "--require-hashes", lock)
    # With its dependencies, and without an index: the lock must hold all that the wheel's own metadata asks for.
    await packages("pip", "install", *into, "--no-index", *folder.glob("*.whl"))
    return environment / "bin"


async def use(version: str, python: str, stack: ReferenceStack, folder: Path) -> None:
    """Install it and do with it what a newcomer does."""
    programs = await installed(python, folder)
    prober, empty = programs / "livekit-prober", folder / "empty"
    empty.mkdir()

    where = await output(programs / "python", "-c", "import prober; print(prober.__file__)", folder=empty)
    assert Path(where.strip()).is_relative_to(folder / "environment")
    versions = await output(prober, "--version", folder=empty)
    assert versions.startswith(f"livekit-prober {__version__}\npython {version}.")
    listed = await output(prober, "fixtures", "list", folder=empty)
    assert all(name in listed for name in recordings.ids())
    assert "1 heard, 0 unfit" in await output(prober, "fixtures", "check", "en-hours", folder=empty)
    schema = await output(prober, "replay", "--schema", folder=empty)
    assert json.loads(schema) == json.loads((ROOT / "docs" / "run-record.schema.json").read_text())

    run = (prober, "run", "--trial-url", stack.trial_url, "--greeting", "expected", "--json", "-")
    record = json.loads(await output(*run, folder=empty))
    assert (record["outcome"], record["scenario"]) == ("pass", Scenario.CONVERSATION)
    assert len(record["measurements"]["responses"]) == 1
    assert list(empty.iterdir()) == []


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def used(stack: ReferenceStack, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, BaseException | None]:
    """What went wrong with each Python that is there. They are used at once: most of it is waiting."""
    there = {version: python for version in (RUNNING, *OTHERS) if (python := interpreter(version)) is not None}
    uses = (use(version, python, stack, tmp_path_factory.mktemp("wheel")) for version, python in there.items())
    return dict(zip(there, await asyncio.gather(*uses, return_exceptions=True), strict=True))


@pytest.mark.parametrize("version", [RUNNING, *(pytest.param(one, marks=pytest.mark.system) for one in OTHERS)])
async def test_the_wheel_alone_makes_a_run(version: str, used: Mapping[str, BaseException | None]) -> None:
    if version not in used and version != RUNNING:
        pytest.skip(f"there is no Python {version}, neither on PATH nor among pyenv's versions")
    if (wrong := used[version]) is not None:
        raise wrong
