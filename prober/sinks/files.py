"""Files of ours: whole or not there at all, and found out before a run whether they can be written."""

import os
import shutil
from pathlib import Path


def unwritable(path: Path) -> str | None:
    """Why `write` would fail for this path, as far as one can know before; None where nothing speaks against it."""
    if path.is_dir():
        return f"{path} is a folder."
    if _is_special(path):
        return None if os.access(path, os.W_OK) else f"{path} cannot be written."
    place = Path(os.path.realpath(path))
    if not place.parent.is_dir():
        return f"{path} cannot be written: there is no folder {place.parent}."
    return None if os.access(place.parent, os.W_OK | os.X_OK) else f"{path} cannot be written: its folder is closed."


def write(path: Path, body: bytes) -> None:
    """Write the file; its readers see the old one or the new one, never a part. Raises OSError.

    A link keeps its place and an old file's permissions stay. What is no file (a pipe, /dev/stdout) is written to.
    """
    if _is_special(path):
        path.write_bytes(body)
        return
    place = Path(os.path.realpath(path))
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        draft.write_bytes(body)
        if place.exists():
            shutil.copymode(place, draft)
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)


def _is_special(path: Path) -> bool:
    """Asked of the path as it was given: what /dev/stdout leads to has no name of its own where it is a pipe."""
    return path.exists() and not path.is_file()
