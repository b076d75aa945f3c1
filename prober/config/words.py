"""pydantic's errors as sentences: what was found, what would be right; no value of a place that may hold a secret."""

import difflib
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pydantic_core import ErrorDetails

from prober.config.problems import Place, Problem, is_within
from prober.config.schema import known_keys
from prober.config.secrets import written_out
from prober.core.measure import OBJECTIVES
from prober.core.slo import NAMES
from prober.limits import TARGET_NAMED

_SECRET = {"secrets", "livekit", "headers", "form", "json"}
"""Below these keys no value is shown."""


def problems(errors: Iterable[ErrorDetails]) -> Iterator[Problem]:
    """Each error with its place; what only follows from an error inside of it is left out."""
    found = [(_place(error), error) for error in errors]
    for path, error in found:
        if any(is_within(other, path) for other, _ in found):
            continue
        yield Problem(path=path, words=_words(path, error))


def near(name: str, known: Iterable[str], *, alike: float = 0.6) -> str:
    """Which of the known names was probably meant, or all of them; `alike` from 0 to 1 is how near it must be."""
    names = list(known)
    found = difflib.get_close_matches(name, names, n=1, cutoff=alike)
    return f"Did you mean {found[0]}?" if found else f"Known are {', '.join(names)}."


def _place(error: ErrorDetails) -> Place:
    return tuple(key for key in error["loc"] if key != "[key]")


def _words(path: Place, error: ErrorDetails) -> str:
    context, given = error.get("ctx", {}), error["input"]
    match error["type"]:
        case "extra_forbidden":
            return f"there is no such key. {near(str(path[-1]), known_keys(path[:-1]))}"
        case "missing":
            return "is missing. It must be given."
        case "value_error":
            return _after(_shown(path, given), str(context["error"]))
        case "literal_error" | "enum" if error["loc"][-1] == "[key]":
            what, known = ("promise", NAMES) if path[-2] == "slo" else ("measurement", OBJECTIVES)
            return f"is no {what}. {near(str(path[-1]), known, alike=0.8)}"
        case "literal_error" | "enum":
            return f"{_found(path, given)} is none of {_either(context['expected'])}."
        case "string_pattern_mismatch":
            return _MISFITS[_kind(path, error)](path, given)
        case "finite_number":
            return f"{_found(path, given)} is no finite number. Give a plain one, such as 3 or 2.5."
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            return f"{_found(path, given)} is out of range. Give a number {_RANGES[error['type']]} {_limit(context)}."
        case "too_short":
            return "is empty. At least one is needed."
        case "string_too_short":
            return "is empty. Give a text, or leave out the key."
        case "tuple_type" if path[-1] == "status":
            return f"{_found(path, given)} is no status. Give one, such as 200, or a list of them."
        case kind if kind in _WANTED:
            return f"{_found(path, given)} is {_what(given)}. {_WANTED[kind]}"
    return f"{error['msg']}."


_RANGES = {
    "greater_than": "greater than",
    "greater_than_equal": "of at least",
    "less_than": "less than",
    "less_than_equal": "of at most",
}
_WANTED = {
    "bool_type": "Write true or false.",
    "float_type": "Give a plain number, without a unit or quotes.",
    "int_type": "Give a whole number, such as 200.",
    "string_type": "Text is needed here; put it in quotes.",
    "dict_type": "A map of `key: value` is needed here.",
    "model_type": "A map of `key: value` is needed here.",
    "model_attributes_type": "A map of `key: value` is needed here.",
    "tuple_type": "A list is needed here, such as [a, b].",
}
_MISFITS: dict[str, Callable[[Place, Any], str]] = {
    "target": lambda path, _: f"{TARGET_NAMED}. Rename {_quoted(str(path[-1]))}.",
    "variable": lambda *_: "is no name for a variable. Use letters, digits and _, not beginning with a digit.",
    "secret": lambda path, _: written_out(str(path[-1])),
    "host": lambda path, given: (
        f"{_found(path, given)} is no host. Give a name without scheme, port or path, "
        "such as voice.example.com or *.example.com."
    ),
}


def _kind(path: Place, error: ErrorDetails) -> str:
    if error["loc"][-1] == "[key]":
        return "target" if path[:-1] == ("targets",) else "variable"
    return "host" if "hosts" in path else "secret"


def _limit(context: dict[str, Any]) -> str:
    return next(f"{context[name]:g}" for name in ("gt", "ge", "lt", "le") if name in context)


def _either(expected: str) -> str:
    return expected.replace("'", "").replace(" or ", ", ")


def _after(shown: str, words: str) -> str:
    return f"{shown} {words}" if shown and words.startswith("is ") else words


def _shown(path: Place, given: Any) -> str:
    if not isinstance(given, str | int | float) or not _SECRET.isdisjoint(path) or "@" in str(given):
        return ""
    return _quoted(given) if isinstance(given, str) else _number(given)


def _found(path: Place, given: Any) -> str:
    return _shown(path, given) or "this"


def _number(given: float) -> str:
    if isinstance(given, bool):
        return str(given).lower()
    return "NaN" if math.isnan(given) else f"{given:g}"


def _quoted(text: str) -> str:
    cut = text if len(text) <= 60 else text[:59] + "…"
    return "'" + "".join(letter if letter.isprintable() else " " for letter in cut) + "'"


def _what(given: Any) -> str:
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "text", dict: "a map", list: "a list"}
    return kinds.get(type(given), "something else")
