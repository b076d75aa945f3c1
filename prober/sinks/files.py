"""Files of ours: whole or not there at all, and found out before a run whether they can be written."""

import os
import shutil
from pathlib import Path


def unwritable(path: Path) -> str | None:
    """Why `write` would fail for this path, as far as one can know before; None where nothing speaks against it."""
    place = Path(os.path.realpath(path))
    if place.is_dir():
        return f"{path} is a folder."
    if _is_special(place):
        return None if os.access(place, os.W_OK) else f"{path} cannot be written."
    if not place.parent.is_dir():
        return f"{path} cannot be written: there is no folder {place.parent}."
    return None if os.access(place.parent, os.W_OK | os.X_OK) else f"{path} cannot be written: its folder is closed."


def write(path: Path, body: bytes) -> None:
    """Write the file; its readers see the old one or the new one, never a part. Raises OSError.

    A link keeps its place and an old file's permissions stay. What is no file (a pipe, /dev/stdout) is written to.
    """
    place = Path(os.path.realpath(path))
    if _is_special(place):
        place.write_bytes(body)
        return
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        draft.write_bytes(body)
        if place.exists():
            shutil.copymode(place, draft)
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)


def _is_special(place: Path) -> bool:
    return place.exists() and not place.is_file()
