"""What the status pages show: a real history of records derived from timelines, and the canary whose status it is."""

import datetime
import random
import uuid
import wave
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import soundfile  # type: ignore[import-untyped]  # has no stubs

from prober.core.causes import Cause
from prober.core.events import (
    AgentLogged,
    AgentSpeechStarted,
    AgentSpeechStopped,
    AnchorsAsked,
    AnyEvent,
    Dispatch,
    Job,
    Leaving,
    Person,
    ServerAsked,
    Stopped,
    TurnRechecked,
)
from prober.core.plan import Deadlines, Expectations, Scenario
from prober.core.reasons import Outcome, Reason
from prober.core.record import Head, RunRecord, derive
from prober.sinks.entries import Query
from prober.sinks.explained import advice
from prober.sinks.history import reading, writing
from prober.sinks.keeper import State
from prober.watch.cadence import Key
from prober.watch.status import RECENT, LineStatus, Status
from tests import timelines
from tests.edge.web_canary import SmallCanary

NOW = datetime.datetime(2026, 3, 2, 14, 30, tzinfo=datetime.UTC).timestamp()
INTERVALS = {Scenario.JOIN: 60.0, Scenario.CONVERSATION: 300.0}
OBJECTIVES = {Scenario.JOIN: {"agent_join": 2.0}, Scenario.CONVERSATION: {"agent_join": 2.0, "response": 1.5}}
CALLBACK = "Cannot register an async callback with `.on()`. Use `asyncio.create_task` within your synchronous callback…"
DEADLINES = Deadlines(agent_join=5.0)
SAID = ((1, 1.5, "en-repeat"), (0, 4.5, "en-hours"), (1, 7.25, "en-yes"), (0, 10.0, "en-hours"), (1, 13.25, "en-yes"))
"""Who says what when in a recording: the side, the moment, the sentence."""
AUDIO = Path(__file__).parents[1] / "fixtures" / "audio"


def made(
    target: str, scenario: Scenario, started_at: float, events: Iterable[AnyEvent], trigger: str = "scheduled"
) -> RunRecord:
    """The record of these events."""
    like = timelines.JOIN if scenario is Scenario.JOIN else timelines.CONVERSATION
    expected: Expectations = msgspec.structs.replace(like, objectives=OBJECTIVES[scenario], deadlines=DEADLINES)
    begun = datetime.datetime.fromtimestamp(started_at, datetime.UTC).isoformat(timespec="milliseconds")
    head = Head(run_id=uuid.uuid4().hex[:16], target=target, trigger=trigger, started_at=begun)  # type: ignore[arg-type]
    return derive(head, expected, tuple(events))


def began(record: RunRecord) -> float:
    """When the run began, as Unix time."""
    return datetime.datetime.fromisoformat(record.started_at).timestamp()


def entered(agent_join: float) -> tuple[AnyEvent, ...]:
    """From the door to an agent that came after so many seconds."""
    return tuple(
        msgspec.structs.replace(event, at=event.at + agent_join - 0.5) if event.at >= 0.8 else event
        for event in timelines.entered()
    )


def join(agent_join: float) -> tuple[AnyEvent, ...]:
    """The agent comes and stays."""
    late = agent_join - 0.5
    rest = [event for event in timelines.join() if event not in timelines.entered()]
    shifted = [msgspec.structs.replace(event, at=event.at + late) if event.at > 3.5 else event for event in rest]
    return (*entered(agent_join), *shifted)


def absent() -> tuple[AnyEvent, ...]:
    """The incident: nobody comes; LiveKit and the agent's log tell why."""
    alone = [event for event in timelines.entered() if event.at < 0.8]
    taken = Dispatch(
        "AD_7hQmYrTzXbKd", "front-desk", (Job("AJ_jegDjroBnxYf", "AW_toNYRusZUBs8", "agent-AJ_jegDjroBnxYf"),)
    )
    alone_there = (Person("caller", "standard", None, 1),)
    asked = ServerAsked(at=5.56, listed=1, people=alone_there, dispatches=(taken,))
    logged = AgentLogged(
        at=5.7, cause=Cause.ASYNC_CALLBACK, quote=f"ValueError: {CALLBACK}", by="room", job="AJ_jegDjroBnxYf"
    )
    return (*alone, Leaving(at=5.5), *timelines.heartbeats(6), asked, logged)


def offline() -> tuple[AnyEvent, ...]:
    """Nothing was reached, neither the product nor anybody else."""
    gone = Stopped(at=0.2, reason=Reason.TRIAL_UNREACHABLE, detail="start: voice.example.com does not resolve")
    return (*timelines.entered()[:2], gone, AnchorsAsked(at=0.4, answered=0, of=2), Leaving(at=0.5))


def conversation(agent_join: float, first: float, second: float) -> tuple[AnyEvent, ...]:
    """A greeting and two turns, answered after so many seconds."""
    return (
        *entered(agent_join),
        AgentSpeechStarted(at=agent_join + 1.0),
        AgentSpeechStopped(at=agent_join + 2.5),
        TurnRechecked(at=19.6, turn=0, ended=None, answered=agent_join + 1.0),
        *timelines.turn(1, at=4.5, response=first),
        *timelines.turn(2, at=10.0, response=second),
        Leaving(at=19.5),
        *timelines.heartbeats(20),
    )


def day(target: str, *, minutes: int = 60, until: float = NOW, seed: int = 1) -> Iterator[RunRecord]:
    """A healthy target's runs over so many minutes."""
    chance = random.Random(seed)
    for minute in range(minutes, 0, -1):
        started = until - 60 * minute + 17
        yield made(target, Scenario.JOIN, started, join(round(0.4 + 0.25 * chance.random() ** 3 + 0.1, 3)))
        if minute % 5 == 2:
            answers = (round(0.6 + chance.random() ** 2 * 0.6, 3) for _ in range(2))
            yield made(target, Scenario.CONVERSATION, started + 30, conversation(0.5, *answers))


def keep(history: Path, records: Iterable[RunRecord]) -> None:
    """Write them, as the canary does."""
    with writing(history) as kept:
        for record in sorted(records, key=lambda record: record.started_at):
            kept.record(record)


def line(history: Path, target: str, scenario: Scenario, **other: Any) -> LineStatus:
    """What the history says of a line."""
    with reading(history) as kept:
        standing = kept.standing(target, scenario)
        recent = tuple(kept.runs(Query(target=target, scenario=scenario, limit=RECENT)))[::-1]
        judged = None if standing.last_judged is None else kept.run(standing.last_judged.run_id)
    values: Mapping[str, Any] = {
        "key": Key(target, scenario),
        "interval": INTERVALS[scenario],
        "timeout": 45.0,
        "objectives": OBJECTIVES[scenario],
        "failures": standing.consecutive_failures,
        "closed": None,
        "running": None,
        "due_in": 12.0,
        "last": standing.last,
        "last_judged": standing.last_judged,
        "last_passed": standing.last_passed,
        "message": None if judged is None else judged.message,
        "look": advice(judged) if judged is not None and judged.outcome is Outcome.FAIL else None,
        "recent": recent,
    }
    return LineStatus(**{**values, **other})


def both(history: Path, target: str, **other: Any) -> tuple[LineStatus, LineStatus]:
    """Both scenarios of a target."""
    return line(history, target, Scenario.JOIN, **other), line(history, target, Scenario.CONVERSATION, **other)


def status(*lines: LineStatus, **other: Any) -> Status:
    """A canary that is well."""
    values: Mapping[str, Any] = {
        "version": "0.1.0",
        "now": NOW,
        "started_at": NOW - 86_400,
        "heartbeat_age": 0.2,
        "stopping": False,
        "config_file": "canary.yaml",
        "config_sha256": "ab" * 32,
        "config_loaded_at": NOW - 86_400,
        "config_trouble": None,
        "history": State(),
        "lines": lines,
        "external_url": None,
    }
    return Status(**{**values, **other})


class Shown(SmallCanary):
    """A canary whose status is set as a whole."""

    def __init__(self, told: Status) -> None:
        super().__init__()
        self.told = told

    def status(self) -> Status:
        return self.told


def recording(path: Path, seconds: float = 19.5) -> None:
    """The sound of `conversation(…, 0.75, 1.25)`: recorded sentences where its timeline has speech."""
    rate = 24_000
    both = np.zeros((round(seconds * rate), 2), np.int16)
    for side, at, name in SAID:
        pcm, found = soundfile.read(AUDIO / f"{name}.wav", dtype="int16")
        assert found == rate
        begin = round(at * rate)
        both[begin : begin + len(pcm), side] = pcm[: len(both) - begin]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(both.astype("<i2").tobytes())
