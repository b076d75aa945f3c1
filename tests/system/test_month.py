"""The instrument of `make month` on a single day: what should wake nobody does not, and what should does."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.backfill import judged, stages
from tests.month import MONTHS, Month

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not there: apt-get install prometheus"),
]


async def test_a_day_of_small_troubles_wakes_nobody(tmp_path: Path) -> None:
    found = await judged(MONTHS[0], 1, tmp_path, lambda _line: None)
    assert {name for severity, name in found.minutes if severity == "page"} == set()
    assert found.failed > 0


async def test_a_day_of_outage_wakes_somebody(tmp_path: Path) -> None:
    found = await judged(Month("nobody comes", failing=20.5, at_last=1.0), 1, tmp_path, lambda _line: None)
    assert found.minutes["page", "LiveKitAgentDown"] > 23 * 60
    assert (
        found.minutes.keys() & {("page", "LiveKitAgentErrorBudgetFastBurn"), ("page", "LiveKitProberRunsStale")}
        == set()
    )


def test_each_stage_needs_only_what_stands_before_it() -> None:
    def alert(name: str, expr: str) -> dict[str, Any]:
        return {"alert": name, "expr": expr, "labels": {"severity": "page"}}

    rules = {
        "groups": [
            {"name": "sli", "rules": [{"record": "a", "expr": "x"}, {"record": "c", "expr": "x"}]},
            {
                "name": "alerts",
                "rules": [alert("One", "a"), {"record": "b", "expr": 'ALERTS{alertname="One"}'}, alert("Two", "b")],
            },
        ]
    }
    made = [[rule["record"] for group in stage["groups"] for rule in group["rules"]] for stage in stages(rules)]
    assert made == [["a", "c"], ["ALERTS"], ["b"], ["ALERTS"]]
