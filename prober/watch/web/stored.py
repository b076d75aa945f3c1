"""One run as it was kept: its record, and what was heard in it."""

import asyncio
from pathlib import Path

from aiohttp import web

from prober.watch.web.site import SITE, Site

_ID = "{run_id:[0-9a-f]{16}}"


async def document(site: Site, run_id: str) -> bytes | None:
    """The record as it was written; where the history has let it go, evidence may still hold it."""
    body = await site.ask(lambda history: history.document(run_id))
    if body is None and site.evidence is not None:
        found = await asyncio.to_thread(site.evidence.document, run_id)
        body = await _read(found) if found is not None else None
    return body


async def record(request: web.Request) -> web.Response:
    """The record as JSON."""
    body = await document(request.app[SITE], request.match_info["run_id"])
    if body is None:
        raise web.HTTPNotFound(text="No run of this id is kept.\n")
    return web.Response(body=body, content_type="application/json")


async def recording(request: web.Request) -> web.StreamResponse:
    """Both sides' sound, also in parts, as a player asks for it."""
    site = request.app[SITE]
    found = (
        None
        if site.evidence is None
        else await asyncio.to_thread(site.evidence.recording, request.match_info["run_id"])
    )
    if found is None:
        raise web.HTTPNotFound(text="No recording of a run of this id is kept.\n")
    return web.FileResponse(found, headers={"Content-Type": "audio/wav", "Cache-Control": "private, no-cache"})


async def _read(file: Path) -> bytes | None:
    """What the file holds; None where it has just been let go."""
    try:
        return await asyncio.to_thread(file.read_bytes)
    except FileNotFoundError:
        return None


ROUTES = (
    web.get(f"/api/v1/runs/{_ID}", record),
    web.get(f"/runs/{_ID}.json", record),
    web.get(f"/runs/{_ID}.wav", recording),
)
