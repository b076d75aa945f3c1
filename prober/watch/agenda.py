"""A configuration as what the canary works by: the timetable, and the order of each of its lines. Pure but for cores.

An order here is a pattern: each run is made by one with an id of its own.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from prober.child.making import cores, planned
from prober.child.messages import Order
from prober.config.loading import Loaded
from prober.config.models import Target
from prober.config.models import Window as Written
from prober.config.orders import orders
from prober.core.plan import ApiKey, Expectations
from prober.watch.burst import Confirm
from prober.watch.cadence import Cadence, Key
from prober.watch.maintenance import Window
from prober.watch.schedule import Timetable, Trigger

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agenda:
    """What is watched, and how."""

    loaded: Loaded
    timetable: Timetable
    orders: Mapping[Key, Order] = field(repr=False)

    @property
    def expectations(self) -> Mapping[Key, Expectations]:
        """What the runs of each line are judged by."""
        return {key: order.plan.expectations for key, order in self.orders.items()}

    @property
    def budgeted(self) -> frozenset[str]:
        """The targets that have a budget."""
        return frozenset(cadence.key.target for cadence in self.timetable.cadences if cadence.budget is not None)

    @property
    def longest_run(self) -> float:
        """Seconds for which a run may last, before it leaves and cleans up; a shard without targets makes none."""
        return max((expected.deadlines.run for expected in self.expectations.values()), default=0.0)

    @property
    def keys(self) -> tuple[ApiKey, ...]:
        """LiveKit's keys, each once: the rooms that carry our mark are made with one, never with a token."""
        found = {(key.url, key.key): key for order in self.orders.values() if isinstance(key := order.key, ApiKey)}
        return tuple(found.values())

    def order(self, key: Key, run_id: str, trigger: Trigger, recording: Path | None, within: float) -> Order:
        """One run of this line, of its own timeout or less."""
        pattern = self.orders[key]
        expected = pattern.plan.expectations
        deadlines = msgspec.structs.replace(expected.deadlines, run=min(within, expected.deadlines.run))
        return planned(
            pattern,
            run_id=run_id,
            trigger=trigger,
            recording=None if recording is None else str(recording),
            expectations=msgspec.structs.replace(expected, deadlines=deadlines),
        )


def agenda(loaded: Loaded) -> Agenda:
    """What this configuration asks for."""
    made = {Key(order.plan.target, order.plan.expectations.scenario): order for order in orders(loaded)}
    timetable = Timetable(
        cadences=tuple(_cadence(key, loaded.config.targets[key.target]) for key in made),
        max_concurrent_runs=loaded.config.max_concurrent_runs or cores(),
    )
    return Agenda(loaded=loaded, timetable=timetable, orders=made)


def _cadence(key: Key, target: Target) -> Cadence:
    return Cadence(
        key=key,
        interval=target.scenarios.all()[key.scenario].interval,
        confirm=Confirm() if target.confirm else None,
        maintenance=tuple(_window(written) for written in target.maintenance),
        budget=None if target.budget is None else target.budget.agent_minutes_per_day * 60,
    )


def _window(written: Written) -> Window:
    return Window(
        start=datetime.time.fromisoformat(written.from_),
        end=datetime.time.fromisoformat(written.to),
        days=frozenset(DAYS.index(day) for day in written.days),
        zone=written.zone,
    )
