"""Where an agent's log comes from: a file that grows and is rotated, or standard input. Bounded in time and memory."""

import copy
import errno
import glob
import os
import re
import stat
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from prober.core.events import AgentLogged, AgentLogQuiet
from prober.diagnosis.agent_log import AgentLog
from prober.diagnosis.worker_lines import LONGEST
from prober.limits import STDIN

_AT_ONCE = 1 << 24
"""Bytes read of a file in one go: where it has grown by more, the last ones."""
_BEFORE = 1 << 20
"""Bytes read of what a file held when it was asked first."""
READING = 4.0
"""Seconds after which reading is broken off, to go on with the next question."""
BUSY = "it is still being read"
_CHUNK = 1 << 16
_HEAD = 1 << 10
"""Bytes by which a file is known from another one with its number."""
_ROTATED = re.compile(r"\.\d{1,5}|[.-](?:19|20)\d\d-?[01]\d-?[0-3]\d[\d_:T.-]*")
"""What stands after the name of a file that was rotated: a number, or the date."""
_MOST = 20
"""Rotated files that are looked at: the newest."""
_Id = tuple[int, int]
"""A file's device and inode, which it keeps under another name, and which another one gets when it is gone."""


class Source(Protocol):
    """An agent's log that is read on as it grows. What raises OSError has its reason in words."""

    def begin(self) -> int:
        """A run begins: how many lines there are of before."""

    def told_of(
        self, room: str, *, at: float, since: int = 0, hide: Collection[str] = ()
    ) -> AgentLogged | AgentLogQuiet:
        """What `AgentLog.told_of` says of all that is written by now."""


def open_log(name: str) -> Source:
    """The log of this name: a file's path, or `-` for standard input, which is read from now on."""
    return LogPipe(0) if name == STDIN else LogFile(Path(name))


class Lines:
    """Cuts a stream of bytes into lines, in whatever pieces it comes."""

    def __init__(self, *, amid: bool = False) -> None:
        self._begun = b""
        self._skipping = amid

    def feed(self, piece: bytes) -> Iterator[str]:
        """The lines that this piece completes; where the stream was taken up `amid` a line, not the rest of that."""
        *lines, self._begun = (self._begun + piece).split(b"\n")
        for line in lines:
            if not self._skipping and len(line) <= LONGEST:
                yield line.decode(errors="replace")
            self._skipping = False
        if len(self._begun) > LONGEST:
            self._begun, self._skipping = b"", True


class _Seen(NamedTuple):
    """A file as it is found now."""

    path: Path
    id: _Id
    size: int
    head: bytes


class _Place:
    """How far a file has been read, and how that file begins."""

    def __init__(self, position: int = 0) -> None:
        self.position = position
        self.lines = Lines(amid=position > 0)
        self.head = b""

    def is_in(self, seen: _Seen) -> bool:
        """Whether it is a place in this file: not in another one, nor in what it held before it was emptied."""
        return seen.head.startswith(self.head) and seen.size >= self.position

    def again(self) -> "_Place":
        """The same place in a copy of the file."""
        place = copy.copy(self)
        place.lines = copy.copy(self.lines)
        return place


class LogFile:
    """A log file and those it is rotated into, by renaming or by copying and emptying it, compressed ones left out.

    It is for one thread, which it may hold up.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = AgentLog()
        self._places: dict[_Id, _Place] = {}
        self._last = _Place()
        """Where the reading of the log itself has come to, whatever its file is called by now."""

    def begin(self) -> int:
        """How many lines there are by now. Raises OSError where the file is there and cannot be read."""
        with suppress(FileNotFoundError):
            self._read_on()
        return self._log.lines

    def told_of(
        self, room: str, *, at: float, since: int = 0, hide: Collection[str] = ()
    ) -> AgentLogged | AgentLogQuiet:
        """What the log tells of this room. Raises OSError where the file cannot be read, or not in time."""
        self._read_on()
        return self._log.told_of(room, at=at, since=since, hide=hide)

    def _read_on(self) -> None:
        """Read what was added to each file since the last time."""
        until = time.monotonic() + READING
        seen = [each for path in (*self._rotated(), self._path) for each in _look(path)]
        there = bool(seen) and seen[-1].path == self._path
        if self._places:
            known = [self._known(each) for each in seen]
            whole = self._last in known
            places = [self._place(each, place) for each, place in zip(seen, known, strict=True)]
        else:
            places = [_Place(each.size if each.path != self._path else max(each.size - _BEFORE, 0)) for each in seen]
            whole = there and len(seen) == 1 and places[-1].position == 0
        if not whole and (seen or self._places):
            self._log.skip()
        if not there and not whole:
            self._places = {}
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        self._places = {each.id: place for each, place in zip(seen, places, strict=True)}
        self._last = places[-1] if there else self._last
        for each, place in zip(seen, places, strict=True):
            place.head = each.head
            self._read(each, place, until)

    def _known(self, seen: _Seen) -> _Place | None:
        """The place that is in this file: its own, or that of the file which it is a copy of."""
        place = self._places.get(seen.id)
        if place is not None and place.is_in(seen):
            return place
        return next((place for place in self._places.values() if place.head and place.is_in(seen)), None)

    def _place(self, seen: _Seen, known: _Place | None) -> _Place:
        if known is None:
            return _Place()
        return known if known is self._places.get(seen.id) else known.again()

    def _read(self, seen: _Seen, place: _Place, until: float) -> None:
        if seen.size - place.position > _AT_ONCE:
            place.position, place.lines = seen.size - _AT_ONCE, Lines(amid=True)
            self._log.skip()
        if seen.size == place.position:
            return
        with seen.path.open("rb") as file:
            if _id(os.fstat(file.fileno())) != seen.id:
                raise TimeoutError(BUSY)  # it was rotated just now: the next time it is found under its new name
            file.seek(place.position)
            while piece := file.read(min(_CHUNK, seen.size - place.position)):
                if time.monotonic() > until:
                    raise TimeoutError(BUSY)
                place.position += len(piece)
                for line in place.lines.feed(piece):
                    self._log.read(line)

    def _rotated(self) -> list[Path]:
        """What the log has been renamed or copied to last, oldest first."""
        written = Path(os.path.realpath(self._path))
        found = written.parent.glob(f"{glob.escape(written.name)}[.-]*")
        named = [path for path in found if _ROTATED.fullmatch(path.name.removeprefix(written.name))]
        return sorted(filter(Path.is_file, named), key=lambda path: path.stat().st_mtime_ns)[-_MOST:]


def _id(found: os.stat_result) -> _Id:
    return found.st_dev, found.st_ino


def _look(path: Path) -> Iterator[_Seen]:
    """The file of this path; none where none is there (any more)."""
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError("it is no regular file")
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            yield _Seen(path, _id(found), found.st_size, file.read(_HEAD))


class LogPipe:
    """A log that comes through a pipe, read by a thread of its own until it ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._log = AgentLog()
        self._asking = threading.Lock()
        self._ended_after: int | None = None
        """How many lines there were."""
        self._reading = threading.Thread(target=self._read, name="agent-log-pipe", daemon=True)
        self._reading.start()

    def begin(self) -> int:
        """How many lines have come by now."""
        with self._asking:
            return self._log.lines

    def told_of(
        self, room: str, *, at: float, since: int = 0, hide: Collection[str] = ()
    ) -> AgentLogged | AgentLogQuiet:
        """What the log tells of this room by now. Raises OSError where it ended without a word of it."""
        with self._asking:
            told = self._log.told_of(room, at=at, since=since, hide=hide)
            if self._ended_after is not None and (isinstance(told, AgentLogQuiet) or since >= self._ended_after):
                raise OSError("it has ended")
            return told

    def join(self) -> None:
        """Wait for the end of the pipe."""
        self._reading.join()

    def _read(self) -> None:
        lines = Lines()
        with suppress(OSError):  # there is none: its end
            # Not sys.stdin: a thread that is held in its buffer is fatal to the interpreter's end.
            while piece := os.read(self._descriptor, _CHUNK):
                for line in lines.feed(piece):
                    with self._asking:
                        self._log.read(line)
        with self._asking:
            self._ended_after = self._log.lines
