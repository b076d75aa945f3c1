"""What machines ask the canary about itself: its metrics, whether it lives, whether it is ready, what it runs by."""

from aiohttp import web

from prober.watch.status import STANDSTILL
from prober.watch.web.guard import changing
from prober.watch.web.site import SITE


async def metrics(request: web.Request) -> web.Response:
    """The metrics, in the form that the scraper likes best."""
    body, content_type = request.app[SITE].canary.exposition(request.headers.get("Accept", ""))
    return web.Response(body=body, headers={"Content-Type": content_type})


async def healthy(request: web.Request) -> web.Response:
    """Whether the schedule goes round: to restart the canary if not. It says nothing of any target."""
    status = request.app[SITE].canary.status()
    told = f"The schedule last went round {status.heartbeat_age:.1f} s ago"
    if status.stands_still:
        return web.Response(status=503, text=f"Not healthy. {told}; {STANDSTILL:g} s are the limit.\n")
    return web.Response(text=f"Healthy. {told}.\n")


async def ready(request: web.Request) -> web.Response:
    """Whether the canary has begun and not been told to stop."""
    if request.app[SITE].canary.status().stopping:
        return web.Response(status=503, text="Not ready. The canary is stopping.\n")
    return web.Response(text="Ready.\n")


async def reload(request: web.Request) -> web.Response:
    """Have the configuration read again; where it is no good, the old one stays."""
    trouble = await request.app[SITE].canary.reload()
    if trouble is None:
        return web.Response(text="Reloaded.\n")
    return web.Response(status=500, text=f"Not reloaded, the old configuration stays. {trouble}\n")


async def configuration(request: web.Request) -> web.Response:
    """The configuration in use, its secrets hidden."""
    return web.Response(text=request.app[SITE].canary.configuration(), content_type="text/yaml")


ROUTES = (
    web.get("/metrics", metrics),
    web.get("/-/healthy", healthy),
    web.get("/-/ready", ready),
    web.post("/-/reload", changing(reload)),
    web.get("/config", configuration),
)
