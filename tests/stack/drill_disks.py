"""A disk that can be full: a small one of its own where it may be mounted, else a history that somebody else locks."""

import contextlib
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

ROOM = "2m"
"""The size of the small disk: enough for a history of some hundred runs and its log."""


class FullDisk(Protocol):
    """Where the history is, and how it is kept from being written."""

    name: str
    database: Path

    def fill(self) -> None:
        """From now on nothing can be written."""

    def free(self) -> None:
        """There is room again."""


class SmallDisk:
    """A file system that a file fills."""

    name = "disk full"

    def __init__(self, folder: Path) -> None:
        self.database = folder / "history.db"
        self._filler = folder / "filler"

    def fill(self) -> None:
        with self._filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))

    def free(self) -> None:
        self._filler.unlink()


class LockedHistory:
    """The substitute where nobody may mount: the writer is refused as it is on a full disk, with another error."""

    name = "history locked (no small disk could be mounted)"

    def __init__(self, folder: Path) -> None:
        self.database = folder / "history.db"

    def fill(self) -> None:
        self._holder = sqlite3.connect(self.database, isolation_level=None)
        self._holder.execute("BEGIN EXCLUSIVE")

    def free(self) -> None:
        self._holder.close()


@contextlib.contextmanager
def full_disk(folder: Path) -> Iterator[FullDisk]:
    """A disk in this folder."""
    disk = folder / "disk"
    disk.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "livekit-prober-drill", str(disk)]
    if subprocess.run(argv, capture_output=True, check=False).returncode != 0:
        yield LockedHistory(disk)
        return
    try:
        yield SmallDisk(disk)
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
