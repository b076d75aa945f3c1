"""What the trial app answers when it has a fault: to each of its customers by the fault that this one came with."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from prober.refstack.faults import Fault
from prober.refstack.trial_app.switchboard import COOKIE, Switchboard

START, DETAILS = "/api/trial", "/api/connection-details"
SLOW = 4.0
FOREVER = 3600.0
DRIP = 0.2
HUGE = 10_000_000

Answer = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]


def with_faults(switchboard: Switchboard) -> Middleware:
    """Answers each customer as its fault has it; the front page sets the customer's own, or takes it away again."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        bad = _ANSWERS.get((switchboard.fault_of(request), request.path))
        response = await (handler(request) if bad is None else bad(request, handler))
        if request.path == "/" and request.query.get(COOKIE):
            response.set_cookie(COOKIE, request.query[COOKIE], samesite="Lax")
        elif request.path == "/":
            response.del_cookie(COOKIE)
        return response

    return answer


async def _hang(_request: web.Request, _handler: Handler) -> web.StreamResponse:
    await asyncio.sleep(FOREVER)
    return web.Response()


async def _drip(request: web.Request, _handler: Handler) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):  # the customer has given up
        for _ in range(round(FOREVER / DRIP)):
            await response.write(b" ")
            await asyncio.sleep(DRIP)
    return response


async def _late(request: web.Request, handler: Handler) -> web.StreamResponse:
    await asyncio.sleep(SLOW)
    return await handler(request)


async def _login_page(_request: web.Request, _handler: Handler) -> web.StreamResponse:
    return web.Response(text="<!doctype html><title>Log in</title><p>Please log in.</p>", content_type="text/html")


async def _without_token(request: web.Request, handler: Handler) -> web.StreamResponse:
    details = await _details(request, handler)
    return web.json_response({name: value for name, value in details.items() if name != "participantToken"})


async def _with_ballast(request: web.Request, handler: Handler) -> web.StreamResponse:
    return web.json_response({"catalogue": "x" * HUGE} | await _details(request, handler))


async def _details(request: web.Request, handler: Handler) -> dict[str, str]:
    response = await handler(request)
    assert isinstance(response, web.Response)  # noqa: S101 - our own handler's
    details: dict[str, str] = json.loads(response.text or "{}")
    return details


_ANSWERS: Mapping[tuple[Fault | None, str], Answer] = {
    (Fault.TRIAL_HANGS, START): _hang,
    (Fault.TRIAL_DRIPS, START): _drip,
    (Fault.TRIAL_HTML, DETAILS): _login_page,
    (Fault.TRIAL_NO_TOKEN, DETAILS): _without_token,
    (Fault.TRIAL_HUGE, DETAILS): _with_ballast,
    (Fault.SLOW_TRIAL, START): _late,
}

REFUSALS: Mapping[Fault, tuple[int, str]] = {
    Fault.TRIAL_500: (500, "Something went wrong on our side, and your trial was not started."),
    Fault.TRIAL_429: (429, "Too many trials were started from your address; try later."),
}
"""With which status and sentence Start Trial refuses."""
