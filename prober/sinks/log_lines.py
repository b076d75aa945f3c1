"""The log of a program that runs for months: a line each, in words for a person or as JSON for a collector.

What is logged has a static name and fields (`tell`). Text of others never reaches it: of an exception only its kind and
the place in our code, of other libraries' messages what `harmless` leaves.
"""

import contextlib
import datetime
import logging
from collections.abc import Iterator
from typing import Any, TextIO

from prober.core.words import harmless, whereabouts
from prober.sinks.json_log import write_line

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "fields", "words"}


def tell(log: logging.Logger, level: int, event: str, words: str, **fields: Any) -> None:
    """Log this event; `words` are what a person reads of it."""
    log.log(level, event, extra={"words": words, "fields": fields})


class Lines(logging.Handler):
    """Writes to a stream; one that is gone or full changes nothing, nor does a message that is none."""

    def __init__(self, stream: TextIO, *, as_json: bool) -> None:
        super().__init__()
        self._stream, self._as_json = stream, as_json

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        with contextlib.suppress(Exception):  # whatever libraries log: the next line is written
            self._write(record)

    def _write(self, record: logging.LogRecord) -> None:
        event, level, fields = _event(record), record.levelname.lower(), _fields(record)
        when = datetime.datetime.fromtimestamp(record.created, datetime.UTC)  # it may be written much later
        if self._as_json:
            write_line(self._stream, event, level, when=when, **fields)
            return
        words = getattr(record, "words", None)
        if words is None:
            words = " ".join([event, *(f"{name}={value}" for name, value in fields.items() if value is not None)])
        words = "".join(letter if letter.isprintable() else " " for letter in words)  # nobody's text forges a line
        self._stream.write(f"{when:%Y-%m-%dT%H:%M:%SZ} {level:7} {words}\n")
        self._stream.flush()


@contextlib.contextmanager
def logging_to(*handlers: logging.Handler) -> Iterator[None]:
    """Send what the prober logs to these handlers, and the warnings of everybody else; close them at the end."""
    root, ours = logging.getLogger(), logging.getLogger("prober")
    before = ours.level
    for handler in handlers:
        root.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        ours.setLevel(before)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


def _is_ours(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] == "prober"


def _event(record: logging.LogRecord) -> str:
    return record.getMessage() if _is_ours(record) else f"library.{record.name}"


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = {name: value for name, value in record.__dict__.items() if name not in _STANDARD and name != "taskName"}
    fields |= getattr(record, "fields", {})
    if not _is_ours(record):
        fields = {"message": harmless(record.getMessage())}
    if record.exc_info is not None and record.exc_info[1] is not None:
        fields["error"] = whereabouts(record.exc_info[1])
    return fields
