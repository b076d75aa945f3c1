"""The code blocks of the documents, and what a reader is told to do with each. Pure, but for reading the files.

A comment before a block of commands says how it is run by the tests; without one it has to end with exit code 0.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PLACES = ("*.md", "docs/**/*.md", "fixtures/**/*.md", "grafana/*.md")
DOCUMENTS = sorted(path for place in PLACES for path in ROOT.glob(place))
COMMANDS = ("sh", "console")
"""Blocks of commands; in `console` those behind `$`, and below each exactly what it prints."""
SHOWN = ("text", "yaml", "json", "ini", "nginx", "sql")
"""Blocks that are read: `text` is what programs print."""
MARKS = ("not run", "up", "then")
"""Not run, and why; stays up until the page ends, once it says this; afterwards one of those that are up says this."""

_BLOCK = re.compile(r"(?:^<!-- ([a-z ]+): (.+) -->\n)?^ *```(.*)\n((?s:.*?))^ *```$", re.MULTILINE)
_REDIRECTION = re.compile(r" *[12]?>.*")


class Block(NamedTuple):
    """A fenced block: its document, its first line, its language, its text; its mark, or None, and what that says."""

    document: str
    line: int
    language: str
    text: str
    mark: str | None
    words: str

    @property
    def name(self) -> str:
        """Where to find it."""
        return f"{self.document}:{self.line}"

    def commands(self) -> Iterator[str]:
        """Each command, on one line, without comments and redirections."""
        lines = self.text.replace("\\\n", " ").splitlines()
        if self.language == "console":
            lines = [line[2:] for line in lines if line.startswith("$ ")]
        for line in lines:
            for command in re.split(r" \| ", re.sub(r"(^|\s)#.*", "", line)):
                if bare := _REDIRECTION.sub("", command).strip():
                    yield bare


def blocks(path: Path) -> Iterator[Block]:
    """The blocks of a document, in order."""
    text = path.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        mark, words, language, body = found.groups()
        line = text.count("\n", 0, found.start(4)) + 1
        yield Block(str(path.relative_to(ROOT)), line, language, body, mark, words or "")


def pages() -> Mapping[str, list[Block]]:
    """By document, the blocks of commands that are to be run; of documents that have any."""
    found = {path: [each for each in blocks(path) if each.language in COMMANDS] for path in DOCUMENTS}
    wanted = {path: [each for each in those if each.mark != "not run"] for path, those in found.items()}
    return {str(path.relative_to(ROOT)): those for path, those in wanted.items() if those}
