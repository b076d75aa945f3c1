"""What requests carry in their bodies, as JSON or as a form; what cannot be read is refused with a sentence."""

import json
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from aiohttp import web


async def field_of(request: web.Request, name: str) -> str:
    """The text of this field in the form or the JSON, empty where there is none."""
    try:
        raw = await request.read()
    except web.RequestPayloadError as error:
        raise web.HTTPBadRequest(text="The body is not encoded as its Content-Encoding says.") from error
    if not raw:
        return ""
    if request.content_type not in _READERS:
        raise web.HTTPBadRequest(text="The body is neither JSON nor a form (application/x-www-form-urlencoded).")
    called, reader = _READERS[request.content_type]
    try:
        charset = request.charset or "utf-8"
        body = reader(raw.decode(charset), charset)
        text = body.get(name, "") if isinstance(body, dict) else ""
        text = text.strip() if isinstance(text, str) else ""
        text.encode()  # JSON can carry half a character, which no page can
    except (ValueError, LookupError, RecursionError) as error:  # also: an unknown charset, brackets without end
        raise web.HTTPBadRequest(text=f"The body cannot be read as {called}.") from error
    return text


def _json(text: str, _charset: str) -> object:
    return json.loads(text)


def _form(text: str, charset: str) -> object:
    return dict(parse_qsl(text, encoding=charset, errors="strict"))


_READERS: Mapping[str, tuple[str, Callable[[str, str], object]]] = {
    "application/json": ("JSON", _json),
    "application/x-www-form-urlencoded": ("a form", _form),
}
