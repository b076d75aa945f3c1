"""What all answers have in common: their headers, and that an error is one sentence of plain text."""

import logging

from aiohttp import web

from prober.watch.web.guard import Handler

log = logging.getLogger(__name__)
LARGEST = 1024
"""Bytes of a request's body; nothing here reads one."""
SERVER = "livekit-prober"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # `no-referrer` would take the Origin from our own forms
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""What an answer says unless its handler says something else."""


async def dress(_request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Give the answer its headers; versions are nobody's business."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = SERVER


@web.middleware
async def in_a_sentence(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The handler's answer. Its HTTPException is one too, the router's gets words, and a bug of ours shows nothing."""
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as error:
        error.text = f"This path answers {' and '.join(sorted(error.allowed_methods))}.\n"
        raise
    except web.HTTPNotFound as error:
        if request.match_info.http_exception is error:
            error.text = "There is nothing under this path.\n"
        raise
    except web.HTTPException:
        raise
    except Exception:
        log.exception("web.failed", extra={"method": request.method, "path": request.path})
        return web.Response(status=500, text="The canary has a bug; its log has the rest.\n")


@web.middleware
async def without_a_body(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The handler's answer, unless the client wants to send more than anything here reads."""
    length = request.content_length or 0
    if length > LARGEST:
        error = web.HTTPRequestEntityTooLarge(LARGEST, length, text=f"A body has {LARGEST} bytes at most here.\n")
        error.force_close()
        raise error
    return await handler(request)
