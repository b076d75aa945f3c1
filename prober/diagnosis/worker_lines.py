"""One line of a worker's log, as `start` writes it or Docker and Kubernetes hand it on. Pure; never raises."""

import re
from typing import NamedTuple

from prober.core.words import read_json

HEAD = 200
TAIL = 1 << 14
"""Characters kept of a line's text: its beginning says what happened, its end is the exception."""
_QUIET = frozenset({"TRACE", "DEBUG", "DEV", "INFO"})
_WRAPPED = re.compile(r"\A(?:\[pod/\S+\] )?(?:\S+ std(?:out|err) [FP] )?")


class WorkerLine(NamedTuple):
    """What a line says: `text` is its message's first line, and the exception below it."""

    text: str
    room: str | None = None
    job: str | None = None


def read_line(line: str) -> WorkerLine | None:
    """What a worker says in this line; None where it says nothing that could be trouble or concern a job.

    What is not JSON is a worker's own standard error: the last line of a traceback is at the margin there.
    """
    line = _WRAPPED.sub("", line)
    document = read_json(line[max(line.find("{"), 0) :].encode(errors="replace"))
    if not isinstance(document, dict):
        return None if line.startswith(("{", " ")) or not line.strip() else WorkerLine(_short(line.strip()))
    wrapped = document.get("log")
    if isinstance(wrapped, str) and "message" not in document:
        return read_line(wrapped) if '"log"' not in wrapped else None
    message, level, name = (_text(document, key) or "" for key in ("message", "level", "name"))
    if level in _QUIET and not name.startswith("livekit"):
        return None  # what an agent tells of its calls may quote anybody
    head, _, tail = message.partition("\n")
    error = _text(document, "exc_info", "error") or tail
    return WorkerLine(
        _short(f"{head}\n{error}".strip()), room=_text(document, "room", "room_name"), job=_text(document, "job_id")
    )


def _text(document: dict[object, object], *keys: str) -> str | None:
    """The first of these that is a text."""
    return next((value for key in keys if isinstance(value := document.get(key), str) and value), None)


def _short(text: str) -> str:
    return text if len(text) <= HEAD + TAIL else f"{text[:HEAD]}\n{text[-TAIL:]}"
