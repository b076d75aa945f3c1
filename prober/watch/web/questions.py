"""What a query string asks: each parameter known, given once, and of its form, or a sentence that says what would do.

Pure. Sentences repeat nothing of what was sent.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from prober.core.plan import Scenario
from prober.core.reasons import Outcome, Reason
from prober.sinks.entries import Query
from prober.sinks.moments import moment

Reader = Callable[[str], Any]
"""Reads one value. Raises ValueError with what would do."""
LISTED, MOST = 50, 500
"""Runs listed where nobody asks for another number, and at most."""


class QuestionError(ValueError):
    """Not understood; the text is one plain sentence."""


def answers(parameters: Iterable[tuple[str, str]], readers: Mapping[str, Reader]) -> dict[str, Any]:
    """The value of each parameter that is given. Raises QuestionError."""
    values: dict[str, Any] = {}
    for name, text in parameters:
        if name not in readers:
            raise QuestionError(f"The parameters of this path are {', '.join(readers)}.")
        if name in values:
            raise QuestionError(f"The parameter {name} is given twice.")
        try:
            values[name] = readers[name](text)
        except ValueError as error:
            raise QuestionError(f"The parameter {name} is {error}.") from error
    return values


def runs(parameters: Iterable[tuple[str, str]], now: float) -> Query:
    """Which runs are asked for at `now` (Unix time). Raises QuestionError."""
    return msgspec.structs.replace(
        Query(limit=LISTED), **answers(parameters, {**_RUNS, "since": _since(now), "until": _since(now)})
    )


def one_of(values: Iterable[str]) -> Reader:
    """Reads one of these words."""
    known = tuple(values)

    def read(text: str) -> str:
        if text not in known:
            raise ValueError(f"one of {', '.join(known)}")
        return text

    return read


def formed(pattern: str, what: str) -> Reader:
    """Reads what has this form."""

    def read(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(what)
        return text

    return read


def _count(text: str) -> int:
    if re.fullmatch("[0-9]{1,9}", text) is None or not 1 <= int(text) <= MOST:
        raise ValueError(f"a whole number from 1 to {MOST}")
    return int(text)


def _since(now: float) -> Reader:
    def read(text: str) -> float:
        try:
            return moment(text, now)
        except ValueError as error:
            raise ValueError("a time such as 30m, 24h or 7d, or a date such as 2026-01-31T12:00Z") from error

    return read


def _words(enum: type[StrEnum]) -> Reader:
    return one_of(one.value for one in enum)


TARGET = formed("[a-z0-9-]{1,63}", "a target's name: small letters, digits and hyphens")
RUN_ID = formed("[0-9a-f]{16}", "a run's id: 16 digits of 0-9 and a-f")
_RUNS: Mapping[str, Reader] = {
    "target": TARGET,
    "scenario": _words(Scenario),
    "trigger": one_of(("scheduled", "confirm", "manual")),
    "outcome": _words(Outcome),
    "reason": _words(Reason),
    "before": RUN_ID,
    "limit": _count,
}
