"""An exporter with its lines, the records that tests feed it with, and what Prometheus reads in its exposition."""

import functools
import re
from collections.abc import Mapping

import msgspec
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as classic
from prometheus_client.samples import Sample

from prober.core.events import AgentJoined, AnyEvent
from prober.core.metric import Line
from prober.core.metric_schema import CLEANUP, PREFIX
from prober.core.record import RunRecord, rederive
from prober.sinks.exporter import Exporter

ENTERED = ("trial", "room_join", "agent_join", "agent_ready", "time_to_ready")
OBJECTIVES = {"agent_join": 10.0, "response": 2.5}
JOIN = Line(
    target="shop",
    scenario="join",
    interval=60.0,
    timeout=45.0,
    objectives=("agent_join",),
    phases=(*ENTERED, CLEANUP),
)
CONVERSATION = Line(
    target="shop",
    scenario="conversation",
    interval=300.0,
    timeout=90.0,
    objectives=("agent_join", "response"),
    phases=(*ENTERED, "greeting", "response", CLEANUP),
)
LINES = (JOIN, CONVERSATION)
START = 1_700_000_000.0
Labels = frozenset[tuple[str, str]]
Samples = dict[tuple[str, Labels], float]


def exporter(*lines: Line) -> Exporter:
    """One that was just started with these lines, default LINES."""
    made = Exporter()
    made.expect(lines or LINES, START)
    made.reloaded(ok=True, when=START, sha256="ab" * 32)
    return made


def with_objectives(record: RunRecord) -> RunRecord:
    """The run as if it had been judged by OBJECTIVES."""
    names = next(line.objectives for line in LINES if line.scenario == record.scenario)
    limits = {name: OBJECTIVES[name] for name in names}
    return rederive(
        msgspec.structs.replace(record, expectations=msgspec.structs.replace(record.expectations, objectives=limits))
    )


def later(record: RunRecord, seconds: float) -> RunRecord:
    """The run whose agent, and all after it, came later."""
    since = next(event.at for event in record.timeline if isinstance(event, AgentJoined))
    moved: tuple[AnyEvent, ...] = tuple(
        msgspec.structs.replace(event, at=round(event.at + seconds, 6)) if event.at >= since else event
        for event in record.timeline
    )
    return rederive(msgspec.structs.replace(record, timeline=moved))


def adding(record: RunRecord, *events: AnyEvent) -> RunRecord:
    """The run in which this happened too."""
    return rederive(msgspec.structs.replace(record, timeline=(*record.timeline, *events)))


def samples(body: bytes, *, exemplars: bool = False) -> Samples:
    """What Prometheus reads in the samples of an exposition; of our own metrics, without the prefix."""
    if exemplars:
        families = openmetrics(body.decode())  # type: ignore[no-untyped-call]
        found = (sample for family in families for sample in family.samples)
        return {_key(sample): sample.value for sample in found if sample.name.startswith(PREFIX)}
    lines = (_sample(line) for line in body.decode().split("\n") if line and not line.startswith("#"))
    return {_series(series): value for series, value in lines if series.startswith(PREFIX)}


def _sample(line: str) -> tuple[str, float]:
    """Series and value of one line of the classic format, as ours are: without a time."""
    found = re.fullmatch(r"([^\s{]+(?:\{.*\})?) (\S+)", line)
    assert found is not None, line
    return found[1], float(found[2])


@functools.cache
def _series(text: str) -> tuple[str, Labels]:
    """One of the classic format. The parser is slow, and the same hundreds are read again and again."""
    ((sample,),) = (family.samples for family in classic(f"{text} 0"))
    return _key(sample)


def _key(sample: Sample) -> tuple[str, Labels]:
    return sample.name.removeprefix(PREFIX), frozenset(sample.labels.items())


def value(told: Samples, name: str, line: Line | None = JOIN, **labels: str) -> float | None:
    """One of them."""
    where: Mapping[str, str] = {} if line is None else {"target": line.target, "scenario": line.scenario}
    return told.get((name, frozenset((dict(where) | labels).items())))


def total(told: Samples, name: str, **labels: str) -> float:
    """The sum over all series of this name with these labels."""
    return sum(number for (one, where), number in told.items() if one == name and labels.items() <= dict(where).items())
