"""Runs as Prometheus metrics. What the last run of each target and scenario was like; written to no registry but ours.

The gauges describe the last *judged* run: an inconclusive one moves only `last_run_outcome`, for it says nothing about
the target. A text file (for node_exporter's collector) is therefore written on from what it held before: the judged
values of a run that is followed by an inconclusive one stay, the moment of the last success stays when runs fail, and
so do the series of other targets. Were they dropped, `run ONE_TARGET` would make the others' alerts resolve. Who
takes a target away deletes the file.
"""

import contextlib
import datetime
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from prober.core.causes import Cause, Diagnosis
from prober.core.meanings import MEANINGS
from prober.core.measure import OBJECTIVES, value_of
from prober.core.metric_schema import CAUSES, METRICS, OUTCOMES, PREFIX
from prober.core.reasons import Outcome
from prober.core.record import RunRecord
from prober.core.words import harmless

_VALUES = {
    "last_run_success": "success",
    "last_run_timestamp_seconds": "ended",
    "last_success_timestamp_seconds": "succeeded",
    "last_run_duration_seconds": "duration",
}
"""The gauges that are one number, and what it is of a LastRun."""
_PHASES, _OUTCOME = "last_run_phase_duration_seconds", "last_run_outcome"
_CAUSE, _WHY = "last_run_diagnosis", "last_run_diagnosis_info"
LAST_RUN = (*_VALUES, _PHASES, _OUTCOME, _CAUSE, _WHY)
"""The metrics that are told here."""
_LABELS = {PREFIX + name: frozenset(label.name for label in METRICS[name].labels) for name in LAST_RUN}
"""What a file of ours may hold: each metric's name and its labels."""
_LONGEST = 400
"""Characters of a fix; those of today are shorter."""


class NotMetricsError(ValueError):
    """The file holds something else; the sentence says so."""


class LastRun(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of one target and scenario; None is not told. All but `outcome` is of the last judged run."""

    outcome: str | None = None
    cause: str | None = None
    fix: str | None = None
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
    success, ended = record.outcome is Outcome.PASS, ended_at(record)
    values = {name: value_of(record.measurements, name) for name in OBJECTIVES}
    return LastRun(
        outcome=(record.reason or record.outcome).value,
        **why(record.diagnosis),
        success=success,
        ended=ended,
        succeeded=ended if success else before.succeeded,
        duration=record.seconds,
        phases={name: value for name, value in values.items() if value is not None},
    )


def why(found: Diagnosis | None) -> dict[str, str]:
    """What of a LastRun a diagnosis tells."""
    return {} if found is None else {"cause": found.cause.value, "fix": found.fix}


def ended_at(record: RunRecord) -> float | None:
    """When the run ended, in Unix time; None where it does not tell."""
    with contextlib.suppress(ValueError, OverflowError):
        began = datetime.datetime.fromisoformat(record.started_at).timestamp()
        return None if record.seconds is None else began + record.seconds
    return None


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
        for name, attribute in _VALUES.items():
            family = _gauge(name)
            for place, last in sorted(self.known.items()):
                value = getattr(last, attribute)
                if value is not None:
                    family.add_metric(place, float(value))
            yield family
        phases, outcomes, causes, whys = map(_gauge, (_PHASES, _OUTCOME, _CAUSE, _WHY))
        for place, last in sorted(self.known.items()):
            for phase, seconds in last.phases.items():
                phases.add_metric((*place, phase), seconds)
            for outcome in OUTCOMES:
                outcomes.add_metric((*place, outcome), float(outcome == last.outcome))
            for cause in CAUSES if last.success is not None else ():
                causes.add_metric((*place, cause), float(cause == last.cause))
            if last.fix is not None and last.cause in CAUSES:
                told = MEANINGS[Cause(last.cause)].sentence, harmless(last.fix, longest=_LONGEST)
                whys.add_metric((*place, last.cause, *told), 1.0)
        yield from (phases, outcomes, causes, whys)


def _gauge(name: str) -> GaugeMetricFamily:
    metric = METRICS[name]
    return GaugeMetricFamily(PREFIX + name, metric.words, labels=[label.name for label in metric.labels])


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
    """What such a file tells. Raises NotMetricsError where it holds anything else, which writing it would destroy."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    try:
        families = list(text_string_to_metric_families(before))
    except (ValueError, IndexError, KeyError) as error:
        raise NotMetricsError("it is no Prometheus text file.") from error
    if before.strip() and not families:
        raise NotMetricsError("it holds no metrics of the prober.")
    for family in families:
        if family.name not in _LABELS:
            raise NotMetricsError(f"it holds {family.name}, which is no metric of the prober.")
        for sample in family.samples:
            if sample.name != family.name or sample.labels.keys() != _LABELS[family.name]:
                raise NotMetricsError(f"it holds {sample.name} with other labels than the prober's.")
            name, labels = sample.name.removeprefix(PREFIX), sample.labels
            told = found.setdefault((labels["target"], labels["scenario"]), {"phases": {}})
            if name in _VALUES:
                told[_VALUES[name]] = bool(sample.value) if name == "last_run_success" else sample.value
            elif name == _PHASES:
                told["phases"][labels["phase"]] = sample.value
            elif sample.value == 1:
                told.update({label: labels[label] for label in ("outcome", "cause", "fix") if label in labels})
    return {place: LastRun(**told) for place, told in found.items()}
