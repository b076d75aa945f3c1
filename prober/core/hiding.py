"""Strings that no text may show, found in it however they are written. Pure; never raises."""

import re
from base64 import b64encode
from collections.abc import Callable, Iterable
from html import unescape
from urllib.parse import unquote, unquote_plus

SHORTEST = 4
"""Characters of a string that is hidden: shorter ones are words."""
MOST = 1 << 22
"""Characters times strings that are looked through: of a text with more of them nothing is shown."""
HIDDEN = "[hidden]"
_ENTITY = re.compile(r"&(?:#0{0,9}\d{1,7};?|#[xX]0{0,9}[\da-fA-F]{1,6};?|\w{2,8};)")
_ESCAPE = re.compile(r"((?:\\u[\da-fA-F]{4})+)|\\(.)", re.DOTALL)
_RUN = re.compile(r"[\w+/-]+(?:=|%3[Dd])*", re.ASCII)
_STANDARD = str.maketrans("-_", "+/")


def hidden(text: str, hide: Iterable[str]) -> str:
    """The text as it is, but for these strings: those of at least SHORTEST characters, in capital or small letters.

    They are found in base64, where the run that holds one is hidden whole, and encoded as in URLs, HTML or JSON, up to
    twice; such a text is shown decoded, where it can be printed.
    """
    # Longest first: a value that contains another one is hidden whole.
    secrets = sorted({_small(value) for value in hide if len(value) >= SHORTEST}, key=len, reverse=True)
    if not secrets:
        return text
    if len(text) * len(secrets) > MOST:
        return HIDDEN
    cores = [core for secret in {value for value in hide if len(value) >= SHORTEST} for core in _cores(secret)]
    text = _blotted(text, secrets, cores)
    for percent in (unquote, unquote_plus):
        plain = text
        for decode in (percent, _without_entities, _without_escapes) * 2:
            before, plain = plain, decode(plain)
            if plain != before and (shown := _blotted(plain, secrets, cores)) != plain:
                text = plain = "".join(letter if letter.isprintable() else " " for letter in shown)
    return text


def _small(text: str) -> str:
    """In small letters, as long as before."""
    return text.replace("İ", "I").lower()


def _blotted(text: str, secrets: list[str], cores: list[str]) -> str:
    small = _small(text)
    for secret in secrets:
        if secret in small:
            pieces, start = list[str](), 0
            while (found := small.find(secret, start)) >= 0:
                pieces += [text[start:found], HIDDEN]
                start = found + len(secret)
            text = "".join([*pieces, text[start:]])
            small = _small(text)
    standard = text.translate(_STANDARD)
    found_cores = [core for core in cores if core in standard]
    return _RUN.sub(_without(found_cores), text) if found_cores else text


def _cores(secret: str) -> tuple[str, ...]:
    """What is in the base64 of any text that holds the secret: one of these, by where in a group of three it begins."""
    raw = secret.encode(errors="replace")
    return tuple(
        b64encode(b"\0" * before + raw).decode()[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        for before in range(3)
    )


def _without(cores: list[str]) -> Callable[[re.Match[str]], str]:
    def shown(run: re.Match[str]) -> str:
        standard = run[0].translate(_STANDARD)
        return HIDDEN if any(core in standard for core in cores) else run[0]

    return shown


def _without_entities(text: str) -> str:
    return _ENTITY.sub(lambda found: unescape(found[0]), text)


def _without_escapes(text: str) -> str:
    return _ESCAPE.sub(_unescaped, text)


def _unescaped(found: re.Match[str]) -> str:
    if found[1] is None:
        return found[2]
    units = bytes.fromhex("".join(found[1].split("\\u")))
    return units.decode("utf-16-be", "replace")
