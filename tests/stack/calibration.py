"""The instrument against the truth: what a run reads beside what the scripted agent logged on the same machine's clock.

`make calibrate` measures until the table has its size, resumes where it was stopped, and writes docs/accuracy.md; the
short form runs in CI against bounds taken from it.
"""

import asyncio
import json
import random
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from prober.core.events import AgentJoined, Event, RoomJoined, RunStarted, SessionGranted
from prober.core.plan import Expectations, Greeting
from prober.core.record import RunRecord
from prober.core.timeline import Timeline
from prober.fixtures import load_fixture
from prober.refstack.script import Greeting as ScriptedGreeting
from prober.refstack.script import Impulses, Script
from prober.refstack.stack import ReferenceStack
from tests.stack.impulses import exchange_impulses
from tests.stack.runs import make_run

SAY = "en-hours"
LOUD = 32768 * 10 ** (-45 / 20)
"""What the scripted agent's ear counts as sound."""
TURNS = 6
DELAYS = (0.2, 2.0)
JOIN_DELAYS = (0.0, 2.0)


class TurnTruth(msgspec.Struct, frozen=True):
    """One turn: seconds. `up`, `down`: one-way times as this very turn shows them."""

    delay: float
    reading: float | None
    void: str | None
    truth: float
    up: float
    down: float
    jitter_buffer: float | None


class CallTruth(msgspec.Struct, frozen=True):
    """One call: its turns, and its join as read and as it was (seconds from our own join to the agent's connection)."""

    turns: list[TurnTruth]
    join_reading: float
    join_truth: float
    outcome: str


class PathTruth(msgspec.Struct, frozen=True):
    """Impulses in one room, one-way seconds each way."""

    ups: list[float]
    downs: list[float]


async def converse(stack: ReferenceStack, turns: int, seed: int, door: asyncio.Lock) -> CallTruth:
    """One call of `turns` turns with random reply delays and a random join delay.

    Whoever holds the `door` decides what the product's next agent does, until the call has its token.
    """
    draw = random.Random(seed)
    delays = tuple(round(draw.uniform(*DELAYS), 3) for _ in range(turns))
    script = Script(
        join_delay=round(draw.uniform(*JOIN_DELAYS), 3),
        greeting=ScriptedGreeting(delay=0.4, seconds=0.8),
        replies=delays,
        reply_seconds=0.8,
    )
    granted = asyncio.Event()

    def watch(event: Event) -> None:
        if isinstance(event, SessionGranted):
            granted.set()

    async with door:
        stack.knobs.agent_metadata = script.to_json()
        expectations = Expectations(greeting=Greeting.EXPECTED)
        running = asyncio.create_task(make_run(stack, expectations, say=(SAY,) * turns, on_event=watch))
        await asyncio.wait_for(granted.wait(), 15)
    record = await running
    return _call(record, _truth(stack, record), delays)


def _truth(stack: ReferenceStack, record: RunRecord) -> list[dict[str, Any]]:
    """The agent's own log of this call."""
    lines = (json.loads(line) for line in stack.worker.truth.read_text().splitlines())
    return [line for line in lines if line["room"] == record.room]


def _call(record: RunRecord, truth: Sequence[dict[str, Any]], delays: Sequence[float]) -> CallTruth:
    timeline = Timeline(record.timeline)
    started, joined, agent = (timeline.first(kind) for kind in (RunStarted, RoomJoined, AgentJoined))
    assert isinstance(started, RunStarted), record.message
    assert joined is not None, record.message
    assert agent is not None, record.message
    zero = started.monotonic
    connected = next(line["at"] for line in truth if line["kind"] == "connected")
    return CallTruth(
        list(_turns(record, timeline, truth, delays, zero)),
        agent.at - joined.at,
        connected - zero - joined.at,
        record.outcome,
    )


def _turns(
    record: RunRecord, timeline: Timeline, truth: Sequence[dict[str, Any]], delays: Sequence[float], zero: float
) -> Iterator[TurnTruth]:
    tail = quiet_end(SAY)
    for turn, reading in zip(timeline.turns(), record.prober.turns, strict=False):
        heard = [line["at"] for line in truth if line["kind"] == "heard_last_loud" and line["turn"] == turn.number]
        spoke = [line["at"] for line in truth if line["kind"] == "spoke_first_loud" and line["turn"] == turn.number]
        if not heard or not spoke or turn.ended is None:
            continue
        ended = heard[0] + tail
        yield TurnTruth(
            delay=delays[turn.number - 1],
            reading=reading.response,
            void=reading.void,
            truth=spoke[0] - ended,
            up=ended - (zero + turn.ended),
            down=(zero + turn.answered - spoke[0]) if turn.answered is not None else float("nan"),
            jitter_buffer=reading.jitter_buffer,
        )


def quiet_end(fixture: str) -> float:
    """Seconds of the sentence's speech after the last sample that the agent's ear counts as sound."""
    clip = load_fixture(fixture)
    last = int(np.flatnonzero(np.abs(clip.pcm.astype(np.int32)) > LOUD)[-1])
    return (clip.end_sample - 1 - last) / clip.rate


async def path(stack: ReferenceStack, count: int) -> PathTruth:
    """Impulses both ways in a room of their own."""
    stack.knobs.agent_metadata = Script(greeting=None, impulses=Impulses(count=count, gap=0.5, delay=1.0)).to_json()
    return PathTruth(*await exchange_impulses(stack, count))


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What the table says; seconds."""

    turns: int
    calls: int
    missed: int
    wrong: int
    voided: int
    slope: float
    offset: float
    path: float
    up: float
    down: float
    impulses: int
    residual_p95: float
    residual_max: float
    own_share_p95: float
    join_n: int
    join_slope: float
    join_offset: float
    join_p95: float


WRONG = 0.25
"""Seconds from its truth at which a reading is about another sound."""


def summarize(calls: Sequence[CallTruth], paths: Sequence[PathTruth]) -> Summary:
    """The figures of the document, each by its definition in it."""
    turns = [turn for call in calls for turn in call.turns]
    read = [turn for turn in turns if turn.reading is not None]
    offsets = [turn.reading - turn.truth for turn in read if turn.reading is not None]
    offset = statistics.median(offsets)
    residuals = np.abs(np.array(offsets) - offset)
    slope = float(np.polyfit([turn.truth for turn in read], [turn.reading or 0.0 for turn in read], 1)[0])
    shares = np.array([turn.down - turn.jitter_buffer for turn in read if turn.jitter_buffer is not None])
    ups, downs = ([one for way in paths for one in getattr(way, side)] for side in ("ups", "downs"))
    joins = np.array([(call.join_truth, call.join_reading) for call in calls])
    late = joins[:, 1] - joins[:, 0]
    return Summary(
        turns=len(turns),
        calls=len(calls),
        missed=sum(turn.reading is None and turn.void is None for turn in turns),
        wrong=sum(abs(one - offset) > WRONG for one in offsets),
        voided=sum(turn.void is not None for turn in turns),
        slope=slope,
        offset=offset,
        path=statistics.median(ups) + statistics.median(downs),
        up=statistics.median(ups),
        down=statistics.median(downs),
        impulses=len(ups) + len(downs),
        residual_p95=float(np.quantile(residuals, 0.95)),
        residual_max=float(residuals.max()),
        own_share_p95=float(np.quantile(np.abs(shares - np.median(shares)), 0.95)),
        join_n=len(joins),
        join_slope=float(np.polyfit(joins[:, 0], joins[:, 1], 1)[0]) if len(joins) > 1 else float("nan"),
        join_offset=float(np.median(late)),
        join_p95=float(np.quantile(np.abs(late - np.median(late)), 0.95)),
    )


TABLE = Path("build/calibration.jsonl")
DOCUMENT = Path("docs/accuracy.md")
WANTED_TURNS, WANTED_PATHS = 120, 10


class Table:
    """The calls and paths measured so far, one JSON line each: an interrupted calibration goes on from here."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.calls: list[CallTruth] = []
        self.paths: list[PathTruth] = []
        if file.exists():
            for line in file.read_bytes().splitlines():
                kind, _, body = line.partition(b" ")
                if kind == b"call":
                    self.calls.append(msgspec.json.decode(body, type=CallTruth))
                else:
                    self.paths.append(msgspec.json.decode(body, type=PathTruth))

    def add(self, entry: CallTruth | PathTruth) -> None:
        """Keep one more, on disk at once."""
        if isinstance(entry, CallTruth):
            kind = "call"
            self.calls.append(entry)
        else:
            kind = "path"
            self.paths.append(entry)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("ab") as file:
            file.write(kind.encode() + b" " + msgspec.json.encode(entry) + b"\n")

    @property
    def turns(self) -> int:
        """Turns measured so far."""
        return sum(len(call.turns) for call in self.calls)


async def calibrate() -> str:
    """Fill the table, telling how far it is; the document's text."""
    table = Table(TABLE)
    if table.turns < WANTED_TURNS or len(table.paths) < WANTED_PATHS:
        async with ReferenceStack(agent="scripted", progress=_tell) as stack:
            while table.turns < WANTED_TURNS or len(table.paths) < WANTED_PATHS:
                if len(table.paths) < WANTED_PATHS and len(table.paths) * WANTED_TURNS <= table.turns * WANTED_PATHS:
                    table.add(await path(stack, 10))
                else:
                    table.add(await converse(stack, TURNS, seed=time.time_ns(), door=asyncio.Lock()))
                _tell(f"{table.turns} of {WANTED_TURNS} turns, {len(table.paths)} of {WANTED_PATHS} rooms of impulses")
    from tests.stack.accuracy import document  # noqa: PLC0415 - the resource figures need a stack of their own

    summary = summarize(table.calls, table.paths)
    return await document(summary, progress=_tell)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    DOCUMENT.write_text(asyncio.run(calibrate()))
    _tell(f"{DOCUMENT} is written")
