"""What was heard and recorded in runs that failed: a folder that never outgrows its limits. Raises OSError.

Recordings wait there as drafts until their runs are kept. While runs cannot be kept, and too much waits, no more begin.

Files are named by run ids alone, and are there whole or not at all. Where there is too much, passes go first, then
inconclusive runs, then failures, each from the oldest: the newest failures stay longest.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from prober.sinks import files

SHELVES = ("pass", "inconclusive", "fail")
"""A folder for each outcome, in the order in which their runs go."""
_RUN_ID = re.compile(r"[0-9a-f]{16}")
_DRAFTS = "drafts"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The most that is kept: bytes, and runs. `waiting`: bytes of drafts from which on no recording begins."""

    size: int = 512 << 20
    runs: int = 500
    waiting: int = 64 << 20


class _Kept(NamedTuple):
    shelf: int
    moment: int
    json: Path
    size: int


class Evidence:
    """Records and recordings by run id."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits

    @property
    def lock(self) -> Path:
        """The lock of this folder. Raises OSError where there is none and none can be made."""
        return self._made(".") / "lock"

    def draft(self, run_id: str) -> Path | None:
        """Where a run is to put its recording, so that it need not be copied; `keep` or `sweep` take it away.

        None while too much waits there.
        """
        folder, name = self._made(_DRAFTS), f"{checked(run_id)}.wav"
        return folder / name if sum(map(_size, folder.iterdir())) < self._limits.waiting else None

    def keep(self, run_id: str, outcome: str, document: bytes, recording: Path | None) -> bool:
        """Take the record and the recording, if there is one, into the folder; False where they are over the limits.

        The recording is gone from its place afterwards, whatever becomes of it.
        """
        shelf = self._made(SHELVES[SHELVES.index(outcome)])
        place = shelf / f"{checked(run_id)}.json"
        try:
            heard = recording is not None and recording.is_file()
            size = len(document) + (recording.stat().st_size if recording is not None and heard else 0)
            if not self._make_room(size):
                return False
            if recording is not None and heard:
                _move(recording, place.with_suffix(".wav"))
            files.write(place, document)  # the last: what has no record is no evidence
            return True
        except OSError:
            place.with_suffix(".wav").unlink(missing_ok=True)
            raise
        finally:
            if recording is not None:
                recording.unlink(missing_ok=True)

    def document(self, run_id: str) -> Path | None:
        """The record's file."""
        return self._find(f"{checked(run_id)}.json")

    def recording(self, run_id: str) -> Path | None:
        """The recording's file."""
        return self._find(f"{checked(run_id)}.wav")

    def sweep(self) -> None:
        """Remove what an earlier process left half done, while no run goes on."""
        for draft in self._made(_DRAFTS).iterdir():
            draft.unlink(missing_ok=True)
        for outcome in SHELVES:
            for file in self._made(outcome).iterdir():
                if file.suffix != ".json" and not file.with_suffix(".json").exists():
                    file.unlink(missing_ok=True)
        self._make_room(0)

    def _make_room(self, size: int) -> bool:
        """Let the least wanted go until so many bytes more of one run fit; False where they never would."""
        coming = 1 if size else 0
        if size > self._limits.size or coming > self._limits.runs:
            return False
        kept = sorted(self._kept())
        total = sum(one.size for one in kept)
        while kept and (total + size > self._limits.size or len(kept) + coming > self._limits.runs):
            gone = kept.pop(0)
            gone.json.unlink(missing_ok=True)
            gone.json.with_suffix(".wav").unlink(missing_ok=True)
            total -= gone.size
        return True

    def _kept(self) -> Iterator[_Kept]:
        for shelf, outcome in enumerate(SHELVES):
            for json in self._made(outcome).glob("*.json"):
                with contextlib.suppress(FileNotFoundError):  # somebody tidies up by hand
                    told, wav = json.stat(), json.with_suffix(".wav")
                    heard = wav.stat().st_size if wav.exists() else 0
                    yield _Kept(shelf, told.st_mtime_ns, json, told.st_size + heard)

    def _find(self, name: str) -> Path | None:
        places = (self._folder / outcome / name for outcome in SHELVES)
        return next((place for place in places if place.is_file()), None)

    def _made(self, name: str) -> Path:
        """A folder inside, for nobody but us: recordings hold voices."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = self._folder / name
        place.mkdir(mode=0o700, exist_ok=True)
        return place


def checked(run_id: str) -> str:
    """The run id, which nothing but 16 hexadecimal digits can be. Raises ValueError."""
    if _RUN_ID.fullmatch(run_id) is None:
        raise ValueError("a run id has 16 digits of 0-9 and a-f")
    return run_id


def _size(file: Path) -> int:
    with contextlib.suppress(FileNotFoundError):  # its run was kept meanwhile
        return file.stat().st_size
    return 0


def _move(source: Path, place: Path) -> None:
    """Move a file, also to another file system; its readers see all of it or nothing."""
    with contextlib.suppress(OSError):
        source.replace(place)
        return
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        shutil.copyfile(source, draft)
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)
