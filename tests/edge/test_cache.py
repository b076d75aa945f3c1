import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from prober.refstack.cache import Progress, install, output_of, run_tool
from prober.refstack.process import StackError
from prober.refstack.server_binary import ensure_server
from prober.refstack.trial_app.livekit_client import ensure_client
from prober.refstack.worker import ensure_environment


def quiet(_: str) -> None:
    pass


async def test_two_at_a_time_install_once(tmp_path: Path) -> None:
    builds, told = 0, list[str]()
    go_on = asyncio.Event()

    async def build(work: Path, _log: Path) -> Path:
        nonlocal builds
        builds += 1
        await go_on.wait()
        made = work / "made"
        made.write_text("whole")
        return made

    def tell(line: str) -> None:
        told.append(line)
        go_on.set()

    target = tmp_path / "deep" / "tool"
    await asyncio.gather(install(target, build, tell), install(target, build, tell))
    assert target.read_text() == "whole"
    assert builds == 1
    assert told == ["Another process is preparing tool; waiting for it …"]
    assert [path.name for path in target.parent.iterdir() if not path.name.endswith(".lock")] == ["tool"]


async def test_a_failed_build_leaves_nothing_but_its_log(tmp_path: Path) -> None:
    async def build(work: Path, log: Path) -> Path:
        argv = [sys.executable, "-c", "import sys; sys.exit('no network')"]
        await run_tool("Building a thing", argv, log=log, progress=quiet)
        return work

    with pytest.raises(StackError, match=r"(?s)Building a thing failed: .* exit status 1.*no network"):
        await install(tmp_path / "thing", build, quiet)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".thing.lock", "thing.log"]


async def test_what_a_killed_build_left_goes_away(tmp_path: Path) -> None:
    left = tmp_path / ".thing.work-dead"
    left.mkdir()

    async def build(work: Path, _log: Path) -> Path:
        assert not left.exists()
        (work / "thing").touch()
        return work / "thing"

    await install(tmp_path / "thing", build, quiet)
    assert (tmp_path / "thing").exists()


async def test_what_is_no_longer_usable_is_made_again(tmp_path: Path) -> None:
    def usable(folder: Path) -> bool:
        return (folder / "python").exists()

    async def build(work: Path, _log: Path) -> Path:
        made = work / "made"
        made.mkdir()
        (made / "python").touch()
        return made

    target = tmp_path / "environment"
    target.mkdir()
    (target / "python").symlink_to(tmp_path / "gone")
    await install(target, build, quiet, usable=usable)
    assert usable(target)
    assert not (target / "python").is_symlink()


async def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    async def build(work: Path, _log: Path) -> Path:
        return work

    with pytest.raises(StackError, match="cannot be written"):
        await install(tmp_path / "file" / "thing", build, quiet)


SECRET = "LIVEKIT_API_KEY LIVEKIT_API_SECRET LIVEKIT_PROBER_TOKEN AWS_SECRET_ACCESS_KEY GOOGLE_API_KEY UV_PUBLISH_TOKEN"
NEEDED = "HTTPS_PROXY no_proxy UV_INDEX_URL PIP_INDEX_URL UV_CACHE_DIR GOPROXY npm_config_registry SSL_CERT_FILE"


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRET.split():
        monkeypatch.setenv(name, "s3cret")
    for name in NEEDED.split():
        monkeypatch.setenv(name, "needed")


def assert_fit(told: str) -> None:
    """That this environment is fit for a tool."""
    assert "s3cret" not in told
    assert [name for name in NEEDED.split() if f"{name}=needed\n" not in told] == []


@pytest.mark.usefixtures("variables")
async def test_a_tool_learns_the_ways_out_and_no_secret(tmp_path: Path) -> None:
    await run_tool("Asking", ["env"], log=tmp_path / "log", progress=quiet)
    assert_fit((tmp_path / "log").read_text())
    assert_fit(await output_of(["env"]))


@pytest.mark.usefixtures("variables")
@pytest.mark.parametrize(
    ("name", "ensure"), [("uv", ensure_environment), ("npm", ensure_client), ("go", ensure_server)]
)
async def test_what_fetches_and_builds_the_stack_learns_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, ensure: Callable[[Progress], Awaitable[Path]]
) -> None:
    seen = tmp_path / "seen"
    (tmp_path / name).write_text(f'#!/bin/sh\n[ "$1" = version ] && echo go1.99 && exit\nenv > "{seen}"\nexit 1\n')
    (tmp_path / name).chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(StackError, match=f"{name} ended with exit status 1"):
        await ensure(quiet)
    assert_fit(seen.read_text())
