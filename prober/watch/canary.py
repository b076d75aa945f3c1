"""The whole canary, put together and taken apart again: service, history, metrics, HTTP, sweeps, signals.

SIGTERM and SIGINT let it end in good order (a second one without waiting), SIGHUP has its configuration read again.
"""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from prober.child.explaining import Explaining
from prober.config.loading import Loaded
from prober.sinks.claim import claimed, lock_of
from prober.sinks.evidence import Evidence, Limits
from prober.sinks.exporter import Exporter
from prober.sinks.keeper import Keeper
from prober.sinks.log_lines import logging_to, tell
from prober.watch.agenda import agenda
from prober.watch.cadence import Key
from prober.watch.journal import Journal
from prober.watch.kept import Kept
from prober.watch.measures import Measures
from prober.watch.restoring import Restored, restore
from prober.watch.service import Service
from prober.watch.sweeping import sweep_hourly
from prober.watch.web.app import Server, serve
from prober.watch.web.listen import Listen
from prober.watch.web.pages import ROUTES

log = logging.getLogger(__name__)
WRITING = 10.0
"""Seconds given to the disk at the end, for what still waits for it."""
PULSE = 0.1
"""Seconds between two looks at the event loop's punctuality."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator says beside the configuration. `grace` None: as long as the longest run, within reason."""

    database: Path
    evidence: Path | None
    listen: Listen = Listen()  # noqa: RUF009 - frozen
    token: str | None = field(default=None, repr=False)
    probe: bool = False
    grace: float | None = None


async def keep_watch(loaded: Loaded, load: Callable[[], Awaitable[Loaded]], settings: Settings) -> None:
    """Watch until a signal ends it; every run is over then, and written if it can be.

    Raises ListenError and ClaimedError at once. `load` reads the configuration anew.
    """
    evidence = None if settings.evidence is None else Evidence(settings.evidence, Limits())

    async def known(keys: Collection[Key], budgeted: Collection[str]) -> Restored:
        return await asyncio.to_thread(restore, settings.database, keys, budgeted, time.time())

    first = agenda(loaded)
    exporter = Exporter(lambda: keeper.state)
    with logging_to(exporter.log_handler()):
        async with _keeping(settings.database, evidence) as keeper:
            kept = Kept(keeper, evidence)
            service = Service(
                loaded,
                await known(first.orders.keys(), first.budgeted),
                load=load,
                restore=known,
                keeping=kept,
                observers=(Journal(), Measures(exporter, time.time)),
                exposition=exporter.exposition,
                grace=settings.grace,
                run_child=Explaining(),
            )
            async with _serving(service, settings) as server, asyncio.TaskGroup() as beside:
                await asyncio.to_thread(kept.tidy)
                _obey_signals(service, beside)
                tasks = [
                    beside.create_task(sweep_hourly(lambda: service.agenda, exporter.cleanup_failed)),
                    beside.create_task(_feel_the_pulse(exporter.event_loop_lag)),
                ]
                words = f"at {server.url}, runs are kept in {settings.database}; {_soonest(service)}"
                tell(log, logging.INFO, "watch.started", words, url=server.url, history=str(settings.database))
                await service.run()
                for task in tasks:
                    task.cancel()
        tell(log, logging.INFO, "watch.stopped", "stopped in good order")


@contextlib.asynccontextmanager
async def _keeping(database: Path, evidence: Evidence | None) -> AsyncIterator[Keeper]:
    """A keeper of both places, which are nobody else's meanwhile, as far as they can be locked."""
    with contextlib.ExitStack() as claims:
        _claim(claims, lambda: lock_of(database), f"The history {database}", "--db")
        if evidence is not None:
            _claim(claims, lambda: evidence.lock, "Its folder of evidence", "--evidence")
        keeper = Keeper(database, evidence)
        try:
            yield keeper
        finally:
            await asyncio.to_thread(keeper.close, WRITING)


def _claim(claims: contextlib.ExitStack, lock: Callable[[], Path], what: str, instead: str) -> None:
    try:
        claims.enter_context(claimed(lock(), what, instead))
    except OSError as error:
        words = (
            f"{what} cannot be locked, nothing keeps a second canary from it: {error.strerror or type(error).__name__}"
        )
        tell(log, logging.WARNING, "watch.unlocked", words, error=str(error))


@contextlib.asynccontextmanager
async def _serving(service: Service, settings: Settings) -> AsyncIterator[Server]:
    server = await serve(
        service,
        settings.listen,
        history_path=settings.database,
        evidence_folder=settings.evidence,
        token=settings.token,
        probe=settings.probe,
        routes=ROUTES,
    )
    try:
        yield server
    finally:
        await server.close()


def _soonest(service: Service) -> str:
    due = [line.due_in for line in service.status().lines if line.due_in is not None]
    return f"the first starts in {min(due):.0f} s" if due else "nothing is this prober's to watch"


def _obey_signals(service: Service, beside: asyncio.TaskGroup) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.stop)

    def reload() -> None:
        if not service.status().stopping:  # `beside` may be over
            beside.create_task(service.reload())

    loop.add_signal_handler(signal.SIGHUP, reload)


async def _feel_the_pulse(tell_of: Callable[[float], None]) -> None:
    """Tell by how much the event loop is late, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + PULSE
        await asyncio.sleep(PULSE)
        tell_of(loop.time() - due)
