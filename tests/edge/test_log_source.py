import gzip
import json
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.core.causes import Cause
from prober.core.events import AgentLogged
from prober.diagnosis import log_source
from prober.diagnosis.log_source import Lines, LogFile, LogPipe, Source


def crash(room: str) -> str:
    return (
        json.dumps({"message": "unhandled exception while running the job task", "room": room, "error": "E: no"}) + "\n"
    )


def told(source: Source, *rooms: str) -> list[bool]:
    return [isinstance(source.told_of(room, at=1.0), AgentLogged) for room in rooms]


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


def test_of_many_rotated_files_the_newest_are_looked_at_one_after_another(path: Path, tmp_path: Path) -> None:
    for number in range(2, 300):
        old = tmp_path / f"agent.log.{number}"
        old.write_text(f"{number}\n")
        os.utime(old, (1000 - number, 1000 - number))
    append(path, "A")
    source = LogFile(path)
    assert told(source, "A") == [True]

    path.rename(tmp_path / "agent.log.1")
    append(tmp_path / "agent.log.1", "B")
    append(path, "C")
    append(old, "OLDEST")
    os.utime(old, (1, 1))

    free = os.dup(0)
    os.close(free)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 4, hard))
    try:
        found = told(source, "B", "C", "OLDEST")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found == [True, True, False]


def test_a_file_that_is_rotated_while_it_is_read_is_read_the_next_time(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(path, "A")
    source = LogFile(path)
    assert told(source, "A") == [True]
    append(path, "B")
    look = log_source._look

    def look_and_rotate(looked_at: Path) -> list[log_source._Seen]:
        seen = list(look(looked_at))
        path.rename(tmp_path / "agent.log.1")
        append(path, "C")
        return seen

    with monkeypatch.context() as patch:
        patch.setattr(log_source, "_look", look_and_rotate)
        with pytest.raises(TimeoutError, match="still being read"):
            source.told_of("B", at=1.0)
    assert told(source, "A", "B", "C") == [True] * 3


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
    append(path, "A", "B", "C")
    source = LogFile(path)
    assert told(source, "A", "B", "C") == [False, True, True]
    monkeypatch.setattr(log_source, "_AT_ONCE", len(crash("A")) + 5)
    append(path, "D", "E", "F")
    assert told(source, "D", "E", "F") == [False, False, True]


@pytest.mark.parametrize(("lines", "before", "known"), [(0, None, True), (99, None, False), (0, "agent.log.1", False)])
def test_whose_job_an_exception_was_is_known_where_a_log_is_read_from_its_beginning(
    path: Path, lines: int, before: str | None, *, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_source, "_BEFORE", 2 * len(TAKEN + LATER))
    path.write_text("x\n" * 99 * lines + TAKEN + LATER)
    if before is not None:
        path.with_name(before).write_text("x\n")

    assert told(LogFile(path), "OPEN") == [known]


def test_so_it_is_of_one_that_comes_later(path: Path) -> None:
    source = LogFile(path)
    assert source.begin() == 0
    path.write_text(TAKEN + LATER)

    assert told(source, "OPEN") == [True]


def test_a_file_that_is_not_there_can_come_later(path: Path) -> None:
    source = LogFile(path)
    with pytest.raises(FileNotFoundError):
        source.told_of("A", at=1.0)
    append(path, "A")
    assert told(source, "A") == [True]


def test_what_was_written_before_a_run_is_not_told_of_it(path: Path) -> None:
    append(path, "A")
    source = LogFile(path)
    begun = source.begin()
    append(path, "B")

    assert not isinstance(source.told_of("A", at=1.0, since=begun), AgentLogged)
    assert isinstance(source.told_of("B", at=1.0, since=begun), AgentLogged)


def test_a_run_may_begin_before_its_log(path: Path) -> None:
    source = LogFile(path)
    begun = source.begin()
    append(path, "A")

    assert isinstance(source.told_of("A", at=1.0, since=begun), AgentLogged)


FULL = '{"message": "worker is at full capacity, marking as unavailable"}\n'
TAKEN = '{"message": "received job request", "room": "OPEN"}\n'
LATER = json.dumps({"message": "unhandled exception while running the job task"}) + "\n"
"""A job is open; the worker is full; and an exception of nobody's."""


@pytest.fixture
def full(path: Path) -> LogFile:
    """The log of a worker that was full when it was read last."""
    path.write_text(TAKEN + FULL)
    source = LogFile(path)
    assert told(source, "any", "OPEN") == [True, False]
    return source


def compress(path: Path) -> None:
    path.with_name("agent.log.1.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    path.write_text("x\n")


def empty(path: Path) -> None:
    os.truncate(path, 0)


def empty_and_fill(path: Path) -> None:
    length = path.stat().st_size
    os.truncate(path, 0)
    path.write_text("x\n" * length)


def replace(path: Path) -> None:
    path.unlink()
    path.write_text("x\n" * 200)


@pytest.mark.parametrize("lose", [compress, empty, empty_and_fill, replace])
def test_after_what_was_not_read_nobody_knows_how_the_worker_is(
    full: LogFile, path: Path, lose: Callable[[Path], None]
) -> None:
    lose(path)
    with path.open("a") as file:
        file.write(LATER)
    assert told(full, "any", "OPEN") == [False, False]


def test_nor_where_a_file_has_grown_by_too_much(full: LogFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_source, "_AT_ONCE", len(LATER) + 10)
    with path.open("a") as file:
        file.write("x" * 20 + "\n" + LATER)
    assert told(full, "any", "OPEN") == [False, False]


def test_a_file_that_is_gone_is_told_and_forgotten(full: LogFile, path: Path) -> None:
    path.unlink()
    with pytest.raises(FileNotFoundError, match="No such file"):
        full.told_of("any", at=1.0)
    path.write_text(LATER)
    assert told(full, "any", "OPEN") == [False, False]


def test_a_file_that_is_copied_and_emptied_is_read_to_its_end_and_not_again(
    full: LogFile, path: Path, tmp_path: Path
) -> None:
    begun = full.begin()
    append(path, "A")
    shutil.copy(path, tmp_path / "agent.log.1")
    empty(path)
    append(path, *"B" * 9)

    assert told(full, "A", "B", "any") == [True, True, True]
    lines = full.begin()
    assert lines == begun + 10
    append(tmp_path / "agent.log.1", "C")  # nothing is added to a copy; were it, no line would be read twice
    assert full.begin() == lines + 1


@pytest.mark.parametrize(
    ("of", "name"),
    [
        ("agent", "agent-2.log"),
        ("agent", "agent-2"),
        ("agent.log", "agent.log.old"),
        ("agent.log", "agent.log-extra2"),
        ("agent.log", "agent.log.1.gz"),
    ],
)
def test_what_only_has_a_name_like_it_is_left_alone(tmp_path: Path, of: str, name: str) -> None:
    path = tmp_path / of
    path.write_text("")
    source = LogFile(path)
    assert told(source, "A") == [False]

    append(tmp_path / name, "A")

    assert told(source, "A") == [False]


@pytest.mark.parametrize(
    "name",
    ["agent.log.1", "agent.log-20260102", "agent.log-2026010203", "agent.log.2026-01-02", "agent.log.20260102-030405"],
)
def test_what_rotation_calls_it_is_known(path: Path, tmp_path: Path, name: str) -> None:
    path.write_text("x\n")
    source = LogFile(path)
    assert told(source, "A") == [False]

    append(path, "A")
    path.rename(tmp_path / name)
    append(path, "B")

    assert told(source, "A", "B") == [True, True]


def test_reading_stops_in_time_and_goes_on_where_it_stopped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(path, "A")
    source = LogFile(path)
    assert told(source, "A") == [True]
    append(path, "B")

    monkeypatch.setattr(log_source, "READING", -1.0)
    with pytest.raises(TimeoutError, match="still being read"):
        source.told_of("B", at=1.0)
    monkeypatch.undo()

    assert told(source, "B") == [True]


def test_a_link_that_leads_to_itself_cannot_be_read(path: Path) -> None:
    path.symlink_to(path.name)
    with pytest.raises(OSError, match="symbolic links"):
        LogFile(path).begin()


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
    with pytest.raises(OSError, match="it has ended"):
        source.told_of("A", at=1.0)


def test_a_log_comes_through_a_pipe() -> None:
    reading, writing = os.pipe()
    source = LogPipe(reading)
    os.write(writing, crash("A").encode())
    os.close(writing)
    source.join()
    os.close(reading)

    found = source.told_of("A", at=1.0)
    assert isinstance(found, AgentLogged)
    assert found.cause is Cause.JOB_CRASHED


def test_of_a_pipe_that_has_ended_only_what_it_told_of_this_run_is_known() -> None:
    reading, writing = os.pipe()
    os.write(writing, FULL.encode())
    os.close(writing)
    source = LogPipe(reading)
    source.join()
    os.close(reading)

    assert isinstance(source.told_of("A", at=1.0, since=0), AgentLogged)  # it was full while the run went on
    with pytest.raises(OSError, match="it has ended"):
        source.told_of("A", at=1.0, since=source.begin())


def test_of_nothing_nothing_is_known() -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    source = LogPipe(nothing)
    source.join()
    os.close(nothing)

    with pytest.raises(OSError, match="it has ended"):
        source.told_of("A", at=1.0, since=source.begin())


@given(st.lists(st.binary(max_size=30)))
def test_how_a_stream_is_cut_does_not_matter(pieces: list[bytes]) -> None:
    whole, cut = Lines(), Lines()

    assert [line for piece in pieces for line in cut.feed(piece)] == list(whole.feed(b"".join(pieces)))


@given(st.lists(st.integers(1, 40), max_size=6), st.integers(1, 9))
def test_a_line_that_is_too_long_is_left_out_however_it_comes(lengths: list[int], size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_source, "LONGEST", 20)
        stream = b"".join(b"x" * length + b"\n" for length in lengths)
        lines = Lines()
        got = [line for at in range(0, len(stream), size) for line in lines.feed(stream[at : at + size])]

    assert got == ["x" * length for length in lengths if length <= 20]
