"""Which fault each customer has the product with: one that it came with, or else the one switched on for all."""

from collections.abc import Mapping, Sequence

from aiohttp import web

from prober.refstack.cache import Progress
from prober.refstack.effects import EFFECTS
from prober.refstack.faults import Fault, Needs, Place
from prober.refstack.trial_app.connection import ServerAccess

COOKIE = "fault"
_OTHERWISE: Mapping[Needs, str] = {
    Needs.SERVER: "needs another LiveKit server, which only `livekit-prober demo --fault {}` starts.",
    Needs.DOOR: "needs another address of the product, which only `livekit-prober demo --fault {}` has.",
    Needs.WORKER: "needs another agent worker, which only `livekit-prober demo --fault {}` starts.",
    Needs.RUN: "is done to a run and not to the product: `livekit-prober demo --once --fault {}`.",
}


class Switchboard:
    """The one place that knows what is broken, and for whom; whoever switches is told of in the program's output."""

    def __init__(self, server: ServerAccess, elsewhere: Mapping[Fault, ServerAccess], progress: Progress) -> None:
        self._server = server
        self._elsewhere = elsewhere
        self._progress = progress
        self._for_all: Fault | None = None

    @property
    def for_all(self) -> Fault | None:
        """The fault that everybody has who did not come with another; None: the product is well."""
        return self._for_all

    def switch(self, name: str) -> None:
        """Break the product for all in this way, instead of any other; an empty name makes it well.

        Raises ValueError, with a sentence, for a fault that this product cannot have.
        """
        self._for_all = self._known(name)
        self._progress(self.told())

    def told(self) -> str:
        """How the product is, in a sentence."""
        if self._for_all is None:
            return "The product is well."
        return f"The product is broken for all customers: {self._for_all}. {EFFECTS[self._for_all].customer}"

    def offered(self) -> Mapping[Place, Sequence[Fault]]:
        """What can be switched on now, by where it sits."""
        able = [fault for fault in EFFECTS if self._refusal(fault) is None]
        places = {place: [fault for fault in able if EFFECTS[fault].place is place] for place in Place}
        return {place: faults for place, faults in places.items() if faults}

    def fault_of(self, request: web.Request) -> Fault | None:
        """The fault that this customer has the product with: `?fault=NAME` on the front page, then its cookie.

        Raises HTTPBadRequest for one that this product cannot have.
        """
        front = request.path == "/"
        name = request.query.get(COOKIE, "") if front else request.cookies.get(COOKIE, "")
        try:
            return self._known(name) or self._for_all
        except ValueError as error:
            raise web.HTTPBadRequest(text=str(error)) from error

    def server_of(self, fault: Fault | None) -> ServerAccess:
        """The server to which callers with this fault are sent."""
        return self._server if fault is None else self._elsewhere.get(fault, self._server)

    def _known(self, name: str) -> Fault | None:
        if not name:
            return None
        if name not in set(Fault):
            raise ValueError(f"There is no fault {name!r}.")
        refusal = self._refusal(Fault(name))
        if refusal is not None:
            raise ValueError(refusal)
        return Fault(name)

    def _refusal(self, fault: Fault) -> str | None:
        """Why this product cannot have the fault, as a sentence."""
        needs = EFFECTS[fault].needs
        if needs is None or fault in self._elsewhere:
            return None
        return f"The fault {fault} {_OTHERWISE[needs].format(fault)}"
