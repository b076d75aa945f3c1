"""The recorded logs, by the name of what was broken."""

from pathlib import Path

RECORDED = {
    file.stem: tuple(file.read_text("utf-8").splitlines()[1:]) for file in sorted(Path(__file__).parent.glob("*.jsonl"))
}
"""The lines of each, without the one that says how they came about."""


def room_of(name: str) -> str:
    """The room in which a job of this recording was to speak."""
    return f"trial_{name}"
