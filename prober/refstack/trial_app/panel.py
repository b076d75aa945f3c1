"""The switches on the front page, by which anybody at this machine breaks the product for all, and makes it well."""

import re
from collections.abc import Iterable

from aiohttp import web

from prober.refstack.effects import EFFECTS
from prober.refstack.faults import Effect, Fault
from prober.refstack.trial_app.bodies import field_of
from prober.refstack.trial_app.switchboard import COOKIE, Switchboard

SWITCH = "/faults"
_THIS_MACHINE = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?", re.ASCII)


class Panel:
    """What the front page shows of the switchboard, and the one request that switches."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard

    def routes(self) -> Iterable[web.RouteDef]:
        """What is added to the product's routes."""
        return (web.post(SWITCH, self._switch),)

    def values(self) -> dict[str, object]:
        """What the page's template asks for."""
        on = self._switchboard.for_all
        return {
            "on": on,
            "effect": None if on is None else EFFECTS[on],
            "places": {place: self._rows(faults) for place, faults in self._switchboard.offered().items()},
            "others": len(EFFECTS) - sum(len(faults) for faults in self._switchboard.offered().values()),
        }

    async def _switch(self, request: web.Request) -> web.Response:
        if not _of_this_machine(request):
            raise web.HTTPForbidden(text="Only the product's own page on this machine may switch faults.")
        try:
            self._switchboard.switch(await field_of(request, COOKIE))
        except ValueError as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        return web.Response(text=f"{self._switchboard.told()}\n", status=303, headers={"Location": "/#faults"})

    def _rows(self, faults: Iterable[Fault]) -> list[tuple[Fault, Effect]]:
        return [(fault, EFFECTS[fault]) for fault in faults]


def _of_this_machine(request: web.Request) -> bool:
    """Whether no page of another site can have sent this.

    A browser says which page sends a form; programs that are none say nothing. A name of another site that leads to
    this machine gives itself away as the host.
    """
    origin = request.headers.get("Origin", f"{request.scheme}://{request.host}")
    return _THIS_MACHINE.fullmatch(request.host) is not None and origin == f"{request.scheme}://{request.host}"
