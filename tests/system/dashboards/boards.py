"""The committed dashboards: their panels, and their queries as Grafana would send them."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.system.dashboards.month import SCRAPE

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "grafana" / "dashboards"
BOARDS: Mapping[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))
}
PRODUCT: Mapping[str, frozenset[str]] = {
    "lk_agents_active_job_count": frozenset({"nodename"}),
    "lk_agents_child_process_count": frozenset({"nodename"}),
    "lk_agents_worker_load": frozenset({"nodename"}),
    "lk_agents_proc_initialize_duration_seconds_bucket": frozenset({"nodename", "le"}),
    "livekit_room_total": frozenset({"node_id", "node_type"}),
    "livekit_participant_total": frozenset({"node_id", "node_type"}),
}
"""What livekit-agents and livekit-server tell, as far as it is asked for, and its labels."""
_LISTED = re.compile(r"label_values\((.*), (\w+)\)")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


class Asked(NamedTuple):
    """A query of a panel, with everything chosen."""

    panel: str
    key: str
    expr: str
    unit: str
    step: int
    """Seconds; 0 for the newest value only."""


def panels(board: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All panels, also those in folded rows; the rows themselves not."""
    for panel in board["panels"]:
        yield from (one for one in (panel, *panel.get("panels", ())) if one["type"] != "row")


def span(board: Mapping[str, Any]) -> int:
    """How many seconds the dashboard shows."""
    return 3600 * int(board["time"]["from"].removeprefix("now-").removesuffix("h"))


def chosen(board: Mapping[str, Any]) -> dict[str, str]:
    """The variables as the dashboard opens, and Grafana's own."""
    found = {"__range": f"{span(board)}s"}
    for variable in board["templating"]["list"]:
        value = variable.get("current", {}).get("value", "")
        found[variable["name"]] = variable["allValue"] if value == ["$__all"] else value
    return found


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables replaced; a variable that is not there raises KeyError."""
    return _VARIABLE.sub(lambda match: values[match[1] or match[2]], text)


def asked(board: Mapping[str, Any]) -> Iterator[Asked]:
    """Every query of every panel."""
    values = chosen(board)
    for panel in panels(board):
        for target in panel["targets"]:
            key, expr = f"{panel['id']}/{target['refId']}", filled(target["expr"], values)
            unit = panel["fieldConfig"]["defaults"]["unit"]
            yield Asked(panel["title"], key, expr, unit, 0 if target.get("instant") else SCRAPE)


def annotations(board: Mapping[str, Any]) -> Iterator[Asked]:
    """The queries of the marks."""
    for one in board["annotations"]["list"]:
        yield Asked(one["name"], one["name"], filled(one["expr"], chosen(board)), "dateTimeAsIso", SCRAPE)


def listed(board: Mapping[str, Any]) -> Iterator[Asked]:
    """The queries for what a variable offers to choose, as PromQL."""
    for one in board["templating"]["list"]:
        if one["type"] == "query":
            series, label = _LISTED.fullmatch(one["definition"]).groups()  # type: ignore[union-attr]  # else it is wrong
            yield Asked(one["name"], one["name"], f"count by ({label}) ({filled(series, chosen(board))})", "short", 0)


def expressions(board: Mapping[str, Any]) -> Iterator[str]:
    """Every expression as it is written, its variables in it."""
    yield from (target["expr"] for panel in panels(board) for target in panel["targets"])
    yield from (one["expr"] for one in board["annotations"]["list"])
