"""`livekit-prober rules`: what it writes by default is what is committed, and what it writes of a configuration."""

import math
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from prober.cli import main
from prober.core.metric_schema import METRICS, PREFIX
from prober.core.slo import AVAILABILITY, longest_interval, usual
from prober.rules.promql import series

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
DOCUMENT = (ROOT / "docs" / "slo.md").read_text(encoding="utf-8")
BUDGETS = ("run_failures_budget", "objective_misses_budget")


def written(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["rules", *map(str, arguments)])


def rules(text: str) -> dict[str, dict[str, Any]]:
    """The rules of a file by their names."""
    groups = yaml.safe_load(text)["groups"]
    each = [(rule.get("alert") or rule["record"], rule) for group in groups for rule in group["rules"]]
    assert len({name for name, _ in each}) == len(each)
    return dict(each)


COMMITTED = rules(RULES.read_text(encoding="utf-8"))
ALERTS = {name: rule for name, rule in COMMITTED.items() if "alert" in rule}
RECORDED = COMMITTED.keys() - ALERTS.keys()


def configuration(folder: Path, text: str) -> Path:
    file = folder / "prober.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_committed_rules_are_what_the_program_writes() -> None:
    assert written().output == RULES.read_text(encoding="utf-8"), "livekit-prober rules > deploy/prometheus/rules.yml"


def test_every_metric_in_the_rules_is_exported_or_recorded() -> None:
    text = "\n".join(rule["expr"] for rule in COMMITTED.values())
    names = set(re.findall(rf"\b(?:\w+:)?{PREFIX}\w+(?::\w+)?", text))
    assert {name for name in names if ":" in name} <= RECORDED
    assert {name.removeprefix(PREFIX) for name in names if ":" not in name} <= METRICS.keys()


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_urgent_it_is_what_it_means_and_where_to_read_on(name: str) -> None:
    labels, notes = ALERTS[name]["labels"], ALERTS[name]["annotations"]
    assert labels["severity"] in ({"none"} if name == "Watchdog" else {"page", "ticket"})
    assert notes.keys() == {"summary", "description", "runbook_url", "dashboard_url"}
    anchor = notes["runbook_url"].partition("#")[2]
    paragraph = RUNBOOK.partition(f"\n## {name}\n")[2].partition("\n#")[0]
    assert anchor == name.lower()
    assert len(paragraph.split()) > 20
    assert re.search(rf"^\| `{name}` \| {labels['severity']} \| ", DOCUMENT, re.MULTILINE)


@pytest.mark.parametrize("name", [name for name in ALERTS if name.startswith("LiveKitAgent")])
def test_an_alert_about_the_agent_asks_for_the_reason(name: str) -> None:
    assert "livekit_prober_last_run_outcome{" in ALERTS[name]["annotations"]["description"]


def test_every_recorded_series_is_explained_and_no_other() -> None:
    section = DOCUMENT.partition("## What dashboards can use")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([\w:]+?)(W?)` \| [^|]*?(?:; W is (.*))? \|$", section, re.MULTILINE)
    assert all(bool(windowed) == bool(windows) for _, windowed, windows in rows)
    assert {name + window for name, _, windows in rows for window in windows.split(", ")} == RECORDED


def test_every_recorded_series_is_asked_for() -> None:
    dashboards = [file.read_text(encoding="utf-8") for file in sorted((ROOT / "grafana" / "dashboards").iterdir())]
    asked = "\n".join((*(rule["expr"] for rule in COMMITTED.values()), *dashboards))
    assert set(re.findall(r"\w+:\w+:\w+", asked)) >= RECORDED


def test_the_document_names_the_usual_promises_and_the_intervals_that_bear_them() -> None:
    for percent in usual(AVAILABILITY):
        longest = math.floor(longest_interval(AVAILABILITY, percent))
        assert re.search(rf"{percent:g} % (at an interval of {longest} s or less|to {longest} s)", DOCUMENT)


def test_a_configuration_says_what_is_promised_to_whom(tmp_path: Path) -> None:
    file = configuration(
        tmp_path,
        """
external_url: https://canary.example.com/
targets:
  shop:
    entry: {trial: {url: "https://shop.example.com/"}}
    objectives: {agent_join: 10}
    slo: {availability: 97, agent_join: 90}
  bank:
    entry: {trial: {url: "https://bank.example.com/"}}
    scenarios: {join: {slo: {availability: 97}}}
  rare:
    entry: {trial: {url: "https://rare.example.com/"}}
    scenarios: {join: {interval: 3600}}
""",
    )
    told = rules(written("--config", file).output)
    assert told.keys() == COMMITTED.keys()
    runs, misses = (
        told[f"job_target_scenario:livekit_prober_{name}:ratio"]["expr"].split("\nor\n") for name in BUDGETS
    )
    usual_runs, usual_misses = (
        COMMITTED[f"job_target_scenario:livekit_prober_{name}:ratio"]["expr"].split("\nor\n") for name in BUDGETS
    )
    assert (runs[2:], misses[2:]) == (usual_runs, usual_misses), "a target that comes later is promised what is usual"
    selector = 'livekit_prober_{}{{trigger="scheduled", {}}}'
    assert [line.strip() for line in runs[:2]] == [
        f"0 * max without (instance, pod, trigger) ({selector.format('runs_total', labels)}) + {share}"
        for labels, share in (
            ('target=~"shop", scenario="conversation"', 0.03),
            ('target=~"bank|shop", scenario="join"', 0.03),
        )
    ]
    assert [line.strip() for line in misses[:2]] == [
        f"0 * max without (instance, pod, trigger) ({selector.format('objective_misses_total', labels)}) + 0.1"
        for labels in (
            'objective="agent_join", target=~"shop", scenario="conversation"',
            'objective="agent_join", target=~"shop", scenario="join"',
        )
    ]
    for name in ("LiveKitAgentDown", "LiveKitAgentSlow"):
        assert told[name]["annotations"]["last_failure_url"] == (
            "https://canary.example.com/targets/{{ $labels.target }}/{{ $labels.scenario }}/last-failure"
        )


def test_prometheus_operator_gets_the_same_with_the_same_options(tmp_path: Path) -> None:
    file = configuration(
        tmp_path, 'targets: {shop: {entry: {trial: {url: "https://shop.example.com/"}}, slo: {availability: 97}}}'
    )
    options = ("--config", file, "--runbook-url", "https://wiki.example/canary")
    resource = yaml.safe_load(written("--kubernetes", *options).output)
    assert (resource["kind"], resource["spec"]) == ("PrometheusRule", yaml.safe_load(written(*options).output))


def test_the_links_are_the_operators() -> None:
    told = rules(
        written("--runbook-url", "https://wiki.example/canary/", "--dashboard-url", "https://g.example/?o=1").output
    )
    line = "var-target={{ $labels.target }}&var-scenario={{ $labels.scenario }}"
    for name, anchor, dashboard in (
        ("LiveKitProberDown", "livekitproberdown", "https://g.example/?o=1"),
        ("LiveKitAgentDown", "livekitagentdown", f"https://g.example/?o=1&{line}"),
    ):
        notes = told[name]["annotations"]
        assert (notes["runbook_url"], notes["dashboard_url"]) == (f"https://wiki.example/canary#{anchor}", dashboard)
    refused = written("--runbook-url", "runbook.md")
    assert (refused.exit_code, "'runbook.md' is no URL" in refused.output) == (2, True)


def test_who_writes_rules_needs_no_secret_and_no_sound_file(tmp_path: Path) -> None:
    text = """
targets:
  shop:
    entry: {trial: {url: "https://shop.example.com/"}}
    livekit: {url: "${AWAY}", api_key: "${AWAY}", api_secret_file: away}
    secrets: {password: "${AWAY}"}
    scenarios: {conversation: {turns: [{say: away.wav}]}}
"""
    told = written("--config", configuration(tmp_path, text))
    assert (told.exit_code, told.output.count('target=~"shop", scenario="conversation"')) == (0, 1)


def test_a_configuration_that_cannot_be_used_writes_no_rules(tmp_path: Path) -> None:
    text = 'targets: {shop: {entry: {trial: {url: "https://shop.example.com/"}}, slo: {availability: 99.9}}}'
    refused = written("--config", configuration(tmp_path, text))
    assert refused.exit_code == 2
    assert "groups:" not in refused.output
    assert "14.4 (burn rate) × 0.1 % (budget) × 3600 s (window) ÷ 60 s = 0.86 bad runs, less than 3." in refused.output


@pytest.mark.parametrize(
    ("name", "labels", "complaint"),
    [
        ("runs", {}, "runs is no metric of ours."),
        ("runs_total", {"reason": "agent_absent"}, "runs_total has no label reason."),
        ("runs_total", {"trigger": "often"}, "trigger of runs_total is never often."),
    ],
)
def test_a_rule_cannot_ask_for_what_is_not_exported(name: str, labels: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        series(name, **labels)
