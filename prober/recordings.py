"""Where the packaged sentences lie and what they are called. Reads names only: the parent needs no sound library."""

import json
import wave
from pathlib import Path


def folder() -> Path:
    """Inside the package in the wheel, beside it in the repository."""
    here = Path(__file__).parent
    return here / "audio" if (here / "audio").is_dir() else here.parent / "fixtures" / "audio"


def is_id(name: str) -> bool:
    """Whether this is meant as an id: a path has a directory or a suffix, an id has neither."""
    return Path(name).name == name and not Path(name).suffix


def ids() -> tuple[str, ...]:
    """Every packaged sentence, sorted; a recording without speech is none."""
    sidecars = sorted(folder().glob("*.json"))
    return tuple(path.stem for path in sidecars if json.loads(path.read_bytes())["kind"] == "speech")


def seconds(name: str) -> float | None:
    """How long a recording lasts, by its id or path; None where it is no plain WAV file."""
    path = folder() / f"{name}.wav" if is_id(name) else Path(name)
    try:
        with wave.open(str(path)) as file:
            return float(file.getnframes() / file.getframerate())
    except (wave.Error, EOFError, OSError, ValueError, RuntimeError, ZeroDivisionError):
        return None
