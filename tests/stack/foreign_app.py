"""A product that shares nothing with the reference one but its LiveKit: form post, CSRF, cookies, pages and no JSON."""

import html
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from livekit import api

from prober.refstack.trial_app.connection import ServerAccess

ACCOUNT_KEY = "k3y-of-the-account"
"""Who deletes a trial must name it."""


@dataclass(slots=True, kw_only=True)
class ForeignApp:
    """Its state: what each visitor's form must send, and whose the trials are that are still there."""

    server: ServerAccess
    agent_name: str
    csrf: dict[str, str] = field(default_factory=dict)
    trials: dict[str, str] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)

    def application(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.get("/de/", self._landing),
                web.post("/de/anmelden", self._sign_up),
                web.get("/de/weiter", self._onwards),
                web.get("/welcome/{trial}", self._welcome),
                web.get("/gespraech/{trial}.html", self._call),
                web.delete("/konto/{trial}", self._end),
            ]
        )
        return app

    async def _landing(self, _request: web.Request) -> web.Response:
        visitor, token = secrets.token_hex(8), secrets.token_urlsafe(16) + "&"
        self.csrf[visitor] = token
        response = _page(
            f"""<form action="/de/anmelden" method="post">
            <input type="hidden" name="_lang" value="de"><input type="hidden" name="_csrf" value="{html.escape(token)}">
            <input type="email" name="mail"><button>Jetzt testen</button></form>"""
        )
        response.set_cookie("sid", visitor, path="/", httponly=True, samesite="Lax")
        return response

    async def _sign_up(self, request: web.Request) -> web.Response:
        form, visitor = await request.post(), request.cookies.get("sid", "")
        if request.content_type != "application/x-www-form-urlencoded":
            return web.Response(status=415)
        if visitor not in self.csrf or form.get("_csrf") != self.csrf[visitor]:
            return _page("<h1>Das Formular ist abgelaufen.</h1>", status=403)
        if "@" not in str(form.get("mail")):
            return _page("<h1>Bitte die Adresse prüfen.</h1>", status=422)
        trial = secrets.token_urlsafe(9)
        self.trials[trial] = visitor
        response = web.Response(status=302, headers={"Location": "weiter"})
        response.set_cookie("letzter", trial, path="/de/")
        return response

    async def _onwards(self, request: web.Request) -> web.Response:
        trial = request.cookies["letzter"]
        return web.Response(status=303, headers={"Location": f"/welcome/{trial}"})

    async def _welcome(self, request: web.Request) -> web.Response:
        trial = self._own(request)
        return _page(f"""<a class="big" href="/gespraech/{trial}.html">Zum Gespräch</a>""")

    async def _call(self, request: web.Request) -> web.Response:
        token = (
            api.AccessToken(self.server.api_key, self.server.api_secret)
            .with_identity(f"gast-{secrets.token_hex(4)}")
            .with_grants(api.VideoGrants(room_join=True, room=f"gespraech-{secrets.token_hex(6)}"))
            .with_room_config(
                api.RoomConfiguration(agents=[api.RoomAgentDispatch(agent_name=self.agent_name)], departure_timeout=1)
            )
            .to_jwt()
        )
        call = json.dumps({"lk": {"endpoint": self.server.url}, "jwt": token, "for": self._own(request)})
        return _page(f"<div id=app></div><script>window.__CALL__ = {call};</script>")

    async def _end(self, request: web.Request) -> web.Response:
        if request.headers.get("X-Account-Key") != ACCOUNT_KEY:
            return web.Response(status=401)
        trial = self._own(request)
        del self.trials[trial]
        self.ended.append(trial)
        return web.Response(status=204)

    def _own(self, request: web.Request) -> str:
        trial = request.match_info["trial"]
        if trial not in self.trials or self.trials[trial] != request.cookies.get("sid"):
            raise web.HTTPNotFound
        return trial


def _page(body: str, status: int = 200) -> web.Response:
    return web.Response(text=f"<!doctype html><title>Probe</title>{body}", status=status, content_type="text/html")


@asynccontextmanager
async def foreign_product(server: ServerAccess, agent_name: str) -> AsyncIterator[tuple[ForeignApp, str]]:
    """The product on a free port of loopback, and its origin."""
    product = ForeignApp(server=server, agent_name=agent_name)
    runner = web.AppRunner(product.application(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield product, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
