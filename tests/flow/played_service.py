"""The canary's service on a clock that jumps, whose runs are played from kept timelines instead of being made."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from prober.child.making import RunChild
from prober.child.messages import Order
from prober.config.loading import Loaded, load
from prober.core.events import AnyEvent, Event, Stopped
from prober.core.plan import Scenario
from prober.core.reasons import Reason
from prober.core.record import RunRecord
from prober.sinks.keeper import State
from prober.watch.agenda import Agenda
from prober.watch.cadence import Key
from prober.watch.observer import Keeping, Observer
from prober.watch.restoring import Restored
from prober.watch.schedule import Skip, Start
from prober.watch.service import Service
from tests.golden.regenerate import GOLDEN, read

SHOP = Key("shop", Scenario.JOIN)
PLAYED = {
    "p": read(GOLDEN / "pass_join.json").timeline,
    "f": read(GOLDEN / "agent_absent.json").timeline,
    "?": read(GOLDEN / "prober_crash.json").timeline,
}
LASTS = {"p": 4.0, "f": 20.5, "?": 2.0}
ONE = "targets: {shop: {entry: {trial: {url: https://shop.example.com/}}, scenarios: {join: {interval: 60}}}}"


class Played:
    """Stands for `run_child`: how each run goes is told beforehand (`ppf?`), then all pass."""

    def __init__(self, outcomes: str = "", *, leaving: float = 0.5, lasts: float | None = None) -> None:
        self._outcomes = iter(outcomes)
        self._leaving, self._lasts = leaving, lasts
        self.orders: list[Order] = []
        self.under_way: list[Key] = []
        self.most = 0

    async def __call__(
        self,
        order: Order,
        *,
        stop: asyncio.Event,
        on_event: Callable[[Event], None],  # noqa: ARG002 - as run_child
        verbose: bool = False,  # noqa: ARG002 - as run_child
    ) -> tuple[AnyEvent, ...]:
        outcome = next(self._outcomes, "p")
        if outcome == "!":
            raise RuntimeError("a bug of ours that says s3cr3t")
        self.orders.append(order)
        key = Key(order.plan.target, order.plan.expectations.scenario)
        assert key not in self.under_way
        self.under_way.append(key)
        self.most = max(self.most, len(self.under_way))
        try:
            async with asyncio.timeout(self._lasts or LASTS[outcome]):
                await stop.wait()
        except TimeoutError:
            return PLAYED[outcome]
        finally:
            self.under_way.remove(key)
        await asyncio.sleep(self._leaving)
        return (*PLAYED["p"][:4], Stopped(at=2.0, reason=Reason.INTERRUPTED, detail=""))


class Seen(Observer):
    """Writes down what it is told."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.starts: list[tuple[float, Start]] = []
        self.skips: list[Skip] = []
        self.records: list[RunRecord] = []
        self.failures: list[int | None] = []
        self.agendas: list[Agenda] = []
        self.restored: list[Restored] = []
        self.refusals: list[str] = []
        self.pauses: list[tuple[Key, bool]] = []
        self.changed = asyncio.Event()

    def configured(self, agenda: Agenda, restored: Restored) -> None:
        self.agendas.append(agenda)
        self.restored.append(restored)

    def reload_failed(self, why: str) -> None:
        self.refusals.append(why)

    def started(self, start: Start) -> None:
        self.starts.append((self._now(), start))
        self.changed.set()

    def skipped(self, skips: Sequence[Skip]) -> None:
        self.skips += skips
        self.changed.set()

    def ended(self, _start: Start, record: RunRecord, failures: int | None) -> None:
        self.records.append(record)
        self.failures.append(failures)
        self.changed.set()

    def paused(self, key: Key, paused: bool) -> None:
        self.pauses.append((key, paused))

    async def until(self, so: Callable[[], bool]) -> None:
        """Until it is so, which it must be within a day."""
        async with asyncio.timeout(86_400):
            while not so():
                self.changed.clear()
                await self.changed.wait()


class Nowhere:
    """Keeps no run."""

    @property
    def state(self) -> State:
        return State()

    def draft(self, _run_id: str) -> Path | None:
        return None

    def publish(self, record: RunRecord, recording: Path | None = None) -> None:
        pass


class Canary(msgspec.Struct):
    """What a test holds of a canary that runs."""

    service: Service
    seen: Seen
    played: Played
    running: asyncio.Task[None]
    file: Path


@asynccontextmanager
async def watched(
    folder: Path,
    text: str = ONE,
    played: Played | None = None,
    *,
    restored: Callable[[Collection[Key]], Restored] = lambda _keys: Restored(),
    run_child: RunChild | None = None,
    keeping: Keeping | None = None,
    also: Observer | None = None,
    grace: float = 60.0,
    now: Callable[[], float] | None = None,
    wall: Callable[[], float] | None = None,
) -> AsyncIterator[Canary]:
    """A canary of this configuration; it is stopped at the end, if it is not over by then."""
    file = folder / "prober.yaml"
    file.write_text(text, encoding="utf-8")
    now = now or asyncio.get_running_loop().time
    played, seen = played or Played(), Seen(now)

    async def read_again() -> Loaded:
        return load(file, {})

    async def restore(keys: Collection[Key], _budgeted: Collection[str]) -> Restored:
        return restored(keys)

    loaded = load(file, {})
    service = Service(
        loaded,
        restored([]),
        load=read_again,
        restore=restore,
        keeping=keeping or Nowhere(),
        observers=[seen, *([also] if also is not None else [])],
        exposition=lambda accept: (accept.encode(), "text/plain"),
        grace=grace,
        run_child=run_child or played,
        now=now,
        wall=wall or now,
    )
    running = asyncio.create_task(service.run())
    try:
        yield Canary(service, seen, played, running, file)
    finally:
        service.stop()
        service.stop()
        await running
