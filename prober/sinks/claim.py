"""One canary a place: a lock that is gone with the process that holds it, however it ends."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path


class ClaimedError(Exception):
    """Somebody else has the place; the text is one plain sentence."""


def lock_of(history: Path) -> Path:
    """The lock of this history: beside the file that it is in the end, whatever links lead there."""
    place = history.resolve()
    return place.with_name(f"{place.name}.lock")


@contextlib.contextmanager
def claimed(lock: Path, what: str, instead: str) -> Iterator[None]:
    """Have this lock, which stays as an empty file. Raises ClaimedError; OSError where there can be no lock."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("ab") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ClaimedError(
                f"{what} belongs to another canary that is running ({lock} is locked). Stop that one, or give this "
                f"one a place of its own with {instead}."
            ) from error
        yield
