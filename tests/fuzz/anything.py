"""Documents in which anything may stand anywhere, and what is left of them when their bytes are damaged."""

import copy
import json
from collections.abc import Sequence
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

FEWER = settings(max_examples=settings().max_examples * 2 // 5)
"""For what takes long for each case."""

NUMBERS = (None, True, 0, -1, 7, 0.5, 1e9, 1e308, -1e308, 10**30, 10**400, float("nan"))
TEXTS = ("", "x", "\0", "../x", "//a@b", "é.example", "\ud800", "x" * 5000)
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "\x1b]0;owned\x07\x1b[2J\x9b31m\rPASS",
    "\u202ekcatta\u2028next",
    'x"} 1\nlivekit_prober_runs_total{target="stolen',
)
"""What a page, a terminal, a reader and Prometheus would obey."""
CONTAINERS: tuple[Any, ...] = ([], {}, [[]], {"": {}}, {"x": None})
SCALARS = (*NUMBERS, *TEXTS, *HOSTILE)
DAMAGE = (b"", b"\0", b"\xff\xfe", b"\\ud800", b"[" * 100_000, b'{"x":' * 100_000, b"9" * 5000, b"\n", b'"')


def put(document: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """The document with this value at this place."""
    if not path:
        return value
    changed = copy.copy(document)
    changed[path[0]] = put(document[path[0]], path[1:], value)
    return changed


@st.composite
def places(draw: st.DrawFn, document: Any) -> tuple[str | int, ...]:
    """The place of a value in the document: as often one near the top as one of the many below it."""
    path: tuple[str | int, ...] = ()
    while isinstance(document, dict | list) and document and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(list(document) if isinstance(document, dict) else range(len(document))))
        path, document = (*path, key), document[key]
    return path


@st.composite
def changed(draw: st.DrawFn, documents: Sequence[Any], values: Sequence[Any] = (*SCALARS, *CONTAINERS)) -> Any:
    """One of these documents with up to three of its values made other ones."""
    document = draw(st.sampled_from(documents))
    for _ in range(draw(st.integers(0, 3))):
        document = put(document, draw(places(document)), draw(st.sampled_from(values)))
    return document


@st.composite
def damaged(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> bytes:
    """One of these bodies: whole, cut off, or with something else in the place of a stretch of it."""
    body = draw(bodies)
    first, second = sorted(draw(st.tuples(*[st.integers(0, len(body))] * 2)))
    instead = draw(st.sampled_from(DAMAGE) | st.binary(max_size=8))
    return draw(st.sampled_from((body, body[:first], body[:first] + instead + body[second:])))


def as_json(documents: Sequence[Any]) -> st.SearchStrategy[bytes]:
    """JSON of changed documents, some of it damaged."""
    return damaged(changed(documents).map(lambda document: json.dumps(document).encode()))
