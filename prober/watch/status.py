"""What the canary tells of itself at a moment: frozen values that the page, the JSON API and `/-/healthy` are made of.

`Canary` is what the HTTP side may ask of the service; it knows nothing else of it.
"""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from prober.core.record import RunRecord
from prober.sinks.entries import Entry
from prober.sinks.keeper import State
from prober.watch.cadence import Key
from prober.watch.schedule import Skip, SkipReason, Trigger

RECENT = 60
"""Runs of each line that are kept at hand."""
STANDSTILL = 60.0
"""Seconds after which a schedule that should go round once a second is dead, however rarely anything is due."""


class LineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario of one target. Moments are Unix time, spans seconds; None: not so, or not yet."""

    key: Key
    interval: float
    timeout: float
    objectives: Mapping[str, float]
    failures: int
    """Judged failures in a row, confirmations included."""
    closed: SkipReason | None
    """Why the operator lets nothing of it start now: `maintenance` or `budget`."""
    running: Trigger | None
    due_in: float | None
    last: Entry | None
    last_judged: Entry | None
    last_passed: Entry | None
    message: str | None
    """The verdict of the last judged run in words."""
    look: str | None
    """What to look at next, where it failed."""
    recent: tuple[Entry, ...]
    """The newest last, at most RECENT; what history knows at start included."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The canary as a whole."""

    version: str
    now: float
    started_at: float
    heartbeat_age: float
    """Seconds since the scheduler's loop last went round."""
    stopping: bool
    config_file: str
    config_sha256: str
    config_loaded_at: float
    config_trouble: str | None
    """Why the file on disk is not the configuration in use, as a sentence."""
    history: State
    lines: tuple[LineStatus, ...]
    external_url: str | None

    @property
    def stands_still(self) -> bool:
        """Whether nothing will be started any more, whatever falls due."""
        return self.heartbeat_age >= STANDSTILL


class Canary(Protocol):
    """What HTTP may ask; all of it on the event loop's own thread."""

    def status(self) -> Status:
        """How it stands now."""

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The metrics in the form that this Accept header asks for, and their content type."""

    def configuration(self) -> str:
        """The effective configuration as YAML, secrets hidden."""

    async def reload(self) -> str | None:
        """Read the configuration again; None, or why the old one stays, as a sentence."""

    async def probe(self, key: Key, timeout: float) -> RunRecord | Skip:
        """Make one run now (trigger `manual`), within so many seconds. A KeyError tells that there is no such line."""
