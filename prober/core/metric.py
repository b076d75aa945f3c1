"""What a metric is: its type, its labels, and the series that a configuration makes of it. Pure."""

import itertools
from collections.abc import Callable, Iterable
from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """A metric's type in the exposition."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario of one target, as far as metrics are concerned."""

    target: str
    scenario: str
    interval: float
    timeout: float
    objectives: tuple[str, ...]
    """The measurements that have a limit."""
    phases: tuple[str, ...]
    """The measurements that its runs can have, and the clean-up."""

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from every other."""
        return self.target, self.scenario


UNTOLD = ("",)
"""In place of a value that only the program can tell."""


class Label(msgspec.Struct, frozen=True):
    """A label and its values: always these, those of a line, or (None) one at a time that the program tells."""

    name: str
    values: tuple[str, ...] | Callable[[Line], tuple[str, ...]] | None = None

    def of(self, line: Line) -> tuple[str, ...]:
        """The values that it has for a line."""
        return self.values(line) if callable(self.values) else self.values or UNTOLD


class Metric(msgspec.Struct, frozen=True):
    """A row of the table."""

    name: str
    """Without the prefix."""
    kind: Kind
    labels: tuple[Label, ...]
    words: str
    buckets: tuple[float, ...] = ()
    only: str | None = None
    """The measurement without which a line has no such series."""

    @property
    def told(self) -> bool:
        """Whether only the program can tell its labels."""
        return any(label.values is None for label in self.labels)

    @property
    def samples(self) -> int:
        """How many series each set of labels makes: a histogram's are its buckets, one without bound, sum and count."""
        return len(self.buckets) + 3 if self.kind is Kind.HISTOGRAM else 1


def label_sets(metric: Metric, lines: Iterable[Line]) -> frozenset[tuple[str, ...]]:
    """The label values of all series that these lines make of a metric, those that only the program can tell empty."""
    if any(callable(label.values) for label in metric.labels):
        measuring = (line for line in lines if metric.only is None or metric.only in line.phases)
        sets = [itertools.product(*(label.of(line) for label in metric.labels)) for line in measuring]
        return frozenset(itertools.chain.from_iterable(sets))
    fixed = [label.values if isinstance(label.values, tuple) else UNTOLD for label in metric.labels]
    return frozenset(itertools.product(*fixed))
