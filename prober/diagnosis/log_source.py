"""Where an agent's log comes from: a file that grows and is rotated, or standard input. Bounded in time and memory."""

import contextlib
import glob
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from prober.core.events import AgentLogged
from prober.diagnosis.agent_log import AgentLog
from prober.limits import STDIN

_LONGEST = 1 << 18
"""Bytes of a line; a longer one is not read."""
_AT_ONCE = 1 << 24
"""Bytes read of a file in one go: where it has grown by more, the last ones."""
_BEFORE = 1 << 20
"""Bytes read of what a file held when it was asked first."""
_CHUNK = 1 << 16
PATIENCE = 3.0
"""Seconds for which a look at a file waits for another one."""
_Id = tuple[int, int]
"""A file's device and inode, which it keeps under another name."""
_COMPRESSED = {".gz", ".xz", ".bz2", ".zst"}


class Source(Protocol):
    """An agent's log that is read on as it grows; several threads may ask."""

    def told_of(self, room: str, *, at: float) -> AgentLogged | None:
        """What `AgentLog.told_of` says of all that is written by now. Raises OSError where it cannot be read."""


def open_log(name: str) -> Source:
    """The log of this name: a file's path, or `-` for standard input, which is read from now on."""
    return LogPipe(0) if name == STDIN else LogFile(Path(name))


class Lines:
    """Cuts a stream of bytes into lines, in whatever pieces it comes."""

    def __init__(self) -> None:
        self.begun = b""
        self._skipping = False

    def feed(self, piece: bytes) -> Iterator[str]:
        """The lines that this piece completes."""
        *lines, self.begun = (self.begun + piece).split(b"\n")
        for line in lines:
            if not self._skipping and len(line) <= _LONGEST:
                yield line.decode(errors="replace")
            self._skipping = False
        if len(self.begun) > _LONGEST:
            self.begun, self._skipping = b"", True


class LogFile:
    """A log file and those it is rotated into, by renaming or by copying and emptying it, compressed ones left out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = AgentLog()
        self._asking = threading.Lock()
        self._known: dict[_Id, int] = {}
        """How far each file has been read."""

    def told_of(self, room: str, *, at: float) -> AgentLogged | None:
        """What the log tells of this room. Raises OSError where the file cannot be read."""
        if not self._asking.acquire(timeout=PATIENCE):
            raise OSError("an earlier look at it has not come back")  # who waits for a disk that hangs hangs with it
        try:
            if not self._known:
                self._known = {_id(seen): seen.st_size for seen in map(Path.stat, self._rotated())}
                self._known |= [self._read_on(self._path, _BEFORE)]
            there = [path for path in (*self._rotated(), self._path) if path.exists()]  # it may not be begun anew yet
            self._known = dict(self._read_on(path, _AT_ONCE) for path in there)
            return self._log.told_of(room, at=at)
        finally:
            self._asking.release()

    def _rotated(self) -> list[Path]:
        """What the log has been renamed or copied to, oldest first."""
        written = self._path.resolve()
        found = written.parent.glob(f"{glob.escape(written.name)}[.-]*[0-9]*")
        plain = [path for path in found if path.suffix not in _COMPRESSED and path.is_file()]
        return sorted(plain, key=lambda path: path.stat().st_mtime_ns)

    def _read_on(self, path: Path, most: int) -> tuple[_Id, int]:
        """Read what was added to this file since the last time, of too much the end; how far its lines were whole."""
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError("it is no regular file")
        with path.open("rb") as file:
            seen = os.fstat(file.fileno())
            position = self._known.get(_id(seen), 0)
            start = max(position if position <= seen.st_size else 0, seen.st_size - most)  # smaller: it was emptied
            file.seek(start)
            lines = Lines()
            while piece := file.read(min(_CHUNK, seen.st_size - file.tell())):
                for line in lines.feed(piece):
                    self._log.read(line)
        return _id(seen), seen.st_size - len(lines.begun)


def _id(seen: os.stat_result) -> _Id:
    return seen.st_dev, seen.st_ino


class LogPipe:
    """A log that comes through a pipe, read by a thread of its own until it ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._log = AgentLog()
        self._asking = threading.Lock()
        self._reading = threading.Thread(target=self._read, name="agent-log", daemon=True)
        self._reading.start()

    def told_of(self, room: str, *, at: float) -> AgentLogged | None:
        """What the log tells of this room by now."""
        with self._asking:
            return self._log.told_of(room, at=at)

    def join(self) -> None:
        """Wait for the end of the pipe."""
        self._reading.join()

    def _read(self) -> None:
        lines = Lines()
        with contextlib.suppress(OSError):  # there is none: its end
            # Not sys.stdin: a thread that is held in its buffer is fatal to the interpreter's end.
            while piece := os.read(self._descriptor, _CHUNK):
                with self._asking:
                    for line in lines.feed(piece):
                        self._log.read(line)
