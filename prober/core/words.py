"""Text of the target's own, made fit for a timeline: short, printable, without secrets. Pure; never raises.

Each pattern takes time in proportion to the text: a search holds the interpreter, and nothing ends it.
"""

import re
from collections.abc import Iterable
from typing import Any

from yarl import URL

from prober.core.decoding import decoded
from prober.core.hiding import hidden

LONGEST = 120
"""Characters kept of the target's own words."""

_TOKEN = re.compile(r"(?:(?<![^\W_])eyJ|eyJ(?=[\w-]{12}))(?:[\w.+/=-]|%2[BbFf]|%3[Dd]|\[hidden\])*")
"""JSON in base64, of which a part may be hidden by now; after letters, as of an encoded sign, only what is long."""
_PART = r"[^\s@\"'<>(),;:/?&=]"
_AT = r"(?:[@\uFF20]|%(?:25){0,3}40|&#0{0,5}64;|&#[xX]0{0,5}40;|&commat;|\\u0040)"
_EMAIL = re.compile(rf"(?<!{_PART}){_PART}+{_AT}{_PART}+")
_AFTER = re.compile(r"(?<=\S)(?:\?\S*|#[^\s#=]*=\S*)")
"""What may be a query, or a fragment that is one."""
_CODE = re.compile(r"[=&]|%3[Dd]|.{25}|(?=.*\d).{9}")
"""What makes a query of it: a name with a value, or what is too long for a word."""
_MARKS = re.compile("##+")
"""What begins a command to whatever runs a CI's job, wherever in a line it stands: `##[add-mask]`, `##vso[…]`."""
_OPAQUE = re.compile(r"(?<=/)(?:[^/\s]{25,}|(?=[^/\s]*\d)[^/\s]{16,})")
"""A path's segment that may be a secret: a long one, or one of some length with a digit in it."""
_PACKAGE = __file__.removesuffix("core/words.py")


def harmless(text: str, *, hide: Iterable[str] = (), longest: int = LONGEST) -> str:
    """The text on one line, cut short; tokens, e-mail addresses, queries and the strings to `hide` are blotted out.

    What is to be hidden is found encoded too: see `hidden`.
    """
    text = hidden(text, hide)
    text = _EMAIL.sub("[e-mail]", _AFTER.sub(_without_query, _TOKEN.sub("[token]", text)))
    text = _MARKS.sub("#", text)
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def place(url: URL, *, hide: Iterable[str] = ()) -> str:
    """Where a URL points: scheme, host and path, without user, query and fragment, nor segments that may be secrets."""
    return harmless(str(url.origin()), hide=hide) + harmless(_OPAQUE.sub("…", hidden(url.raw_path, hide)))


def authority(url: URL) -> str:
    """Host and, where it is not the scheme's own, port."""
    return str(url.origin()).partition("://")[2]


def own_words(body: bytes, *, hide: Iterable[str] = ()) -> str:
    """What a refusal says in JSON under `error`, `message` or `detail`, made harmless; empty where it says nothing."""
    document = read_json(body)
    if not isinstance(document, dict):
        return ""
    found = (document.get(key) for key in ("error", "message", "detail"))
    return next((harmless(said, hide=hide) for said in found if isinstance(said, str) and said.strip()), "")


def read_json(body: bytes) -> Any:
    """The JSON document in a body; None where it holds none (or just `null`)."""
    try:
        return decoded(body.removeprefix(b"\xef\xbb\xbf"), Any)
    except ValueError:
        return None


def whereabouts(error: BaseException) -> str:
    """What kind of error and where in our code, for an error whose text is foreign: that may quote anything."""
    said, step = type(error).__name__, error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if file.startswith(_PACKAGE):
            said = f"{type(error).__name__} at prober/{file.removeprefix(_PACKAGE)}:{step.tb_lineno}"
        step = step.tb_next
    return said


def _without_query(found: re.Match[str]) -> str:
    return "" if _CODE.search(found[0]) else found[0]
