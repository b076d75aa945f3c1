"""Texts that hold `{{ variable }}`: which ones they name, and the texts with the values put in. Pure."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

import msgspec

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What a walk knows so far: its variables, secrets among them, and each `Set-Cookie` with the URL that sent it."""

    variables: dict[str, str] = {}
    cookies: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"Known(variables={sorted(self.variables)}, cookies={len(self.cookies)})"


def fill(template: str, variables: Mapping[str, str]) -> str:
    """The template with its variables put in. Raises KeyError for an unknown one: the checks have looked."""
    return _VARIABLE.sub(lambda found: variables[found[1]], template)


def fill_all(document: Any, variables: Mapping[str, str]) -> Any:
    """A JSON document with the variables put into its strings, at any depth; its keys stay as they are."""
    match document:
        case str():
            return fill(document, variables)
        case dict():
            return {key: fill_all(value, variables) for key, value in document.items()}
        case list() | tuple():
            return [fill_all(value, variables) for value in document]
        case _:
            return document


def fill_url(template: str, variables: Mapping[str, str]) -> str:
    """As `fill`; values are percent-encoded. Raises ValueError where a value would walk up the path."""
    filled = fill(template, {name: quote(value, safe="") for name, value in variables.items()})
    if climbs(filled):
        raise ValueError("a value would walk up the path of the URL")
    return filled


def climbs(url: str) -> bool:
    """Whether the path of a URL has a part `.` or `..`, which servers and libraries resolve, however it is encoded."""
    path = re.split(r"[?#]", url.partition("://")[2], maxsplit=1)[0]
    return any(part in {".", ".."} for part in re.split(r"[/\\]", unquote(path)))


def names(document: Any) -> Iterator[str]:
    """The variables that a JSON document's strings name."""
    for _, text in texts(document):
        yield from _VARIABLE.findall(text)


def texts(document: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Each string of a JSON document with the JSON pointer to it."""
    match document:
        case str():
            yield at, document
        case dict():
            for key, value in document.items():
                yield from texts(value, f"{at}/{str(key).replace('~', '~0').replace('/', '~1')}")
        case list() | tuple():
            for index, value in enumerate(document):
                yield from texts(value, f"{at}/{index}")


def without_variables(template: str, instead: str = "") -> str:
    """The template with `instead` where its variables are."""
    return _VARIABLE.sub(instead, template)


def is_variable(name: str) -> bool:
    """Whether templates can name this."""
    return _VARIABLE.fullmatch(f"{{{{{name}}}}}") is not None


def check_template(text: str, known: Collection[str], where: str) -> None:
    """Raises ValueError where the text names what is not known, or has braces that look like a slip.

    Braces of a JSON document inside of a text are none: those balance, and two never open it.
    """
    for name in _VARIABLE.findall(text):
        if name not in known:
            raise ValueError(f"{where} uses {{{{ {name} }}}}, which is not known there; {', '.join(sorted(known))} are")
    rest = without_variables(text)
    if "{{" in rest or ("}}" in rest and rest.count("}") > rest.count("{")):
        raise ValueError(f"{where} has braces that are no variable; one looks like {{{{ run_id }}}}")
