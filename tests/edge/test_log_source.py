import json
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.core.causes import Cause
from prober.diagnosis import log_source
from prober.diagnosis.log_source import Lines, LogFile, LogPipe, Source


def crash(room: str) -> str:
    return (
        json.dumps({"message": "unhandled exception while running the job task", "room": room, "error": "E: no"}) + "\n"
    )


def told(source: Source, *rooms: str) -> list[bool]:
    return [(source.told_of(room, at=1.0)) is not None for room in rooms]


def append(path: Path, *rooms: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(map(crash, rooms)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent.log"


def test_a_file_is_read_as_it_grows(path: Path) -> None:
    append(path, "A")
    source = LogFile(path)
    assert told(source, "A", "B") == [True, False]
    append(path, "B")
    assert told(source, "A", "B") == [True, True]


def test_a_line_counts_once_it_is_whole(path: Path) -> None:
    path.write_text(crash("A")[:40])
    source = LogFile(path)
    assert told(source, "A") == [False]
    with path.open("a") as file:
        file.write(crash("A")[40:])
    assert told(source, "A") == [True]


def test_a_file_that_is_renamed_is_read_to_its_end_and_those_after_it_too(path: Path, tmp_path: Path) -> None:
    append(path, "A")
    source = LogFile(path)
    assert told(source, "A") == [True]

    append(path, "B")
    path.rename(tmp_path / "agent.log.2")
    append(path, "C")
    path.rename(tmp_path / "agent.log.1")
    append(path, "D")

    assert told(source, "A", "B", "C", "D") == [True] * 4
    append(path, "E")
    assert told(source, "E") == [True]


def test_files_of_before_and_compressed_ones_are_left_alone(path: Path, tmp_path: Path) -> None:
    old, packed = tmp_path / "agent.log.3", tmp_path / "agent.log.2.gz"
    append(old, "OLD")
    os.utime(old, (1, 1))
    append(path, "A")
    source = LogFile(path)
    assert told(source, "A") == [True]

    append(packed, "PACKED")
    path.rename(tmp_path / "agent.log.1")
    append(path, "B")

    assert told(source, "OLD", "PACKED", "B") == [False, False, True]


def test_a_file_that_is_renamed_and_not_yet_begun_anew_is_no_trouble(path: Path, tmp_path: Path) -> None:
    append(path, "A")
    source = LogFile(path)
    assert told(source, "A") == [True]
    path.rename(tmp_path / "agent.log.1")
    assert told(source, "B") == [False]
    append(path, "B")
    assert told(source, "B") == [True]


def test_a_file_that_is_emptied_is_read_from_its_beginning(path: Path) -> None:
    append(path, "A", "B")
    source = LogFile(path)
    assert told(source, "A") == [True]
    path.write_text(crash("C"))
    assert told(source, "C") == [True]


def test_of_a_long_log_its_end_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_source, "_BEFORE", 2 * len(crash("A")) + 5)
    monkeypatch.setattr(log_source, "_AT_ONCE", len(crash("A")) + 5)
    append(path, "A", "B", "C")
    source = LogFile(path)
    assert told(source, "A", "B", "C") == [False, True, True]
    append(path, "D", "E", "F")
    assert told(source, "D", "E", "F") == [False, False, True]


def test_a_file_that_is_not_there_can_come_later(path: Path) -> None:
    source = LogFile(path)
    with pytest.raises(FileNotFoundError):
        source.told_of("A", at=1.0)
    append(path, "A")
    assert told(source, "A") == [True]


def test_nobody_waits_for_long_behind_a_look_that_does_not_come_back(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, back = threading.Event(), threading.Event()

    class OnADiskThatHangs(LogFile):
        def _rotated(self) -> list[Path]:
            looking.set()
            back.wait()
            return []

    monkeypatch.setattr(log_source, "PATIENCE", 0.01)
    append(path, "A")
    source = OnADiskThatHangs(path)
    first = threading.Thread(target=source.told_of, args=("A",), kwargs={"at": 1.0})
    first.start()
    looking.wait()
    with pytest.raises(OSError, match="an earlier look at it has not come back"):
        source.told_of("A", at=1.0)
    back.set()
    first.join()
    assert told(source, "A") == [True]


def test_what_is_no_file_is_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(OSError, match="no regular file"):
        LogFile(path).told_of("A", at=1.0)


def test_a_pipe_that_is_none_is_at_its_end() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    source = LogPipe(reading)
    source.join()
    assert told(source, "A") == [False]


def test_a_log_comes_through_a_pipe() -> None:
    reading, writing = os.pipe()
    source = LogPipe(reading)
    os.write(writing, crash("A").encode())
    os.close(writing)
    source.join()
    os.close(reading)

    found = source.told_of("A", at=1.0)
    assert found is not None
    assert found.cause is Cause.JOB_CRASHED


@given(st.lists(st.binary(max_size=30)))
def test_how_a_stream_is_cut_does_not_matter(pieces: list[bytes]) -> None:
    whole, cut = Lines(), Lines()

    assert [line for piece in pieces for line in cut.feed(piece)] == list(whole.feed(b"".join(pieces)))


@given(st.lists(st.integers(1, 40), max_size=6), st.integers(1, 9))
def test_a_line_that_is_too_long_is_left_out_however_it_comes(lengths: list[int], size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_source, "_LONGEST", 20)
        stream = b"".join(b"x" * length + b"\n" for length in lengths)
        lines = Lines()
        got = [line for at in range(0, len(stream), size) for line in lines.feed(stream[at : at + size])]

    assert got == ["x" * length for length in lengths if length <= 20]
