"""One line of a worker's log, as `start` writes it or Docker and Kubernetes hand it on. Pure; never raises."""

import re
from typing import NamedTuple

from prober.core.words import read_json

LONGEST = 1 << 18
"""Bytes, or characters, of a line; what is longer is not understood."""
HEAD = 1000
TAIL = 1 << 14
"""Characters kept of a line's text: its beginning says what happened, its end is the exception."""
LONGEST_ID = 256
"""Characters of a job's id and of a room's name: LiveKit allows no more."""
_QUIET = frozenset({"TRACE", "DEBUG", "DEV", "INFO"})
_ERRORS = frozenset({"ERROR", "CRITICAL"})
_IN_GOOD_ORDER = re.compile(
    r"received job request$|process (?:initialized|exiting)$|(?:starting|registered|draining|shutting down) worker$"
    r"|worker is (?:at full|below) capacity"
)
_CONTAINERD = re.compile(r"\S+ std(?:out|err) ([FP])(?::\S+)? ")
_PREFIXED = re.compile(r"\[pod/\S+\] |[a-z][\w.-]{0,99}[-_]\d{1,4} +\| ")
"""By `kubectl logs --prefix`, or by Compose with a container's name, that ends with its number."""
_SPOKEN = re.compile(r"(?<=for text: )[\s\S]*?(?=\n\n(?:The above|During handling) |\Z)")
"""What was to be spoken, up to the next exception of a traceback."""


class Unwrapped:
    """What a worker wrote, out of what hands it on: Docker, containerd, Compose, kubectl, who cut long lines."""

    def __init__(self) -> None:
        self._begun: list[str] = []
        self._length = 0

    def whole(self, line: str) -> str | None:
        """The line of the worker's that this one completes; None where more of it is to come."""
        text, more = _piece(line)
        self._begun.append(text)
        self._length += len(text) + 1
        whole = None if more else "".join(self._begun)
        if not more or self._length > LONGEST:
            self._begun, self._length = [], 0
        return whole


def _piece(line: str) -> tuple[str, bool]:
    """What was wrapped, and whether it is only a part."""
    if found := _CONTAINERD.match(line):
        return line[found.end() :], found[1] == "P"
    if line.startswith('{"log":'):
        document = read_json(line.encode(errors="replace"))
        said = document.get("log") if isinstance(document, dict) else None
        if isinstance(said, str):
            return said.removesuffix("\n"), not said.endswith("\n")
    found = _PREFIXED.match(line)
    return line if found is None else line[found.end() :], False


class WorkerLine(NamedTuple):
    """What a line says: `text` is its message's first line and the exception below it, not what was to be spoken.

    A process that exits tells whether its job `crashed`; `bare` is what was written without the logger, and `error`
    what livekit-agents told as one.
    """

    text: str
    room: str | None = None
    job: str | None = None
    crashed: bool = False
    bare: bool = False
    error: bool = False


def read_line(line: str) -> WorkerLine | None:
    """What a worker says in this line; None where it says nothing that could be trouble or concern a job.

    What is not JSON is a worker's own standard error: the last line of a traceback is at the margin there.
    """
    document = read_json(line[max(line.find("{"), 0) :].encode(errors="replace"))
    if not isinstance(document, dict):
        return None if line.startswith(("{", " ")) or not line.strip() else WorkerLine(_short(line), bare=True)
    message, level, name = (_text(document, key) or "" for key in ("message", "level", "name"))
    if name.partition(".")[0] not in ("", "livekit") or (
        not name and level in _QUIET and not _IN_GOOD_ORDER.match(message)
    ):
        return None  # what an agent tells of itself may be worded alike, and of its calls may quote anybody
    room, job = _text(document, "room", "room_name"), _text(document, "job_id")
    if any(len(each or "") > LONGEST_ID for each in (room, job)):
        return None
    head, _, tail = _unspoken(message).partition("\n")
    text = f"{head}\n{_text(document, 'exc_info', 'error') or tail}"
    error = name == "livekit.agents" and level in _ERRORS
    return WorkerLine(_short(text), room, job, crashed=document.get("reason") == "job crashed", error=error)


def _text(document: dict[object, object], *keys: str) -> str | None:
    """The first of these that is a text."""
    return next((value for key in keys if isinstance(value := document.get(key), str) and value), None)


def _unspoken(text: str) -> str:
    return _SPOKEN.sub("…", text)


def _short(text: str) -> str:
    """What is cut in two is left out: half a secret is not known for one."""
    text = _unspoken(text).strip()
    if len(text) <= HEAD + TAIL:
        return text
    return text[:HEAD].rpartition(" ")[0] + "\n" + text[-TAIL:].partition("\n")[2]
