"""The status page over HTTP: reads what is asked for, makes the view of it, renders that.

Every link is relative, so that the pages work behind any prefix of a proxy. Views are made in a thread: a large page
must not hold up who asks for the metrics.
"""

import asyncio
import http
from typing import Any

from aiohttp import web

from prober.core.reasons import Outcome
from prober.sinks.evidence import checked
from prober.watch.status import Status
from prober.watch.web import stored
from prober.watch.web.pages import kept, rendering, sound
from prober.watch.web.pages.overview import overview
from prober.watch.web.pages.run import run_page
from prober.watch.web.pages.target import USUAL, WINDOWS, target_page
from prober.watch.web.site import SITE, Site

REFRESH, REFRESH_HISTORY = 5, 15
"""Seconds after which a page asks for itself again: one made of the status, and one that reads the history."""
LARGE = 1 << 14
"""Bytes of a page from which on it is compressed in a thread."""


async def _overview(request: web.Request) -> web.Response:
    status = request.app[SITE].canary.status()

    def made() -> str:
        return rendering.page("overview.html", page=overview(status), root="./", refresh=REFRESH)

    return _html(await asyncio.to_thread(made))


async def _target(request: web.Request) -> web.Response:
    """A target that is watched; where the history cannot be read, without it."""
    site, name = request.app[SITE], request.match_info["target"]
    status, asked = site.canary.status(), request.query.get("window", USUAL)
    window = asked if asked in WINDOWS else USUAL
    if not _scenarios(status, name):
        return _sorry(f"There is no target '{name}'.", root="../")
    past, trouble = None, None
    try:
        past = await site.ask(lambda history: kept.since(history, name, status.now - WINDOWS[window]))
    except web.HTTPServiceUnavailable as error:
        trouble = error.text

    def made() -> str:
        page = target_page(status, name, window, past, trouble)
        return rendering.page("target.html", page=page, root="../", refresh=REFRESH_HISTORY)

    return _html(await asyncio.to_thread(made))


async def _last_failure(request: web.Request) -> web.Response:
    """Lead to the newest failed run that the canary or the history knows."""
    site, root = request.app[SITE], "../../../"
    target, scenario = request.match_info["target"], request.match_info["scenario"]
    status = site.canary.status()
    if scenario not in _scenarios(status, target):
        return _sorry(f"There is no scenario '{scenario}' of a target '{target}'.", root=root)
    recent = next(line.recent for line in status.lines if line.key == (target, scenario))
    run_id = next((run.run_id for run in reversed(recent) if run.outcome == Outcome.FAIL), None)
    try:
        run_id = run_id or await site.ask(lambda history: kept.last_failure(history, target, scenario))
    except web.HTTPServiceUnavailable as error:
        return _sorry(error.text or "", root=root, status=error.status)
    if run_id is None:
        return _sorry(f"No run of {target}/{scenario} that is kept has failed.", root=root)
    raise web.HTTPFound(f"{root}runs/{run_id}")


async def _run(request: web.Request) -> web.Response:
    """A run's page; of a record that is not understood, the record."""
    site, run_id = request.app[SITE], request.match_info["run_id"]
    try:
        document = await stored.document(site, checked(run_id))
    except ValueError as error:
        return _sorry(f"'{run_id}' is no run: {error}.", root="../")
    except web.HTTPServiceUnavailable as error:
        return _sorry(error.text or "", root="../", status=error.status)
    if document is None:
        told = f"There is no run {run_id} in the history. It may be too old, or so new that it is not written yet."
        return _sorry(told, root="../")
    return _html(await asyncio.to_thread(_told, site, run_id, document))


def _told(site: Site, run_id: str, document: bytes) -> str:
    values: dict[str, Any] = {"root": "../", "refresh": 0}
    record = kept.understood(document)
    if record is None:
        return rendering.page("unreadable.html", run_id=run_id, document=document.decode(errors="replace"), **values)
    recording = None if site.evidence is None else site.evidence.recording(run_id)
    heard = None if recording is None else sound.read(recording)
    return rendering.page("run.html", page=run_page(record, heard, recorded=recording is not None), **values)


def _scenarios(status: Status, target: str) -> list[str]:
    return [line.key.scenario for line in status.lines if line.key.target == target]


def _sorry(sentence: str, *, root: str, status: int = http.HTTPStatus.NOT_FOUND) -> web.Response:
    return _html(rendering.page("sorry.html", sentence=sentence, root=root, refresh=0), status=status)


def _html(body: str, *, status: int = http.HTTPStatus.OK) -> web.Response:
    response = web.Response(
        text=body, content_type="text/html", status=status, headers=rendering.headers(), zlib_executor_size=LARGE
    )
    response.enable_compression()
    return response


ROUTES = (
    web.get("/", _overview),
    web.get("/targets/{target}", _target),
    web.get("/targets/{target}/{scenario}/last-failure", _last_failure),
    web.get("/runs/{run_id}", _run),
)
