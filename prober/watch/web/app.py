"""The canary's HTTP server: put together, listening, closed again."""

import asyncio
import functools
from collections.abc import Iterable
from pathlib import Path

from aiohttp import web

from prober.sinks.evidence import Evidence
from prober.sinks.evidence import Limits as EvidenceLimits
from prober.watch.status import Canary
from prober.watch.web import api, operating, probing, stored
from prober.watch.web.connections import Connection, Door, Limits, counted
from prober.watch.web.listen import Listen, unavailable
from prober.watch.web.responses import LARGEST, dress, in_a_sentence, without_a_body
from prober.watch.web.site import SITE, Site

GRACE = 5.0
"""Seconds in which answers that have been begun may end when the server is closed."""


class Server:
    """It listens, at `url`, until it is closed."""

    def __init__(self, url: str, runner: web.AppRunner, listener: asyncio.Server) -> None:
        self.url = url
        self._runner = runner
        self._listener = listener

    async def close(self) -> None:
        """Listen no more; what is being answered has a few seconds to end."""
        self._listener.close()
        await self._runner.cleanup()


async def serve(
    canary: Canary,
    listen: Listen,
    *,
    history_path: Path,
    evidence_folder: Path | None,
    token: str | None = None,
    probe: bool = False,
    probe_gap: float = probing.GAP,
    routes: Iterable[web.AbstractRouteDef] = (),
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Server:
    """Answer for this canary there. Raises ListenError where that is impossible.

    `routes` are pages for people: handlers that find the `Site` in `request.app[SITE]`, are wrapped in
    `guard.changing` where they change anything, and may set headers of their own, which then stay as they are.
    """
    app = web.Application(middlewares=[counted, in_a_sentence, without_a_body], client_max_size=LARGEST)
    evidence = None if evidence_folder is None else Evidence(evidence_folder, EvidenceLimits())
    app[SITE] = Site(canary=canary, history=history_path, evidence=evidence, token=token)
    app.on_response_prepare.append(dress)
    for some in (operating.ROUTES, probing.routes(probe_gap if probe else None), api.ROUTES, stored.ROUTES, routes):
        app.add_routes(some)
    runner = web.AppRunner(app, shutdown_timeout=GRACE)
    await runner.setup()
    try:
        return await _listening(runner, listen, limits)
    except BaseException:
        await runner.cleanup()
        raise


async def _listening(runner: web.AppRunner, listen: Listen, limits: Limits) -> Server:
    loop, manager = asyncio.get_running_loop(), runner.server
    assert manager is not None, "set up before"  # noqa: S101 - for the type checker
    connection = functools.partial(Connection, manager, Door(limits), loop)
    try:
        listener = await loop.create_server(connection, listen.host, listen.port, backlog=512)
    except OSError as error:
        raise unavailable(listen, error) from error
    return Server(listen.url(listener.sockets[0].getsockname()[1]), runner, listener)
