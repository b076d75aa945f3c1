"""Long measurements are kept line by line: an interrupted one goes on where it was, another instrument begins anew."""

import contextlib
import hashlib
import platform
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

E = TypeVar("E", bound=msgspec.Struct)


def file_of_this_instrument(name: str) -> Path:
    """Where measurements of this very code are kept."""
    code = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(Path("prober").rglob("*.py"))))
    return Path("build") / f"{name}-{platform.python_version()}-{code.hexdigest()[:12]}.jsonl"


class Kept(Generic[E]):
    """What has been measured so far; `kinds` is the type, or the union of tagged types, of it."""

    def __init__(self, file: Path, kinds: Any) -> None:
        self._file = file
        self.entries: list[E] = []
        kept = file.read_bytes() if file.exists() else b""
        if kept and not kept.endswith(b"\n"):  # torn by a kill: what comes next begins a line of its own
            file.write_bytes(kept + b"\n")
        for line in kept.splitlines():
            with contextlib.suppress(msgspec.DecodeError):
                self.entries.append(msgspec.json.decode(line, type=kinds))

    def add(self, entry: E) -> None:
        """Keep one more, on disk at once."""
        self.entries.append(entry)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("ab") as file:
            file.write(msgspec.json.encode(entry) + b"\n")
