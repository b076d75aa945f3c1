"""A small web product with a voice agent: an e-mail form, Start Trial, and a page to talk to the agent."""

import ssl
import time
from collections.abc import Mapping
from http import HTTPStatus
from importlib import resources
from math import ceil
from types import MappingProxyType, TracebackType
from typing import Self

import jinja2
from aiohttp import web
from aiohttp.typedefs import Handler

from prober.refstack.cache import Progress
from prober.refstack.faults import Fault
from prober.refstack.process import StackError
from prober.refstack.trial_app.bad_answers import DETAILS, REFUSALS, START, with_faults
from prober.refstack.trial_app.bodies import field_of
from prober.refstack.trial_app.connection import (
    Knobs,
    RoomNotReadyError,
    ServerAccess,
    bring_agent,
    connection_details,
)
from prober.refstack.trial_app.livekit_client import ensure_client
from prober.refstack.trial_app.panel import Panel
from prober.refstack.trial_app.switchboard import Switchboard
from prober.refstack.trial_app.token_endpoints import TokenEndpoints
from prober.refstack.trial_app.trials import RateLimit, Throttle, Trials, is_email

_PACKAGE = "prober.refstack.trial_app"
_BODY_AT_MOST = 16 * 1024
_STATIC_TYPES = {"style.css": "text/css", "call.js": "text/javascript"}


class TrialApp:
    """The product's web server on a free loopback port, running as long as its context.

    A customer who comes to `/?fault=NAME` has the product with that fault, others do not notice; the switchboard
    breaks it for all. `elsewhere` are the servers to which some faults send their callers.
    """

    url: str
    _port: int
    _door: web.TCPSite

    def __init__(
        self,
        *,
        server: ServerAccess,
        knobs: Knobs,
        progress: Progress,
        elsewhere: Mapping[Fault, ServerAccess] = MappingProxyType({}),
        rate_limit: RateLimit | None = None,
    ) -> None:
        self.knobs = knobs
        self.switchboard = Switchboard(server, elsewhere, progress)
        self._panel = Panel(self.switchboard)
        self._progress = progress
        self._trials = Trials()
        self._throttle = Throttle(rate_limit or RateLimit())
        self._tokens = TokenEndpoints(self.switchboard, knobs)
        self._pages = jinja2.Environment(
            loader=jinja2.PackageLoader(_PACKAGE), autoescape=True, undefined=jinja2.StrictUndefined
        )
        application = web.Application(
            middlewares=[_errors_as_json, with_faults(self.switchboard)], client_max_size=_BODY_AT_MOST
        )
        application.add_routes(
            [
                web.get("/", self._start_page),
                web.post(START, self._start_trial),
                web.get("/call", self._call_page),
                web.get(DETAILS, self._connection_details),
                web.get("/static/livekit-client.umd.js", self._livekit_client),
                web.get("/static/{name}", _static),
                *self._panel.routes(),
                *self._tokens.routes(),
            ]
        )
        # A fault that never answers ends with the customer who waits for it.
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0, handler_cancellation=True)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        self._door = web.TCPSite(self._runner, "127.0.0.1", 0)
        try:
            await self._door.start()
        except BaseException:
            await self._runner.cleanup()
            raise
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def close_door(self) -> None:
        """Be down: refuse whoever knocks."""
        await self._door.stop()

    async def open_door(self) -> None:
        """After `close_door`: be up again, at the same address."""
        self._door = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await self._door.start()

    async def open_tls_door(self, context: ssl.SSLContext) -> str:
        """Serve over TLS as well, with this context's certificate; the URL of that door."""
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context).start()
        return f"https://127.0.0.1:{self._runner.addresses[-1][1]}"

    async def _start_page(self, _request: web.Request) -> web.Response:
        return self._front_page()

    async def _start_trial(self, request: web.Request) -> web.Response:
        email = await field_of(request, "email")
        fault = self.switchboard.fault_of(request)
        if fault is not None and fault in REFUSALS:
            return self._refuse(request, *REFUSALS[fault], email)
        if not is_email(email):
            return self._refuse(request, 422, "Please enter an e-mail address such as ada@example.com.", email)
        wait = self._throttle.wait_for(request.remote or "", time.monotonic())
        if wait is not None:
            refusal = self._refuse(request, 429, "Too many trials were started from your address; try later.", email)
            refusal.headers["Retry-After"] = str(ceil(wait))
            return refusal
        trial = self._trials.grant(time.time())
        return web.json_response(
            {"trial_id": trial.trial_id, "room_name": trial.room_name},
            status=303,
            headers={"Location": f"/call?trial={trial.trial_id}"},
        )

    async def _call_page(self, request: web.Request) -> web.Response:
        trial = self._trials.find(request.query.get("trial", ""))
        if trial is None:
            return self._page("unknown.html", status=404)
        return self._page("call.html", trial=trial)

    async def _connection_details(self, request: web.Request) -> web.Response:
        if "trial" not in request.query:
            return await self._tokens.starter(request)
        trial = self._trials.find(request.query.get("trial", ""))
        if trial is None:
            return _error(404, "This trial does not exist.")
        fault = self.switchboard.fault_of(request)
        server = self.switchboard.server_of(fault)
        if self.knobs.agent_first:
            try:
                await bring_agent(server, trial, self.knobs, fault)
            except RoomNotReadyError as error:
                return _error(503, str(error))
        details = connection_details(server, trial, self.knobs, fault)
        return web.json_response(details.as_json(), headers={"Cache-Control": "no-store"})

    async def _livekit_client(self, _request: web.Request) -> web.StreamResponse:
        try:
            return web.FileResponse(await ensure_client(self._progress), headers={"Content-Type": "text/javascript"})
        except StackError as error:
            self._progress(str(error))
            return _error(
                503, "The LiveKit library for browsers could not be fetched from npm. See the program's output."
            )

    def _refuse(self, request: web.Request, status: int, sentence: str, email: str) -> web.Response:
        """Answer people with the form and programs with JSON."""
        if "text/html" in request.headers.get("Accept", ""):
            return self._front_page(status=status, error=sentence, email=email)
        return _error(status, sentence)

    def _front_page(self, status: int = 200, error: str | None = None, email: str = "") -> web.Response:
        return self._page("start.html", status=status, error=error, email=email, **self._panel.values())

    def _page(self, template: str, status: int = 200, **values: object) -> web.Response:
        text = self._pages.get_template(template).render(**values)
        headers = {"Cache-Control": "no-store", "Content-Security-Policy": "frame-ancestors 'none'"}
        return web.Response(text=text, status=status, content_type="text/html", headers=headers)


async def _static(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if name not in _STATIC_TYPES:
        raise web.HTTPNotFound(text="There is no such file.")
    text = resources.files(_PACKAGE).joinpath("static", name).read_text(encoding="utf-8")
    return web.Response(text=text, content_type=_STATIC_TYPES[name], headers={"Cache-Control": "no-cache"})


def _error(status: int, sentence: str) -> web.Response:
    return web.json_response({"error": sentence}, status=status, headers={"Cache-Control": "no-store"})


@web.middleware
async def _errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give aiohttp's own refusals (no such page, wrong method, body too large) the shape of ours."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        phrase = HTTPStatus(error.status).phrase
        text = error.text if error.text and not error.text.startswith(str(error.status)) else f"{phrase}."
        return _error(error.status, text)
