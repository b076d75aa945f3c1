"""Runs as Prometheus metrics. What the last run of each target and scenario was like; written to no registry but ours.

The gauges describe the last *judged* run: an inconclusive one moves only `last_run_outcome`, for it says nothing about
the target. A text file (for node_exporter's collector) is therefore written on from what it held before: the judged
values of a run that is followed by an inconclusive one stay, the moment of the last success stays when runs fail, and
so do the series of other targets. Were they dropped, `run ONE_TARGET` would make the others' alerts resolve. Who
takes a target away deletes the file.
"""

import datetime
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from prober.core.measure import OBJECTIVES, value_of
from prober.core.reasons import OURS, Outcome, Reason
from prober.core.record import RunRecord

PREFIX = "livekit_prober_"
SERIES = ("target", "scenario")
OUTCOMES = (
    Outcome.PASS.value,
    *(reason.value for reason in Reason if reason not in OURS),
    Outcome.INCONCLUSIVE.value,
)
"""The states of `last_run_outcome`: of the reasons those that are about the target."""


_VALUES = {
    "last_run_success": ("success", "Whether the last judged run worked (1) or its target failed (0)."),
    "last_run_timestamp_seconds": ("ended", "When the last judged run ended, in Unix time."),
    "last_success_timestamp_seconds": ("succeeded", "When the last run that worked ended; absent until there is one."),
    "last_run_duration_seconds": ("duration", "How long the last judged run took, its clean-up included."),
}
_PHASES, _PHASES_WORDS = (
    "last_run_phase_duration_seconds",
    "The measurements of the last judged run (response: its slowest turn); absent where a phase was not reached.",
)
_OUTCOME, _OUTCOME_WORDS = (
    "last_run_outcome",
    "What the last run came to, judged or not: of each target and scenario exactly one is 1.",
)


class NotMetricsError(ValueError):
    """The file holds something else; the sentence says so."""


class LastRun(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of one target and scenario; None is not told. All but `outcome` is of the last judged run."""

    outcome: str | None = None
    success: bool | None = None
    ended: float | None = None
    """Unix time."""
    succeeded: float | None = None
    """Unix time of the end of the last run that passed."""
    duration: float | None = None
    phases: dict[str, float] = {}


def followed_by(before: LastRun, record: RunRecord) -> LastRun:
    """What is to be told after this run."""
    if record.outcome is Outcome.INCONCLUSIVE:
        return msgspec.structs.replace(before, outcome=Outcome.INCONCLUSIVE.value)
    success = record.outcome is Outcome.PASS
    began = datetime.datetime.fromisoformat(record.started_at).timestamp()
    ended = None if record.seconds is None else began + record.seconds
    values = {name: value_of(record.measurements, name) for name in OBJECTIVES}
    return LastRun(
        outcome=(record.reason or record.outcome).value,
        success=success,
        ended=ended,
        succeeded=ended if success else before.succeeded,
        duration=record.seconds,
        phases={name: value for name, value in values.items() if value is not None},
    )


class LastRuns(Collector):
    """The last run of each target and scenario, as gauges."""

    def __init__(self, known: dict[tuple[str, str], LastRun] | None = None) -> None:
        self.known = dict(known or {})

    def publish(self, record: RunRecord) -> None:
        """Tell of this run from now on."""
        place = (record.target, record.scenario)
        self.known[place] = followed_by(self.known.get(place, LastRun()), record)

    def collect(self) -> Iterator[Metric]:
        """The gauges; a series whose value is not known is absent."""
        for name, (attribute, words) in _VALUES.items():
            family = GaugeMetricFamily(PREFIX + name, words, labels=SERIES)
            for place, last in sorted(self.known.items()):
                value = getattr(last, attribute)
                if value is not None:
                    family.add_metric(place, float(value))
            yield family
        phases = GaugeMetricFamily(PREFIX + _PHASES, _PHASES_WORDS, labels=(*SERIES, "phase"))
        outcomes = GaugeMetricFamily(PREFIX + _OUTCOME, _OUTCOME_WORDS, labels=(*SERIES, "outcome"))
        for place, last in sorted(self.known.items()):
            for phase, seconds in last.phases.items():
                phases.add_metric((*place, phase), seconds)
            for outcome in OUTCOMES:
                outcomes.add_metric((*place, outcome), float(outcome == last.outcome))
        yield phases
        yield outcomes


def text_of(path: Path) -> str:
    """What the file holds now; nothing where there is none."""
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def text_file(records: Iterable[RunRecord], before: str = "") -> bytes:
    """The text file after these runs. Raises NotMetricsError where `before`, what it held, is none."""
    last = LastRuns(read(before))
    for record in records:
        last.publish(record)
    registry = CollectorRegistry()
    registry.register(last)
    return generate_latest(registry)


def read(before: str) -> dict[tuple[str, str], LastRun]:
    """What such a file tells; of other programs' metrics nothing. Raises NotMetricsError where it is none."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    try:
        families = list(text_string_to_metric_families(before))
    except (ValueError, IndexError, KeyError) as error:
        raise NotMetricsError("it is no Prometheus text file.") from error
    for family in families:
        for sample in family.samples:
            name, labels = sample.name.partition(PREFIX)[2], sample.labels
            if name not in (*_VALUES, _PHASES, _OUTCOME) or not labels.keys() >= set(SERIES):
                continue
            told = found.setdefault((labels["target"], labels["scenario"]), {"phases": {}})
            if name in _VALUES:
                told[_VALUES[name][0]] = bool(sample.value) if name == "last_run_success" else sample.value
            elif name == _PHASES:
                told["phases"][labels.get("phase", "")] = sample.value
            elif name == _OUTCOME and sample.value == 1:
                told["outcome"] = labels.get("outcome")
    return {place: LastRun(**told) for place, told in found.items()}
