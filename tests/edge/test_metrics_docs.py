"""What `docs/metrics.md` promises is what the exporter exposes, both ways: names, types, labels, words, buckets."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from prober.core.events import CleanedUp
from prober.core.metric_schema import CLEANUP, LEVELS, METRICS, MOST_SERIES, PREFIX, SKIPS, TRIGGERS
from prober.sinks.exporter import Exporter
from tests.edge.kept_runs import PASS, TALK, run
from tests.exposition import adding, exporter, with_objectives
from tests.golden.regenerate import GOLDEN, read

DOCUMENT = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
ROW = re.compile(rf"^\| `{PREFIX}(\w+)` \| (counter|gauge|histogram) \| (.*?) \| (.*) \|$", re.MULTILINE)
BUCKETS = re.compile(rf"^\| `{PREFIX}(\w+)` \| ([\d. ]+) \|$", re.MULTILINE)
Told = dict[str, tuple[str, frozenset[str], str]]


@pytest.fixture(scope="module")
def full() -> Exporter:
    """An exporter with every series that there is."""
    made = exporter()
    for record in (PASS, TALK):
        made.ended(
            run(with_objectives(adding(record, CleanedUp(at=20.0, resource="room", name="r", ok=True, detail=""))))
        )
    made.ended(run(read(GOLDEN / "assigned_never_joined.json")))
    return made


def documented() -> Told:
    return {
        name: (kind, frozenset(re.findall(r"`(\w+)`", labels)), words)
        for name, kind, labels, words in ROW.findall(DOCUMENT)
    }


def exposed(exporter: Exporter) -> Iterator[tuple[str, tuple[str, frozenset[str], str]]]:
    for family in text_string_to_metric_families(exporter.exposition()[0].decode()):
        if family.name.startswith(PREFIX):
            names = {label for sample in family.samples for label in sample.labels} - {"le"}
            name = family.name.removeprefix(PREFIX) + ("_total" if family.type == "counter" else "")
            yield name, (family.type, frozenset(names), family.documentation)


def test_what_is_exposed_is_what_is_documented(full: Exporter) -> None:
    assert dict(exposed(full)) == documented()
    assert len(ROW.findall(DOCUMENT)) == len(METRICS)  # each once


def test_the_buckets_are_those_of_the_document() -> None:
    assert {name: tuple(map(float, bounds.split())) for name, bounds in BUCKETS.findall(DOCUMENT)} == {
        name: metric.buckets for name, metric in METRICS.items() if metric.buckets
    }


@pytest.mark.parametrize(
    "value", [*TRIGGERS, *SKIPS, *LEVELS, CLEANUP, "room", "participant", "trial", "active", "paused"]
)
def test_closed_values_are_listed(value: str) -> None:
    assert f"`{value}`" in DOCUMENT.partition("## Labels")[2]


def test_every_name_in_the_text_exists() -> None:
    told = set(re.findall(rf"`(?:{PREFIX})?(\w+_(?:total|seconds|info|runs|failures|success|paused))`", DOCUMENT))
    assert told - {*METRICS, "python_info"} == set()
    assert f"{MOST_SERIES:,}" in DOCUMENT
