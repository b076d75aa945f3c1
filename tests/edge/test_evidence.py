import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prober.sinks.evidence import SHELVES, Evidence, Limits, checked

WAV = b"RIFF" + bytes(96)


def contents(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


def drafted(evidence: Evidence, run_id: str) -> Path:
    place = evidence.draft(run_id)
    assert place is not None
    return place


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    made=st.lists(st.tuples(st.sampled_from(SHELVES), st.integers(1, 60), st.integers(0, 60)), max_size=15),
    size=st.integers(50, 300),
    runs=st.integers(1, 6),
)
def test_the_folder_never_outgrows_its_limits_and_the_newest_failures_stay(
    made: list[tuple[str, int, int]], size: int, runs: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("evidence")
    evidence, model = Evidence(folder, Limits(size=size, runs=runs)), list[tuple[int, int, int]]()
    for number, (outcome, record, sound) in enumerate(made):
        recording = drafted(evidence, f"{number:016x}")
        recording.write_bytes(bytes(sound))
        kept = evidence.keep(f"{number:016x}", outcome, bytes(record), recording)
        assert kept == (record + sound <= size)
        found = evidence.document(f"{number:016x}")
        if found is not None:
            os.utime(found, ns=(number, number))  # the order of time, where the clock is coarse
        while kept and (sum(one[2] for one in model) + record + sound > size or len(model) + 1 > runs):
            model.remove(min(model))
        model += [(SHELVES.index(outcome), number, record + sound)] if kept else []
        assert {file.stem for file in contents(folder)} == {f"{one[1]:016x}" for one in model}
        assert sum(file.stat().st_size for file in contents(folder)) <= size


@pytest.mark.parametrize("run_id", ["", "../../etc", "0123456789abcde", "0123456789ABCDEF", "0123456789abcde\n"])
def test_no_path_is_made_of_anything_but_a_run_id(run_id: str, tmp_path: Path) -> None:
    evidence = Evidence(tmp_path / "evidence", Limits())
    for asked in (checked, evidence.draft, evidence.document, evidence.recording):
        with pytest.raises(ValueError, match="a run id has 16 digits"):
            asked(run_id)
    with pytest.raises(ValueError, match="a run id has 16 digits"):
        evidence.keep(run_id, "fail", b"{}", None)
    assert not contents(tmp_path)


def test_only_we_may_look(tmp_path: Path) -> None:
    Evidence(tmp_path / "evidence", Limits()).keep("0123456789abcdef", "fail", b"{}", None)
    for folder in (tmp_path / "evidence", tmp_path / "evidence" / "fail"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_recording_from_another_file_system_comes_whole(tmp_path: Path) -> None:
    other = Path("/dev/shm")  # noqa: S108 - a file system of its own on Linux
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.fail("this machine has no second file system to test with")
    recording = other / f"livekit-prober-{os.getpid()}.wav"
    recording.write_bytes(WAV)
    evidence = Evidence(tmp_path / "evidence", Limits())
    assert evidence.keep("0123456789abcdef", "fail", b"{}", recording)
    found = evidence.recording("0123456789abcdef")
    assert found is not None
    assert found.read_bytes() == WAV
    assert not recording.exists()


def test_what_cannot_be_kept_leaves_nothing(tmp_path: Path) -> None:
    evidence = Evidence(tmp_path / "evidence", Limits())
    (tmp_path / "evidence" / "fail" / "0123456789abcdef.json").mkdir(parents=True)
    recording = drafted(evidence, "0123456789abcdef")
    recording.write_bytes(WAV)
    with pytest.raises(OSError, match="directory"):
        evidence.keep("0123456789abcdef", "fail", b"{}", recording)
    assert not contents(tmp_path)


def test_halves_of_an_earlier_process_are_swept_away(tmp_path: Path) -> None:
    evidence = Evidence(tmp_path / "evidence", Limits())
    assert evidence.keep("0123456789abcdef", "fail", b"{}", None)
    drafted(evidence, "00000000000000aa").write_bytes(WAV)
    (tmp_path / "evidence" / "fail" / "00000000000000bb.wav").write_bytes(WAV)
    (tmp_path / "evidence" / "fail" / ".00000000000000cc.json.77").write_bytes(b"{")
    evidence.sweep()
    assert [file.name for file in contents(tmp_path)] == ["0123456789abcdef.json"]


def test_no_recording_begins_while_too_much_waits(tmp_path: Path) -> None:
    evidence = Evidence(tmp_path / "evidence", Limits(waiting=2 * len(WAV)))
    first, second = (drafted(evidence, f"{number:016x}") for number in range(2))
    first.write_bytes(WAV)
    second.write_bytes(WAV)
    assert evidence.draft("0123456789abcdef") is None
    assert evidence.keep(first.stem, "fail", b"{}", first)
    assert evidence.draft("0123456789abcdef") is not None
