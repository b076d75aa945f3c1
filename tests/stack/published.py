"""What a measurement found, in the document that tells of it: between two marks, so that the words around it stay."""

from collections.abc import Sequence
from pathlib import Path


def publish(document: Path, name: str, text: str) -> None:
    """Put the text between the marks of this name. Raises ValueError where the document has no such marks."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    before, begun, rest = document.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not begun or not ended:
        raise ValueError(f"{document} has no place for {name}: {begin.strip()} … {end.strip()}")
    document.write_text(f"{before}{begin}{text}{end}{after}", encoding="utf-8")


def table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join(f"| {' | '.join(str(cell) for cell in line)} |\n" for line in lines)
