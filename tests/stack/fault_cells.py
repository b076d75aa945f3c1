"""Every fault of the reference stack in a run of its own, many at a time, with short deadlines."""

import asyncio
import datetime
import time
import uuid
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import msgspec
from livekit import api

from prober.child.explaining import Explaining
from prober.child.messages import Order
from prober.core.evidence import LISTED_WITHIN
from prober.core.plan import ApiKey, Deadlines, Expectations, Limits, Plan, Scenario
from prober.core.reasons import WORDS, Reason
from prober.core.record import Head, RunRecord, derive
from prober.core.steps import trial_steps
from prober.refstack.effects import EFFECTS
from prober.refstack.faults import Effect, Fault, Needs, Place
from prober.refstack.sabotage import sabotaged, saboteur
from prober.refstack.shows import HEALTHY
from prober.refstack.stack import ReferenceStack

AT_ONCE = {Scenario.CONVERSATION: 2, Scenario.JOIN: 3}
"""Runs at a time on two cores: most of a run is waiting."""

HURRIED: Mapping[Reason, Deadlines] = {
    Reason.TRIAL_TIMEOUT: Deadlines(trial_step=1.5),
    Reason.MEDIA_UNREACHABLE: Deadlines(room_join=3.0),
    Reason.AGENT_ABSENT: Deadlines(agent_join=LISTED_WITHIN + 0.5),
    Reason.AGENT_NOT_READY: Deadlines(agent_ready=3.0),
    Reason.AGENT_NO_TRACK: Deadlines(agent_ready=5.0),
    Reason.AGENT_SILENT: Deadlines(greeting=3.0),
    Reason.RUN_DEADLINE: Deadlines(run=7.0),
}
"""The one deadline that a fault's run waits for, as short as its cause can be found; all others stay as they are."""
PATIENT: Mapping[Fault | None, Deadlines] = {Fault.JOB_HANGS: Deadlines(agent_join=14.0)}
"""A worker tells only after 10 s of a job that hangs, from when the job's process has begun with it."""
REPLY_WITHIN = 3.0
LONG = frozenset(
    {
        Fault.AGENT_NOT_NAMED,
        Fault.WORKER_IMPORT_ERROR,
        Fault.WORKER_SLOW,
        Fault.WORKER_KILLED,
        Fault.PREWARM_RAISES,
        Fault.PREWARM_HANGS,
        Fault.JOB_CRASHES_ON_JOINING,
        Fault.JOB_HANGS,
        Fault.JOB_EXITS,
        Fault.JOB_BLOCKS,
        Fault.JOB_RETURNS,
        Fault.JOB_UNCONNECTED,
        Fault.JOB_WITHOUT_MEDIA,
    }
)
"""Faults that only `make faults` tries: the test suite has another of each kind."""
OF_SOUND = frozenset({"greeting", "response"})
COARSE = Limits(stall=1.0, drift=1.0, jitter_buffer=1.0, recheck=0.5)
"""What is 4 s is not 3 s, on a busy machine neither: numbers that are this much off still miss what they have to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One run of the matrix, and what it has to come to."""

    name: str
    fault: Fault | None
    effect: Effect

    @property
    def expectations(self) -> Expectations:
        """The effect's, in a hurry."""
        expectations, expected = self.effect.shown.expectations, self.effect.expected
        if expected is Reason.AGENT_NO_RESPONSE:
            turns = tuple(msgspec.structs.replace(turn, reply_within=REPLY_WITHIN) for turn in expectations.turns)
            return msgspec.structs.replace(expectations, turns=turns)
        if expected is None:
            return msgspec.structs.replace(expectations, limits=COARSE)
        hurried = PATIENT.get(self.fault) or HURRIED.get(expected)
        return expectations if hurried is None else msgspec.structs.replace(expectations, deadlines=hurried)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a cell: the run's record, the rooms it left on its server, and the seconds to its verdict."""

    cell: Cell
    record: RunRecord
    rooms_left: tuple[str, ...]
    seconds: float
    again: bool = False
    """Made again, alone: beside others the prober found its host too busy to judge."""

    @property
    def unjudged(self) -> bool:
        """The run says that its host was too busy to judge, which is no verdict on the fault."""
        overload = Reason.PROBER_OVERLOAD
        return self.record.reason is overload and self.cell.effect.expected is not overload and not self.rooms_left

    @property
    def got(self) -> str:
        """The verdict, in the table's words."""
        missed = ", ".join(objective.name for objective in self.record.objectives if objective.met is False)
        if self.record.reason is not None:
            return self.record.reason
        return f"{self.record.outcome}, objective {missed} missed" if missed else self.record.outcome

    @property
    def wrong(self) -> tuple[str, ...]:
        """What is not as it has to be; nothing: the cell is right."""
        return tuple(self._wrongs())

    def _wrongs(self) -> Iterator[str]:
        effect, record = self.cell.effect, self.record
        if self.got != effect.verdict:
            yield f"expected {effect.verdict}, got {self.got}: {record.message} {_voids(record)}"
        elif record.exit_code != effect.exit_code:
            yield f"exit code {record.exit_code} in place of {effect.exit_code}"
        if effect.expected is not None and not record.message.startswith(WORDS[effect.expected].message):
            yield f"the message is not in the words that customers see: {record.message}"
        cause = None if record.diagnosis is None else record.diagnosis.cause
        if cause != effect.cause:
            yield f"expected the cause {effect.cause}, got {cause}: {record.diagnosis}"
        if self.rooms_left:
            yield f"left behind: {', '.join(self.rooms_left)}; the run says: {record.left_behind or 'nothing is'}"


def cells() -> tuple[Cell, ...]:
    """One for each fault, and those on the healthy product."""
    faulty = [Cell(name=fault, fault=fault, effect=effect) for fault, effect in EFFECTS.items()]
    healthy = [
        Cell(name=name, fault=None, effect=Effect(place=Place.HANDLED, customer="All is well.", shown=shown))
        for name, shown in HEALTHY.items()
    ]
    return (*healthy, *faulty)


def standing(wanted: Iterable[Cell]) -> tuple[Fault, ...]:
    """The faults of these cells that a stack has from its start."""
    return tuple(cell.fault for cell in wanted if cell.fault and cell.effect.needs is not Needs.WORKER)


async def run_cells(wanted: Collection[Cell], stack: ReferenceStack) -> AsyncIterator[Outcome]:
    """Make the runs of these cells and tell of each as it ends: `AT_ONCE` of each scenario at a time.

    Those whose numbers come from sound are made before: a busy machine voids such a number, as it has to. What the
    prober's host was too busy to judge is made once more, as an operator would, when all others are over; that counts.
    """
    unjudged = []
    async for outcome in _beside_each_other(wanted, stack):
        if outcome.unjudged:
            unjudged.append(outcome.cell)
        else:
            yield outcome
    for cell in unjudged:
        yield replace(await _run(cell, stack), again=True)


async def _beside_each_other(wanted: Collection[Cell], stack: ReferenceStack) -> AsyncIterator[Outcome]:
    heard = [cell for cell in wanted if cell.effect.missed in OF_SOUND]
    for some in (heard, [cell for cell in wanted if cell not in heard]):
        lanes = {scenario: asyncio.Semaphore(at_once) for scenario, at_once in AT_ONCE.items()}
        done: asyncio.Queue[Outcome] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            for cell in some:
                group.create_task(_in_lane(cell, stack, lanes[cell.expectations.scenario], done))
            for _ in some:
                yield await done.get()


async def _in_lane(cell: Cell, stack: ReferenceStack, lane: asyncio.Semaphore, done: asyncio.Queue[Outcome]) -> None:
    async with lane:
        done.put_nowait(await _run(cell, stack))


async def _run(cell: Cell, stack: ReferenceStack) -> Outcome:
    """One run; a worker that is broken as a whole is there as long as it takes, for some keep the machine busy."""
    async with stack.broken_worker(cell.fault):
        return await _run_on(stack, cell)


async def _run_on(stack: ReferenceStack, cell: Cell) -> Outcome:
    server = stack.server_of(cell.fault)
    plan = Plan(
        run_id=uuid.uuid4().hex[:16],
        target="reference",
        entry=trial_steps(stack.trial_url_with(cell.fault)),
        say=cell.effect.shown.say,
        expectations=cell.expectations,
    )
    order = Order(
        plan=sabotaged(plan, cell.fault),
        key=ApiKey(url=server.url, key=server.api_key, secret=server.api_secret),
        agent_log=str(stack.agent_log_of(cell.fault)),
    )
    head = Head(
        run_id=plan.run_id,
        target=plan.target,
        trigger=plan.trigger,
        started_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
    )
    stop = asyncio.Event()
    began = time.monotonic()
    events = await Explaining()(order, stop=stop, on_event=saboteur(cell.fault, stop.set))
    seconds = time.monotonic() - began
    record = derive(head, plan.expectations, events)
    left = () if cell.fault is Fault.SERVER_DOWN or record.room is None else await _rooms(record.room, stack, cell)
    return Outcome(cell=cell, record=record, rooms_left=left, seconds=seconds)


async def _rooms(name: str, stack: ReferenceStack, cell: Cell) -> tuple[str, ...]:
    """The room, if its server still has it."""
    server = stack.server_of(cell.fault)
    async with api.LiveKitAPI(server.url.replace("ws", "http", 1), server.api_key, server.api_secret) as livekit:
        found = await livekit.room.list_rooms(api.ListRoomsRequest(names=[name]))
    return tuple(room.name for room in found.rooms)


def _voids(record: RunRecord) -> str:
    """Why numbers are missing, where they are."""
    turns = (f"turn {turn.turn} void: {turn.void}" for turn in record.prober.turns if turn.void)
    greeting = [f"greeting void: {record.prober.greeting_void}"] if record.prober.greeting_void else []
    return "; ".join([*greeting, *turns])
