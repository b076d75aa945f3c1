import contextlib
from pathlib import Path

import pytest

from prober.config.loading import load
from prober.config.problems import ConfigError
from prober.config.watched import lines
from prober.core.measure import OBJECTIVES
from prober.core.metric import Kind, label_sets
from prober.core.metric_schema import CLEANUP, FAILURES, METRICS, MOST_SERIES, OUTCOMES, SKIPS, TRIGGERS, series_of
from prober.core.reasons import OURS, Reason
from prober.watch.schedule import SkipReason
from tests.exposition import CONVERSATION, JOIN, LINES

FILE = """
targets:
  shop:
    entry: {trial: {url: 'https://shop.example.com/'}}
    objectives: {agent_join: 10, response: 2.5}
  bank:
    entry: {direct: {}}
    livekit: {url: 'wss://bank.example.com', api_key: '${KEY}', api_secret: '${SECRET}'}
    scenarios:
      conversation:
        interval: 120
        turns: [{say: en-hours}, {interrupt: en-stop}]
"""


def test_a_name_says_its_type_and_its_unit() -> None:
    for metric in METRICS.values():
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
        assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM)
        assert metric.kind is not Kind.HISTOGRAM or metric.name.endswith("_seconds")
        assert metric.words.endswith(".")
        assert sorted(set(metric.buckets)) == list(metric.buckets)


def test_buckets_are_a_contract() -> None:
    """Whoever changes these breaks what others have recorded."""
    assert {name: metric.buckets for name, metric in METRICS.items() if metric.buckets} == {
        "agent_join_duration_seconds": (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5, 7.5, 10, 15, 20, 30, 45, 60),
        "agent_response_duration_seconds": (
            *(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1),
            *(1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 8, 10, 15, 20, 30),
        ),
        "phase_duration_seconds": (0.05, 0.1, 0.25, 0.5, 1, 1.5, 2.5, 5, 10, 20, 30, 60),
        "run_duration_seconds": (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5, 7.5, 10, 15, 20, 30, 45, 60, 90, 120),
        "schedule_lag_seconds": (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
    }


def test_closed_labels_are_those_of_the_program() -> None:
    assert set(SKIPS) == set(SkipReason)
    assert set(FAILURES) == set(Reason) - OURS
    assert set(OUTCOMES) == {*FAILURES, "pass", "inconclusive"}
    reasons = {sets[-1] for sets in label_sets(METRICS["runs_inconclusive_total"], LINES)}
    assert reasons == OURS
    assert len(label_sets(METRICS["run_failures_total"], LINES)) == 2 * len(TRIGGERS) * len(FAILURES)


def test_a_line_has_no_series_for_what_it_never_measures() -> None:
    assert label_sets(METRICS["agent_response_duration_seconds"], LINES) == {CONVERSATION.key}
    assert ("shop", "join", "greeting") not in label_sets(METRICS["phase_duration_seconds"], LINES)
    assert label_sets(METRICS["phase_duration_seconds"], [JOIN]) == {(*JOIN.key, phase) for phase in JOIN.phases}


def test_lines_of_a_configuration(tmp_path: Path) -> None:
    file = tmp_path / "prober.yaml"
    file.write_text(FILE)
    config = load(file, {"KEY": "key", "SECRET": "s" * 32}).config
    known = {line.key: line for line in lines(config)}
    assert list(known) == [("shop", "join"), ("shop", "conversation"), ("bank", "conversation")]
    assert known["shop", "join"].objectives == ("agent_join",)
    assert set(known["shop", "conversation"].objectives) == {"agent_join", "response"}
    assert known["bank", "conversation"].phases == (*(name for name in OBJECTIVES if name != "trial"), CLEANUP)
    assert (known["bank", "conversation"].interval, known["bank", "conversation"].timeout) == (120.0, 90.0)


@pytest.mark.parametrize("targets", [13, 14])
def test_the_limit_leaves_room_for_many_targets(tmp_path: Path, targets: int) -> None:
    shops = "".join(
        f"  shop-{number}: {{entry: {{trial: {{url: 'https://{number}.example.com/'}}}}}}\n"
        for number in range(targets)
    )
    file = tmp_path / "prober.yaml"
    file.write_text(f"targets:\n{shops}")
    assert (series_of(lines(load(file, {}).config)) <= MOST_SERIES) is (targets == 13)  # `run` exposes none of them
    with (
        contextlib.nullcontext() if targets == 13 else pytest.raises(ConfigError, match="14 targets with 28 scenarios")
    ):
        load(file, {}, exposed=True)
