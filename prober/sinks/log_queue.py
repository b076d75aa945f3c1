"""A log whose reader may stand still: a thread writes the lines, and nobody who logs waits for it.

Lines wait in memory while nothing is read. What does not fit is dropped and counted, and a line tells how much it was.
"""

import logging
import logging.handlers
import queue
import threading

ROOM = 1000
"""Lines that may wait."""
PATIENCE = 2.0
"""Seconds given to the reader at the end."""


class Unhurried(logging.handlers.QueueHandler):
    """Passes each record on to `lines`, in a thread of its own."""

    def __init__(self, lines: logging.Handler, room: int = ROOM) -> None:
        waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        super().__init__(waiting)
        self._waiting, self._room, self._lost = waiting, room, 0
        self._thread = logging.handlers.QueueListener(waiting, lines)
        self._thread.start()

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The record as it is: it leaves no process."""
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """Let it wait, or drop it. After a loss only half a queue is room again, so that one line tells of many."""
        if self._lost and self._waiting.qsize() <= self._room // 2:
            self._tell_of_the_loss()
        if self._lost or self._waiting.qsize() >= self._room:
            self._lost += 1
        else:
            self._waiting.put(record)

    def close(self) -> None:
        """Write what waits, as long as somebody reads it: a few seconds, and without what is left then."""
        if self._lost:
            self._tell_of_the_loss()
        ending = threading.Thread(target=self._thread.stop, daemon=True)
        ending.start()
        ending.join(PATIENCE)
        super().close()

    def _tell_of_the_loss(self) -> None:
        words = f"lines of this log that were dropped, because nobody read it: {self._lost}"
        loss = logging.LogRecord(__name__, logging.WARNING, __file__, 0, "log.lost", None, None)
        loss.__dict__ |= {"words": words, "fields": {"lines": self._lost}}
        self._waiting.put(loss)
        self._lost = 0
