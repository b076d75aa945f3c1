"""The schema's metrics with their values: born at zero with the lines they belong to, gone with them.

A value for a series that no line makes is dropped: so whatever a record holds, nothing but what the configuration names
becomes a label. Kept as plain numbers, not as the client library's own metrics: those write `_created` series beside
each counter, and files instead of memory where a variable of the environment (PROMETHEUS_MULTIPROC_DIR) says so.
Threads may share it.
"""

import bisect
import re
import threading
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

from prometheus_client import Metric as Family
from prometheus_client.core import CounterMetricFamily, Exemplar, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from prober.core.metric import Kind, Line, Metric, label_sets
from prober.core.metric_schema import METRICS, PREFIX

_RUN_ID = re.compile(r"[0-9a-f]{16}")


class Example(NamedTuple):
    """The run that a value is of, and when it ended (Unix time)."""

    run_id: str
    at: float | None

    def of(self, value: float) -> Exemplar | None:
        """As OpenMetrics writes it; None for an id that is not the prober's."""
        known = _RUN_ID.fullmatch(self.run_id) is not None
        return Exemplar({"run_id": self.run_id}, value, self.at) if known else None


class Histogram:
    """How many values fell into each bucket; the last one has no bound."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._examples: list[Exemplar | None] = [None] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float, example: Example | None) -> None:
        """Count this value where it belongs: a bound includes itself."""
        bucket = bisect.bisect_left(self._bounds, value)
        self._counts[bucket] += 1
        self.total += value
        self._examples[bucket] = (example and example.of(value)) or self._examples[bucket]

    def buckets(self) -> list[tuple[str, float] | tuple[str, float, Exemplar]]:
        """Each bound with how many values did not exceed it, and its newest example."""
        bounds, counts = (*map(str, self._bounds), "+Inf"), accumulate(self._counts)
        return [
            (bound, float(count)) if example is None else (bound, float(count), example)
            for bound, count, example in zip(bounds, counts, self._examples, strict=True)
        ]


Numbers = dict[tuple[str, ...], float]


class Families(Collector):
    """All metrics but those that somebody else tells; each value by its label values, in the order of the schema."""

    def __init__(self, names: Iterable[str]) -> None:
        self._lock = threading.RLock()  # a collected object may log, which counts here, in the midst of anything
        metrics = [METRICS[name] for name in names]
        self._numbers: dict[str, Numbers] = {metric.name: {} for metric in metrics if metric.kind is not Kind.HISTOGRAM}
        self._histograms: dict[str, dict[tuple[str, ...], Histogram]] = {
            metric.name: {} for metric in metrics if metric.kind is Kind.HISTOGRAM
        }
        self.expect(())

    def expect(self, lines: Iterable[Line]) -> None:
        """Have exactly the series of these lines: new ones at zero, known ones as they are."""
        known = tuple(lines)
        with self._lock:
            for name, numbers in self._numbers.items():
                if not METRICS[name].told:
                    self._numbers[name] = {labels: numbers.get(labels, 0.0) for labels in _ordered(name, known)}
            for name, histograms in self._histograms.items():
                bounds = METRICS[name].buckets
                self._histograms[name] = {
                    labels: histograms.get(labels) or Histogram(bounds) for labels in _ordered(name, known)
                }

    def add(self, name: str, *labels: str, amount: float = 1.0) -> None:
        """Count on."""
        with self._lock:
            numbers = self._numbers[name]
            if labels in numbers:
                numbers[labels] += amount

    def set(self, name: str, *labels: str, to: float) -> None:
        """Have this value from now on."""
        with self._lock:
            if labels in self._numbers[name]:
                self._numbers[name][labels] = float(to)

    def tell(self, name: str, *labels: str) -> None:
        """Have 1 under these label values, which only the program knows, and no other."""
        with self._lock:
            self._numbers[name] = {labels: 1.0}

    def observe(self, name: str, *labels: str, value: float, example: Example | None = None) -> None:
        """Count a duration in its bucket."""
        with self._lock:
            histogram = self._histograms[name].get(labels)
            if histogram is not None:
                histogram.observe(value, example)

    def value(self, name: str, *labels: str) -> float:
        """The value that it has; 0 where there is none."""
        return self._numbers[name].get(labels, 0.0)

    def collect(self) -> Iterator[Family]:
        """Everything as the library writes it."""
        with self._lock:
            families = [*map(self._numbers_of, self._numbers), *map(self._histograms_of, self._histograms)]
        yield from families

    def _numbers_of(self, name: str) -> Family:
        metric = METRICS[name]
        kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
        family = kind(PREFIX + name, metric.words, labels=_names(metric))
        for labels, value in self._numbers[name].items():
            family.add_metric(labels, value)
        return family

    def _histograms_of(self, name: str) -> Family:
        metric = METRICS[name]
        family = HistogramMetricFamily(PREFIX + name, metric.words, labels=_names(metric))
        for labels, histogram in self._histograms[name].items():
            family.add_metric(labels, histogram.buckets(), histogram.total)
        return family


def _names(metric: Metric) -> list[str]:
    return [label.name for label in metric.labels]


def _ordered(name: str, lines: tuple[Line, ...]) -> list[tuple[str, ...]]:
    return sorted(label_sets(METRICS[name], lines))
