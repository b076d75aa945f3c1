"""What a child prints, line by line on our standard error: harmless, and so that it holds the child up in nothing.

LiveKit's SDK quotes LiveKit, which may quote a token, or write what a terminal or whatever runs a CI's job obeys.
"""

import contextlib
import os
import queue
import re
import threading
from collections.abc import Collection, Iterator
from typing import BinaryIO

from prober.core.words import harmless

LONGEST = 1000
"""Characters shown of a line: a pipe takes as many in one piece."""
LARGEST = 1 << 16
"""Bytes of a line that are looked at. Of a longer one nothing is shown: a secret that is cut is not found."""
ROOM = 1000
"""Lines that may wait for who reads our standard error; what does not fit is dropped and counted."""
PATIENCE = 2.0
"""Seconds given to that reader at the end, and to whoever else still holds the child's end."""
_STANDARD_ERROR = 2
_DEEPEST = 40
_COMMAND = re.compile(r"^::+")


class Printing:
    """A pipe for a child to print to, read to its end by a thread; another one writes.

    `end` is the child's end; who starts the child closes it here.
    """

    def __init__(self, hide: Collection[str]) -> None:
        ours, self.end = os.pipe()
        self._hide = hide
        self._waiting: queue.Queue[str | None] = queue.Queue(ROOM)
        self._writing = threading.Thread(target=self._write, daemon=True)
        self._writing.start()
        threading.Thread(target=self._read, args=(os.fdopen(ours, "rb"),), daemon=True).start()

    def wait(self) -> None:
        """Return when all is written, or nobody reads it."""
        self._writing.join(PATIENCE)

    def _read(self, printed: BinaryIO) -> None:
        lost = 0
        with printed:
            for line in _lines(printed):
                try:
                    if lost:
                        self._waiting.put_nowait(_lost(lost))
                        lost = 0
                    self._waiting.put_nowait(shown(line, self._hide))
                except queue.Full:
                    lost += 1
        if lost:
            self._waiting.put(_lost(lost))
        self._waiting.put(None)

    def _write(self) -> None:
        while (line := self._waiting.get()) is not None:
            with contextlib.suppress(OSError):  # who reads it is gone, or a disk is full: the child does not care
                os.write(_STANDARD_ERROR, f"{line}\n".encode())


def shown(line: bytes, hide: Collection[str]) -> str:
    """A line as it may be shown, with its indentation. One that begins with two colons would be a command."""
    text = line.decode(errors="replace")
    indented = min(len(text) - len(text.lstrip(" ")), _DEEPEST)
    return " " * indented + _COMMAND.sub(":", harmless(text, hide=hide, longest=LONGEST))


def _lines(printed: BinaryIO) -> Iterator[bytes]:
    """Each line, the last one too where nothing ends it."""
    while line := printed.readline(LARGEST):
        whole = len(line) < LARGEST or line.endswith(b"\n")
        yield line if whole else f"[a line of more than {LARGEST} bytes]".encode()
        while not whole:
            rest = printed.readline(LARGEST)
            whole = len(rest) < LARGEST or rest.endswith(b"\n")


def _lost(lines: int) -> str:
    return f"[lines that were dropped, because nobody read them: {lines}]"
