"""What a step's answer holds: its variables, wherever a product puts them. Pure, but for a timer."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from html.parser import HTMLParser
from types import MappingProxyType
from typing import Any, NamedTuple

from jsonpointer import JsonPointerException, resolve_pointer
from yarl import URL

from prober.bounded import bounded, search
from prober.core.plan import Extract, Step
from prober.core.reasons import Reason, RunFault
from prober.core.words import read_json

LARGEST = 1024 * 1024
"""Bytes read of a body: more is no answer to a caller, and a page is seen without its rest."""

LONGEST_VALUE = 16 * 1024
"""Characters of a variable: more is no token, no id and no address."""

CHARSETS = frozenset(
    {
        *("utf-8", "utf8", "us-ascii", "ascii", "utf-16", "utf-16le", "utf-16be"),
        *("iso-8859-1", "latin-1", "latin1", "iso-8859-2", "iso-8859-15"),
        *("windows-1250", "windows-1251", "windows-1252", "koi8-r"),
        *("shift_jis", "euc-jp", "gb2312", "gbk", "gb18030", "big5", "euc-kr"),
    }
)
"""Charsets that a page may be in. Python knows more, some slow on purpose, some that quote the page in their errors."""


class Answer(NamedTuple):
    """The final answer to a step; `cookies` are those set on the way to it and those that its URL would be sent.

    `content_type` is as words may show it.
    """

    url: URL
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    body: bytes
    whole: bool
    content_type: str
    charset: str | None


def malformed(step: Step, what: str) -> RunFault:
    """The fault of an answer that a caller cannot use."""
    return RunFault(Reason.TRIAL_MALFORMED, f"step {step.name}: {what}")


def document(step: Step, answer: Answer) -> Any:
    """The answer's JSON. Raises RunFault where it is none."""
    kind = answer.content_type
    found = read_json(_body(step, answer))
    if found is None:
        raise malformed(step, f"answered {kind} where JSON was expected")
    return found


def extracted(step: Step, extract: Extract, answer: Answer) -> str:
    """The variable in the answer. Raises RunFault where there is no printable text for it."""
    value = _FINDERS[extract.source](step, extract.at, answer)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value or not value.isprintable():
        raise malformed(step, _LACKS[extract.source].format(at=extract.at, kind=answer.content_type))
    if len(value) > LONGEST_VALUE:
        raise malformed(step, f"the {extract.source} {extract.at} is longer than {LONGEST_VALUE} characters")
    return value


def _body(step: Step, answer: Answer) -> bytes:
    if not answer.whole:
        raise malformed(step, f"the answer ({answer.content_type}) is larger than {LARGEST} bytes")
    return answer.body


def _text(step: Step, answer: Answer) -> str:
    charset = (answer.charset or "").lower()
    with bounded(f"step {step.name}: the decoding of the answer"):
        return _body(step, answer).decode(charset if charset in CHARSETS else "utf-8", "replace")


def _from_json(step: Step, at: str, answer: Answer) -> Any:
    try:
        return resolve_pointer(document(step, answer), at)
    except (JsonPointerException, TypeError):
        return None


def _from_pattern(step: Step, at: str, answer: Answer) -> Any:
    found = search(f"step {step.name}", at, _text(step, answer))
    return None if found is None else found[1]


def _from_field(step: Step, at: str, answer: Answer) -> Any:
    fields, text = _Fields(at), _text(step, answer)
    # Of a page that it cannot read the parser keeps what it read so far; its errors quote the page.
    with bounded(f"step {step.name}: the search for the form field {at}"), suppress(AssertionError, ValueError):
        fields.feed(text)
    return fields.value


_FINDERS: Mapping[str, Callable[[Step, str, Answer], Any]] = MappingProxyType(
    {
        "json": _from_json,
        "header": lambda _step, at, answer: answer.headers.get(at),
        "query": lambda _step, at, answer: answer.url.query.get(at),
        "regex": _from_pattern,
        "cookie": lambda _step, at, answer: answer.cookies.get(at),
        "field": _from_field,
    }
)

_LACKS = MappingProxyType(
    {
        "json": "the answer has no text at {at} ({kind})",
        "header": "the answer has no header {at}",
        "query": "the final URL's query has no {at}",
        "regex": "the answer ({kind}) holds nothing that {at} finds",
        "cookie": "no cookie {at} was set",
        "field": "the answer ({kind}) has no form field {at} with a value",
    }
)


class _Fields(HTMLParser):
    """The value of the page's first form field of this name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.value: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and given.get("name") == self._name and self.value is None:
            self.value = given.get("value")
