import asyncio
import sys
from pathlib import Path

import pytest

from prober.refstack.cache import install, run_tool
from prober.refstack.process import StackError


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
