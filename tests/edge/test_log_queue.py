"""A log whose reader stands still: nobody waits for it, and it says what it lost."""

import logging
import threading
import time

import pytest

from prober.sinks import log_queue
from prober.sinks.log_lines import logging_to
from prober.sinks.log_queue import Unhurried

log = logging.getLogger("prober.of.a.test")


class Reader(logging.Handler):
    """Reads one line, then stands still until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.reading, self.goes_on = threading.Event(), threading.Event()
        self.read: list[str] = []
        self.awaited, self.came = "", threading.Event()
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.reading.set()
        assert self.goes_on.wait(60)
        self.read.append(getattr(record, "words", record.getMessage()))
        if record.exc_info is not None:
            self.errors.append(repr(record.exc_info[1]))
        if record.getMessage() == self.awaited:
            self.came.set()


@pytest.fixture
def reader() -> Reader:
    return Reader()


def test_what_does_not_fit_is_dropped_and_told_of_once_there_is_room(reader: Reader) -> None:
    with logging_to(Unhurried(reader, room=4)):
        log.info("first")
        assert reader.reading.wait(60)
        for number in range(7):
            log.info("%d", number)
        reader.awaited = "3"
        reader.goes_on.set()
        assert reader.came.wait(60)
        log.info("afterwards")
    told = "lines of this log that were dropped, because nobody read it: 3"
    assert reader.read == ["first", "0", "1", "2", "3", told, "afterwards"]


def test_a_loss_is_told_at_the_end_at_the_latest_and_errors_come_whole(reader: Reader) -> None:
    with logging_to(Unhurried(reader, room=1)):
        try:
            raise RuntimeError("a bug")
        except RuntimeError:
            log.exception("broken")
        assert reader.reading.wait(60)
        log.info("second")
        log.info("third")
        reader.goes_on.set()
        reader.awaited = "second"
    assert reader.read == ["broken", "second", "lines of this log that were dropped, because nobody read it: 1"]
    assert reader.errors == ["RuntimeError('a bug')"]


def test_the_end_does_not_wait_for_a_reader_that_stands_still(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_queue, "PATIENCE", 0.1)
    with logging_to(Unhurried(reader)):
        log.info("first")
        assert reader.reading.wait(60)
        log.info("second")
        ending = time.monotonic()
    assert 0.1 <= time.monotonic() - ending < 30
    assert reader.read == []
    reader.goes_on.set()
