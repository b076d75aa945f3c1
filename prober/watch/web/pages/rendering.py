"""Pages as HTML: everything escaped, nothing from elsewhere, and a policy for the browser that says so.

Texts come from products, rooms and agents. They are escaped, and whatever could not be seen or would turn the direction
of the text around is shown as a sign.
"""

import base64
import functools
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from prober.core.visible import visible

_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; connect-src 'self'; "
    "media-src 'self'; img-src data:; style-src 'sha256-{style}'; script-src 'sha256-{script}'"
)


def page(template: str, **values: Any) -> str:
    """The page that this template makes of these values."""
    return _environment().get_template(template).render(values)


@functools.cache
def headers() -> Mapping[str, str]:
    """What the browser is told with every page, beside what it is told with every answer."""
    sources = {name: _digest(str(_environment().globals[name])) for name in ("style", "script")}
    return {"Content-Security-Policy": _POLICY.format_map(sources)}


def shown(value: object) -> object:
    """A text that others may have written, made visible; other values as they are."""
    return visible(value, keep="\n") if isinstance(value, str) and not isinstance(value, Markup) else value


def prose(text: str) -> Markup:
    """A sentence of ours, in which what stands between backticks is code."""
    pieces = re.split(r"`([^`]*)`", visible(text, keep="\n"))
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if number % 2 else escape(piece) for number, piece in enumerate(pieces)
    )


@functools.cache
def _environment() -> Environment:
    loader = PackageLoader("prober.watch.web.pages")
    made = Environment(
        loader=loader,
        autoescape=True,
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["prose"] = prose
    made.filters["percent"] = lambda fraction: f"{100 * fraction:.2f}%"
    for name, file in (("style", "page.css"), ("script", "page.js")):
        made.globals[name] = Markup(loader.get_source(made, file)[0])  # noqa: S704 - files of ours
    return made


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
