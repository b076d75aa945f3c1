"""What is wrong with a configuration: where, and in words for who wrote it. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from prober.core.visible import visible

Place = tuple[str | int, ...]
"""The keys and indexes that lead to a place in the file."""

_SECRET_PARTS = ((re.compile(r"//[^/@\s]*@"), "//…@"), (re.compile(r"(://[^\s'\"?]*\?)[^\s'\"]*"), r"\1…"))
"""Where somebody may have written a secret into a URL after all: its login and its query."""

MOST = 10
"""Problems that are told at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong at a place."""

    path: Place
    words: str
    line: int | None = None
    """Where the place alone does not tell the line."""


class ConfigError(Exception):
    """The configuration cannot be used; each line of the message is one problem, and visible."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(map(visible, lines))
        super().__init__("\n".join(self.lines))


def dotted(path: Place) -> str:
    """The place as people write it: `targets.shop.entry.trial.steps[1].url`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


def is_within(path: Place, other: Place) -> bool:
    """Whether a place is inside of another."""
    return len(path) > len(other) and path[: len(other)] == other


def harmless(words: str) -> str:
    """The words without the logins and queries of the URLs in them."""
    for pattern, instead in _SECRET_PARTS:
        words = pattern.sub(instead, words)
    return words


def told(file: str, problems: Iterable[Problem], lines: dict[Place, int]) -> ConfigError:
    """The problems as an error, in the order of the file: `FILE:LINE: place: words`; of a place only the first."""
    first: dict[Place, Problem] = {}
    for problem in problems:
        first.setdefault(problem.path, problem)
    placed = sorted(((_line(problem, lines), problem) for problem in first.values()), key=lambda each: each[0] or 0)
    said = [
        f"{file}{'' if line is None else f':{line}'}: "
        f"{f'{dotted(problem.path)}: ' if problem.path else ''}{harmless(problem.words)}"
        for line, problem in placed[:MOST]
    ]
    if len(placed) > MOST:
        said.append(f"{file}: and {len(placed) - MOST} more.")
    return ConfigError(said)


def _line(problem: Problem, lines: dict[Place, int]) -> int | None:
    """Where it is, or what it is in."""
    if problem.line is not None:
        return problem.line
    above = (problem.path[:length] for length in range(len(problem.path), 0, -1))
    return next((lines[path] for path in above if path in lines), None)
