"""Searches in text that others wrote, which come to an end: a pattern can take for ever. For the main thread alone."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from prober.core.reasons import Reason, RunFault

WITHIN = 1.0
"""Seconds that one search may take."""
LARGEST = 1024 * 1024
"""Characters searched, the first of a text."""


class _TooLongError(Exception):
    pass


def search(where: str, pattern: str, text: str, flags: int = 0) -> re.Match[str] | None:
    """What the pattern finds in the text; `where` ("turn 1") begins the words of the RunFault of `bounded`."""
    with bounded(f"{where}: the pattern {pattern}"):
        return re.search(pattern, text[:LARGEST], flags)


@contextmanager
def bounded(what: str) -> Iterator[None]:
    """Ends what is done in here after WITHIN, with a RunFault that says of `what`: it is our own trouble.

    A search holds the interpreter, so that no deadline of the event loop and no thread can end it; but it looks for
    signals. The timer of the process that raises them is taken for as long.
    """

    def over(_number: int, _frame: FrameType | None) -> None:
        raise _TooLongError

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, WITHIN)
    try:
        yield
    except _TooLongError:
        raise RunFault(Reason.PROBER_INTERNAL, f"{what} did not come to an end within {WITHIN:g} s") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
