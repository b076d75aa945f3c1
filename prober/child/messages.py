"""What goes over the pipe between a parent and its child: one JSON object a line."""

from typing import NamedTuple

import msgspec

from prober.core.events import AnyEvent
from prober.core.plan import Access, ApiKey, Plan
from prober.core.templates import Known

LINE = 1 << 22
"""Longest message in bytes."""


class Order(msgspec.Struct, frozen=True, kw_only=True, tag="order"):
    """Parent to child, first line on its stdin; afterwards the end of stdin means: stop, leave, clean up.

    `secrets` are variables of the entry's templates that are never shown; `agent_log`, which only the parent reads, is
    the file of the agent's log, or `-` for standard input.
    """

    plan: Plan
    key: Access | None = None
    secrets: dict[str, str] = {}
    agent_log: str | None = None

    @property
    def hidden(self) -> tuple[str, ...]:
        """What nobody's words may show: the secrets, and what LiveKit's API is asked with."""
        key = self.key
        own = () if key is None else (key.secret if isinstance(key, ApiKey) else key.token,)
        return (*self.secrets.values(), *own)

    def __repr__(self) -> str:
        return f"Order(plan={self.plan!r})"


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag="hello"):
    """Child to parent: the zero of the run on the system's monotonic clock."""

    origin: float


class Happened(msgspec.Struct, frozen=True, kw_only=True, tag="event"):
    """Child to parent: one more event of the timeline."""

    event: AnyEvent


class Owes(msgspec.Struct, frozen=True, kw_only=True, tag="owes"):
    """Child to parent: all that is ours to take away by now; should the child die, the parent sees to it."""

    room: str | None = None
    trial: Known | None = None
    """What the entry's clean-up steps need."""


class CleanUp(msgspec.Struct, frozen=True, kw_only=True, tag="clean_up"):
    """Parent to a fresh child: make no run, only take away what the order's run owes."""

    order: Order
    owes: Owes
    agent_may_come: bool = False
    """An agent that was called and not seen yet makes a deleted room anew by joining it."""


class Sweep(msgspec.Struct, frozen=True, kw_only=True, tag="sweep"):
    """Parent to a fresh child: delete this LiveKit's rooms that carry our mark and are older than any run."""

    key: ApiKey
    older_than: float
    """Seconds since a room was made."""


class Left(NamedTuple):
    """A room that could not be deleted, the reason in words, and the target whose run made it."""

    room: str
    why: str
    target: str


class Swept(msgspec.Struct, frozen=True, kw_only=True, tag="swept"):
    """Child to parent: what came of it. `trouble` is why there was nothing to see, in words."""

    deleted: tuple[str, ...] = ()
    left: tuple[Left, ...] = ()
    trouble: str | None = None


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """Child to parent: everything is told, nothing is left open."""


OVERTIME = b"overtime"
"""Parent to child, before it closes stdin: not the operator ends the run, but its length."""

ToChild = Order | CleanUp | Sweep
FromChild = Hello | Happened | Owes | Swept | Done
