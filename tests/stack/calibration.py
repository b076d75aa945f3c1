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

from prober.core.events import AgentJoined, RoomJoined, RunStarted
from prober.core.plan import Expectations, Greeting, Scenario, TurnPlan
from prober.core.readings import GREETING
from prober.core.record import RunRecord
from prober.core.timeline import Timeline
from prober.fixtures import load_fixture
from prober.refstack.script import Greeting as ScriptedGreeting
from prober.refstack.script import Impulses, Script
from prober.refstack.stack import ReferenceStack
from tests.stack.impulses import exchange_impulses
from tests.stack.kept import Kept, file_of_this_instrument
from tests.stack.runs import make_run, make_scripted_run

SAY = "en-hours"
AGENT_SAYS = "en-weather"
LOUD = 32768 * 10 ** (-45 / 20)
"""What the scripted agent's ear counts as sound."""
TURNS = 6
DELAYS = (0.2, 2.0)
JOIN_DELAYS = (0.0, 2.0)


class TurnTruth(msgspec.Struct, frozen=True):
    """One turn of the script, spoken or not: seconds; None for what the run or the agent's log does not have.

    `up` and `down` are the ways to the agent and back as this very turn shows them, `sentence` is how long the run says
    that ours was, which the recorded one decides.
    """

    delay: float
    reading: float | None
    void: str | None
    truth: float | None
    sentence: float | None
    up: float | None
    down: float | None
    jitter_buffer: float | None

    @property
    def own(self) -> float | None:
        """The reading without the jitter buffers, the agent's and ours: on a busy machine they grow at any time."""
        if self.reading is None or self.up is None or self.jitter_buffer is None:
            return None
        return self.reading - self.up - self.jitter_buffer


class JoinTruth(msgspec.Struct, frozen=True, tag=True):
    """The agent's join as read and as it was: seconds from our own join to the agent's connection."""

    reading: float
    truth: float


class CallTruth(msgspec.Struct, frozen=True, tag=True):
    """One call: its turns and its join."""

    turns: list[TurnTruth]
    join: JoinTruth
    outcome: str


class PathTruth(msgspec.Struct, frozen=True, tag=True):
    """Impulses in one room, one-way seconds each way."""

    ups: list[float]
    downs: list[float]


def drawn(turns: int, seed: int) -> tuple[float, ...]:
    """Random reply delays for so many turns."""
    draw = random.Random(seed)
    return tuple(round(draw.uniform(*DELAYS), 3) for _ in range(turns))


async def converse(stack: ReferenceStack, delays: Sequence[float], seed: int, door: asyncio.Lock) -> CallTruth:
    """One call of a turn for each of these reply delays, and a random join delay."""
    turns = len(delays)
    script = Script(
        join_delay=round(random.Random(seed).uniform(*JOIN_DELAYS), 3),
        greeting=ScriptedGreeting(delay=0.4, seconds=0.8),
        replies=tuple(delays),
        reply_seconds=0.8,
    )
    expectations = Expectations(greeting=Greeting.EXPECTED, turns=(TurnPlan(),) * turns)
    record = await make_scripted_run(stack, script, expectations, say=(SAY,) * turns, door=door)
    return truth_of(stack, record, delays)


def truth_of(stack: ReferenceStack, record: RunRecord, delays: Sequence[float]) -> CallTruth:
    """The run beside the agent's own log of it."""
    truth, timeline = _log(stack, record), Timeline(record.timeline)
    started, joined, agent = (timeline.first(kind) for kind in (RunStarted, RoomJoined, AgentJoined))
    assert isinstance(started, RunStarted), record.message
    assert joined is not None, record.message
    assert agent is not None, record.message
    zero = started.monotonic
    connected = next(line["at"] for line in truth if line["kind"] == "connected")
    joining = JoinTruth(agent.at - joined.at, connected - zero - joined.at)
    return CallTruth(list(_turns(record, timeline, truth, delays, zero)), joining, record.outcome)


def agent_fell_silent(stack: ReferenceStack, record: RunRecord) -> float:
    """The moment of the run, in seconds, at which the last loud sample of the agent's greeting left it."""
    started = Timeline(record.timeline).first(RunStarted)
    last = _logged(_log(stack, record), "spoke_last_loud", GREETING)
    assert isinstance(started, RunStarted), record.message
    assert last is not None, record.message
    return last - started.monotonic


async def join_only(stack: ReferenceStack, seed: int) -> JoinTruth:
    """One look at an agent that comes after a random delay."""
    script = Script(join_delay=round(random.Random(seed).uniform(*JOIN_DELAYS), 3), greeting=None)
    stack.knobs.agent_metadata = script.to_json()
    record = await make_run(stack, Expectations(scenario=Scenario.JOIN, hold=0.1))
    return truth_of(stack, record, ()).join


def _turns(
    record: RunRecord, timeline: Timeline, truth: Sequence[dict[str, Any]], delays: Sequence[float], zero: float
) -> Iterator[TurnTruth]:
    spoken = {turn.number: turn for turn in timeline.turns()}
    for number, (delay, reading) in enumerate(zip(delays, record.prober.turns, strict=True), start=1):
        heard = _logged(truth, "heard_last_loud", number)
        spoke = _logged(truth, "spoke_first_loud", number)
        turn = spoken.get(number)
        ended = None if turn is None or turn.ended is None else zero + turn.ended
        began = None if spoke is None else spoke - quiet_begin()
        answered = None if turn is None or turn.answered is None else zero + turn.answered
        yield TurnTruth(
            delay=delay,
            reading=reading.response,
            void=reading.void,
            truth=None if heard is None or began is None else began - (heard + quiet_end(SAY)),
            sentence=None if ended is None or turn is None else ended - zero - turn.began,
            up=None if heard is None or ended is None else heard + quiet_end(SAY) - ended,
            down=None if answered is None or began is None else answered - began,
            jitter_buffer=reading.jitter_buffer,
        )


def _log(stack: ReferenceStack, record: RunRecord) -> list[dict[str, Any]]:
    """What the agent logged of this run."""
    lines = (json.loads(line) for line in stack.worker.truth.read_text().splitlines())
    return [line for line in lines if line["room"] == record.room]


def _logged(truth: Sequence[dict[str, Any]], kind: str, turn: int) -> float | None:
    return next((line["at"] for line in truth if line["kind"] == kind and line["turn"] == turn), None)


def length_of(fixture: str) -> float:
    """Seconds from the sentence's onset to the end of its speech."""
    clip = load_fixture(fixture)
    return (clip.end_sample - clip.onset_sample) / clip.rate


def quiet_begin() -> float:
    """Seconds of the agent's speech before what it logs as its first loud sample (30 dB under its peak)."""
    clip = load_fixture(AGENT_SAYS)
    level = np.abs(clip.pcm[clip.onset_sample : clip.end_sample].astype(np.int32))
    return float(np.flatnonzero(level >= level.max() * 10 ** (-30 / 20))[0]) / clip.rate


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
    own_slope: float
    own_max: float
    sentence_max: float
    own_share_p95: float
    join_n: int
    join_slope: float
    join_offset: float
    join_p95: float


WRONG = 0.25
"""Seconds from its truth at which a reading is about another sound."""


def summarize(calls: Sequence[CallTruth], paths: Sequence[PathTruth], looks: Sequence[JoinTruth] = ()) -> Summary:
    """The figures of the document, each by its definition in it."""
    turns = [turn for call in calls for turn in call.turns]
    pairs = [(turn.truth, turn.reading) for turn in turns if turn.truth is not None and turn.reading is not None]
    truths, readings = np.array(pairs).T
    offset = float(np.median(readings - truths))
    residuals = np.abs(readings - truths - offset)
    shares = np.array(
        [
            turn.down - turn.jitter_buffer
            for turn in turns
            if turn.reading is not None and turn.down is not None and turn.jitter_buffer is not None
        ]
    )
    owns = np.array([(t.truth, t.own) for t in turns if t.truth is not None and t.own is not None])
    errors = owns[:, 1] - owns[:, 0]
    sentences = [turn.sentence - length_of(SAY) for turn in turns if turn.sentence is not None]
    ups, downs = ([one for way in paths for one in getattr(way, side)] for side in ("ups", "downs"))
    joins = np.array([(join.truth, join.reading) for join in (*(call.join for call in calls), *looks)])
    late = joins[:, 1] - joins[:, 0]
    return Summary(
        turns=len(turns),
        calls=len(calls),
        missed=sum(turn.truth is None or (turn.reading is None and turn.void is None) for turn in turns),
        wrong=int(np.sum(residuals > WRONG)),
        voided=sum(turn.void is not None for turn in turns),
        slope=float(np.polyfit(truths, readings, 1)[0]),
        offset=offset,
        path=statistics.median(ups) + statistics.median(downs),
        up=statistics.median(ups),
        down=statistics.median(downs),
        impulses=len(ups) + len(downs),
        residual_p95=float(np.quantile(residuals, 0.95)),
        residual_max=float(residuals.max()),
        own_slope=float(np.polyfit(owns[:, 0], owns[:, 1], 1)[0]),
        own_max=float(np.abs(errors - np.median(errors)).max()),
        sentence_max=max(map(abs, sentences)),
        own_share_p95=float(np.quantile(np.abs(shares - np.median(shares)), 0.95)),
        join_n=len(joins),
        join_slope=float(np.polyfit(joins[:, 0], joins[:, 1], 1)[0]) if len(joins) > 1 else float("nan"),
        join_offset=float(np.median(late)),
        join_p95=float(np.quantile(np.abs(late - np.median(late)), 0.95)),
    )


DOCUMENT = Path("docs/accuracy.md")
WANTED_TURNS, WANTED_PATHS, WANTED_JOINS = 120, 10, 100


class Table(Kept[CallTruth | PathTruth | JoinTruth]):
    """What has been measured so far."""

    def __init__(self, file: Path) -> None:
        super().__init__(file, CallTruth | PathTruth | JoinTruth)

    @property
    def calls(self) -> list[CallTruth]:
        """The calls."""
        return [entry for entry in self.entries if isinstance(entry, CallTruth)]

    @property
    def paths(self) -> list[PathTruth]:
        """The rooms of impulses."""
        return [entry for entry in self.entries if isinstance(entry, PathTruth)]

    @property
    def joins(self) -> list[JoinTruth]:
        """The looks at agents that came."""
        return [entry for entry in self.entries if isinstance(entry, JoinTruth)]

    @property
    def missing(self) -> dict[str, float]:
        """Which share of each kind is still to be measured."""
        turns = sum(len(call.turns) for call in self.calls)
        return {
            "call": 1 - turns / WANTED_TURNS,
            "path": 1 - len(self.paths) / WANTED_PATHS,
            "join": 1 - len(self.joins) / WANTED_JOINS,
        }


async def calibrate() -> str:
    """Fill the table, always what is furthest behind, telling how far it is; the document's text."""
    table = Table(file_of_this_instrument("calibration"))
    if max(table.missing.values()) > 0:
        async with ReferenceStack(agent="scripted", progress=_tell) as stack:
            while max(table.missing.values()) > 0:
                kind = max(table.missing, key=lambda kind: table.missing[kind])
                if kind == "path":
                    table.add(await path(stack, 10))
                elif kind == "join":
                    table.add(await join_only(stack, seed=time.time_ns()))
                else:
                    seed = time.time_ns()
                    table.add(await converse(stack, drawn(TURNS, seed), seed, asyncio.Lock()))
                _tell(", ".join(f"{kind}s: {100 * (1 - missing):.0f} %" for kind, missing in table.missing.items()))
    from tests.stack.accuracy import document  # noqa: PLC0415 - it needs this module's figures

    return await document(summarize(table.calls, table.paths, table.joins), progress=_tell)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    DOCUMENT.write_text(asyncio.run(calibrate()))
    _tell(f"{DOCUMENT} is written")
