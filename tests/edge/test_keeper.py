import logging
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from prober.core.plan import Scenario
from prober.sinks import history as history_module
from prober.sinks.entries import Query
from prober.sinks.evidence import Evidence, Limits
from prober.sinks.history import reading, writing
from prober.sinks.keeper import Keeper, State
from prober.sinks.retention import Keep, Retention
from prober.watch.cadence import Key
from prober.watch.kept import Kept
from prober.watch.restoring import restore
from tests.edge.kept_runs import FAIL, PASS, run, runs
from tests.edge.test_evidence import drafted

SOON = 20.0


def ids(path: Path) -> list[str]:
    with reading(path) as history:
        return [entry.run_id for entry in history.runs(Query())][::-1]


def idle(state: State) -> bool:
    return state.waiting == 0


def in_trouble(state: State) -> bool:
    return state.trouble is not None


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "PATIENCE", 0.05)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def keeper(path: Path) -> Iterator[Keeper]:
    made = Keeper(path, retry=0.02)
    yield made
    made.close(SOON)


def test_runs_are_written_in_their_order(keeper: Keeper, path: Path) -> None:
    made = list(runs("ppf?p"))
    for record in made:
        keeper.publish(record)
    assert keeper.wait_for(idle, SOON)
    assert ids(path) == [record.run_id for record in made]
    assert keeper.state == State(written=5)


def test_closing_writes_what_waits(path: Path) -> None:
    keeper, made = Keeper(path), list(runs("pf" * 20))
    for record in made:
        keeper.publish(record)
    keeper.close(SOON)
    assert ids(path) == [record.run_id for record in made]


def test_a_lock_delays_and_loses_nothing(keeper: Keeper, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, *others = runs("pppp")
    keeper.publish(first)
    assert keeper.wait_for(idle, SOON)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    for record in others:
        keeper.publish(record)
    assert keeper.wait_for(lambda state: state.failures >= 3, SOON)
    assert "database is locked" in (keeper.state.trouble or "")
    assert (keeper.state.written, keeper.state.waiting) == (1, 3)
    holder.execute("ROLLBACK")
    holder.close()
    assert keeper.wait_for(idle, SOON)
    assert ids(path) == [record.run_id for record in (first, *others)]
    assert (keeper.state.lost, keeper.state.trouble) == (0, None)
    told = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert told == ["history.failed", "history.recovered"]  # not one line for each attempt


def test_too_many_that_wait_are_lost_and_counted(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.mkdir()  # no file can be there
    keeper, made = Keeper(path, retry=60, room=3), list(runs("ppppp"))
    for record in made:
        keeper.publish(record)
    assert (keeper.state.waiting, keeper.state.lost) == (3, 2)
    assert keeper.wait_for(in_trouble, SOON)
    keeper.close(SOON)
    assert (keeper.state.written, keeper.state.lost) == (0, 5)
    lost = [getattr(record, "run_id", None) for record in caplog.records if record.message == "history.lost"]
    assert sorted(str(run_id) for run_id in lost) == sorted(record.run_id for record in made)


def test_a_place_that_comes_later_is_taken_then(tmp_path: Path) -> None:
    folder = tmp_path / "mount"
    folder.touch()
    keeper, record = Keeper(folder / "history.db", retry=0.02), run()
    keeper.publish(record)
    assert keeper.wait_for(in_trouble, SOON)
    folder.unlink()
    assert keeper.wait_for(idle, SOON)
    assert ids(folder / "history.db") == [record.run_id]
    keeper.close(SOON)


def test_a_file_that_was_removed_is_made_again(keeper: Keeper, path: Path) -> None:
    keeper.publish(run())
    assert keeper.wait_for(idle, SOON)
    for file in path.parent.iterdir():
        file.unlink()
    later = run()
    keeper.publish(later)
    assert keeper.wait_for(idle, SOON)
    assert ids(path) == [later.run_id]


def test_a_record_that_cannot_be_told_spoils_no_other(keeper: Keeper, path: Path) -> None:
    keeper.publish(msgspec.structs.replace(run(), started_at="some day"))
    good = run()
    keeper.publish(good)
    assert keeper.wait_for(idle, SOON)
    assert ids(path) == [good.run_id]
    assert keeper.state.lost == 1


def test_what_is_over_its_time_goes_while_runs_come(path: Path) -> None:
    keeper = Keeper(path, retention=Retention(others=Keep(days=30, count=2), failures=Keep(days=30, count=50)))
    made = list(runs("ffpppp"))
    for record in made:
        keeper.publish(record)
    keeper.close(SOON)
    assert ids(path) == [record.run_id for record in (*made[:2], *made[-2:])]


def test_evidence_is_kept_of_runs_that_failed(tmp_path: Path, path: Path) -> None:
    evidence = Evidence(tmp_path / "evidence", Limits(size=20_000, runs=10))
    keeper = Keeper(path, evidence)
    passed, failed, silent, huge = run(PASS), run(FAIL), run(FAIL), run(FAIL)
    heard = drafted(evidence, failed.run_id)
    heard.write_bytes(b"RIFF")
    much = drafted(evidence, huge.run_id)
    much.write_bytes(bytes(30_000))
    keeper.publish(passed)
    keeper.publish(failed, heard)
    keeper.publish(silent)
    keeper.publish(huge, much)
    keeper.close(SOON)
    assert evidence.document(passed.run_id) is None
    wav, json = evidence.recording(failed.run_id), evidence.document(failed.run_id)
    assert wav is not None
    assert json is not None
    assert wav.read_bytes() == b"RIFF"
    assert msgspec.json.decode(json.read_bytes(), type=type(failed)) == failed
    assert evidence.document(silent.run_id) is not None
    assert evidence.document(huge.run_id) is None
    assert not heard.exists()
    assert not much.exists()
    assert (keeper.state.written, keeper.state.evidence_failures) == (4, 1)


def test_a_run_that_may_not_record_is_told(tmp_path: Path, keeper: Keeper, caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept(keeper, Evidence(tmp_path / "evidence", Limits(waiting=0)))
    assert kept.draft("0123456789abcdef") is None
    assert [record.message for record in caplog.records] == ["evidence.waiting"]


def test_no_recording_outlasts_its_run(tmp_path: Path, path: Path) -> None:
    evidence = Evidence(tmp_path / "evidence", Limits())
    unwritable, unkept = msgspec.structs.replace(run(), started_at="some day"), run(FAIL)
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "fail").touch()  # no folder can be there
    keeper = Keeper(path, evidence)
    for record in (unwritable, unkept):
        heard = drafted(evidence, record.run_id)
        heard.write_bytes(b"RIFF")
        keeper.publish(record, heard)
    keeper.close(SOON)
    assert (keeper.state.written, keeper.state.lost, keeper.state.evidence_failures) == (1, 1, 1)
    full = Keeper(path, evidence, room=0)
    heard = drafted(evidence, "0123456789abcdef")
    heard.write_bytes(b"RIFF")
    full.publish(unkept, heard)
    full.close(SOON)
    assert full.state.lost == 1
    assert not list((tmp_path / "evidence" / "drafts").iterdir())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "livekit-prober-test", str(disk)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Take every byte that is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                pass
    return filler


@pytest.mark.system
@pytest.mark.parametrize("full_at_first", [True, False], ids=["from_the_start", "in_between"])
def test_a_full_disk_delays_and_loses_nothing(
    small_disk: Path, full_at_first: bool, caplog: pytest.LogCaptureFixture
) -> None:
    path, made = small_disk / "history.db", list(runs("pppfffppp"))
    evidence = Evidence(small_disk / "evidence", Limits())
    before, after = (made[:0], made) if full_at_first else (made[:3], made[3:])
    keeper = Keeper(path, evidence, retry=0.02)
    for record in before:
        keeper.publish(record)
    assert keeper.wait_for(idle, SOON)
    filler = fill(small_disk)
    for record in after:
        keeper.publish(record)
    assert keeper.wait_for(lambda state: state.failures >= 3, SOON)
    assert "full" in (keeper.state.trouble or "") or "unable to open" in (keeper.state.trouble or "")
    filler.unlink()
    assert keeper.wait_for(idle, SOON)
    keeper.close(SOON)
    assert ids(path) == [record.run_id for record in made]
    assert (keeper.state.written, keeper.state.lost, keeper.state.trouble) == (9, 0, None)
    assert [record.message for record in caplog.records][-1] == "history.recovered"
    with writing(path) as history:
        assert history._connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.system
@pytest.mark.parametrize("killed", [False, True], ids=["ended", "killed"])
def test_a_start_on_a_full_disk_still_knows_the_outage(small_disk: Path, killed: bool) -> None:
    path, key = small_disk / "history.db", Key("shop", Scenario.JOIN)
    with writing(path) as history:
        for record in runs("ff"):
            history.record(record)
        if killed:
            folder = small_disk / "killed"
            folder.mkdir()
            for file in small_disk.glob("history.db*"):
                shutil.copy(file, folder)
            path = folder / "history.db"
    fill(small_disk)
    restored = restore(path, [key], [], 1_700_000_000.0)
    assert restored.trouble is None
    assert restored.failures == {key: 2}
