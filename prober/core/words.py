"""Text of the target's own, made fit for a timeline: short, printable, without secrets. Pure; never raises."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from yarl import URL

LONGEST = 120
"""Characters kept of the target's own words."""

_TOKEN = re.compile(r"\beyJ[\w-]*(?:\.[\w-]*)*")
_EMAIL = re.compile(r"[^\s@\"'<>(),;:/?&=]+(?:@|%40)[^\s@\"'<>(),;:/?&=]+")
_QUERY = re.compile(r"(?<=\S)\?\S*[=&]\S*")


def harmless(text: str, *, hide: Iterable[str] = ()) -> str:
    """The text on one line, cut short; tokens, e-mail addresses, queries and the strings to `hide` are blotted out."""
    # Longest first: a value that contains another one is hidden whole.
    for secret in sorted((value for value in hide if len(value) >= 4), key=len, reverse=True):
        text = text.replace(secret, "[hidden]")
    text = _EMAIL.sub("[e-mail]", _QUERY.sub("", _TOKEN.sub("[token]", text)))
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def place(url: URL, *, hide: Iterable[str] = ()) -> str:
    """Where a URL points: scheme, host and path, without user, query and fragment."""
    return str(url.origin()) + harmless(url.raw_path, hide=hide)


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
        return msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):  # not JSON, not UTF-8, nested too deep
        return None
