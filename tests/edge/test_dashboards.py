"""The committed dashboards: made by the generator, of queries that parse, about series that exist, and explained."""

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser as promql
import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard
from prometheus_client.parser import text_string_to_metric_families

from grafana.generate import files, finished
from grafana.generate.queries import CHOSEN, ours
from prober.core.metric import Kind
from prober.core.metric_schema import METRICS, OUTCOMES, PREFIX
from prober.sinks.exporter import Exporter
from prober.watch.web import api, pages
from tests.system.dashboards.boards import (
    BOARDS,
    PRODUCT,
    ROOT,
    annotations,
    asked,
    chosen,
    expressions,
    filled,
    panels,
)
from tests.system.dashboards.prometheus import RULES

SCRAPED = {"job", "instance", "location"}
"""Labels that the scrape gives, not the exporter."""
ALERT = {"alertname", "alertstate", "severity"}
UNITLESS = {"table", "state-timeline"}
EACH_PANEL = [
    pytest.param(panel, board, id=f"{name}: {panel['title']}")
    for name, board in BOARDS.items()
    for panel in panels(board)
]


def parsed() -> Iterator[tuple[str, promql.Expr]]:
    for board in BOARDS.values():
        for expr in expressions(board):
            yield expr, promql.parse(filled(expr, chosen(board)))


def selectors(expr: Any) -> Iterator[promql.VectorSelector]:
    """All selections of series in an expression."""
    if isinstance(expr, promql.VectorSelector):
        yield expr
    for name in ("expr", "lhs", "rhs", "vs", "vector_selector", "param"):
        if (inner := getattr(expr, name, None)) is not None and not isinstance(inner, str | float):
            yield from selectors(inner)
    for inner in getattr(expr, "args", None) or ():
        yield from selectors(inner)


def asked_for() -> dict[str, set[str]]:
    """The labels that are asked of each metric."""
    found: dict[str, set[str]] = {}
    for _, expr in parsed():
        for one in selectors(expr):
            found.setdefault(one.name or "", set()).update(matcher.name for matcher in one.matchers.matchers)
    return found


def exposed() -> dict[str, set[str]]:
    """The series of the table, and what the client library adds, with their labels."""
    found: dict[str, set[str]] = {"up": set()}
    for name, metric in METRICS.items():
        labels = {label.name for label in metric.labels}
        parts = ("_bucket", "_sum", "_count") if metric.kind is Kind.HISTOGRAM else ("",)
        found |= {f"{PREFIX}{name}{part}": labels | ({"le"} if part == "_bucket" else set()) for part in parts}
    for family in text_string_to_metric_families(Exporter().exposition()[0].decode()):
        if family.name.startswith("process_"):
            found |= {sample.name: set(sample.labels) for sample in family.samples}
    return found


def records() -> set[str]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}


def provisioned(name: str) -> Any:
    return yaml.safe_load((ROOT / "grafana" / "provisioning" / name).read_text(encoding="utf-8"))


def test_they_are_what_the_generator_makes() -> None:
    made = files()
    assert {path: path.read_text(encoding="utf-8") for path in made} == made
    assert set(made) == set((ROOT / "grafana" / "dashboards").iterdir())


def test_every_query_parses() -> None:
    assert len(list(parsed())) > 80


def test_every_series_that_is_asked_for_exists_and_has_these_labels() -> None:
    known = {**exposed(), **PRODUCT, **dict.fromkeys(records(), SCRAPED | {"target", "scenario"})}
    for name, labels in asked_for().items():
        if name == "ALERTS":
            assert labels <= SCRAPED | ALERT
        else:
            assert name in known
            assert labels <= known[name] | SCRAPED, name


def test_every_metric_of_ours_is_on_a_dashboard() -> None:
    seen = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked_for()}
    in_words = {f"{PREFIX}last_run_diagnosis"}  # its _info is shown
    assert {f"{PREFIX}{name}" for name in METRICS} - seen == in_words


def test_grafanas_own_types_read_them_back() -> None:
    for name, board in BOARDS.items():
        again = json.loads(json.dumps(dashboard.Dashboard.from_json(board), cls=JSONEncoder))
        assert finished(again) == board, name


def test_a_name_that_does_not_exist_is_refused() -> None:
    for wrong in ({"name": "run_total"}, {"name": "runs_total", "reason": "x"}, {"name": "run_duration_seconds"}):
        with pytest.raises(KeyError):
            ours(**wrong)


def test_every_outcome_has_its_word_on_the_timeline() -> None:
    (timeline,) = (one for one in panels(BOARDS["voice-agent-canary"]) if one["type"] == "state-timeline")
    (mapping,) = timeline["fieldConfig"]["defaults"]["mappings"]
    assert [mapping["options"][str(code)]["text"] for code in range(len(OUTCOMES))] == list(OUTCOMES)
    (target,) = timeline["targets"]
    assert re.findall(r'(\d+) \* \([^)]*outcome="(\w+)"', target["expr"]) == [
        (str(code), name) for code, name in enumerate(OUTCOMES)
    ]


@pytest.mark.parametrize(("panel", "board"), EACH_PANEL)
def test_every_panel_says_what_it_is_and_what_to_do(panel: dict[str, Any], board: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["title"]
    assert len(panel["description"]) > 60
    assert defaults["noValue"]
    assert defaults["unit"] or panel["type"] in UNITLESS
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    for target in panel["targets"]:
        assert target["datasource"] == panel["datasource"]
        assert "$__rate_interval" not in target["expr"]  # shorter than a run's interval
        assert re.search(r'job=~"\$(job|product_job)"|vector\(', target["expr"])
    assert {variable["name"] for variable in board["templating"]["list"]} >= {*CHOSEN, "datasource", "window"}


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
async def test_every_link_leads_to_a_page_of_the_canary(board: dict[str, Any]) -> None:
    app = web.Application()
    app.add_routes([*pages.ROUTES, *api.ROUTES])
    (exemplars,) = provisioned("datasources/livekit-prober.yaml")["datasources"][0]["jsonData"][
        "exemplarTraceIdDestinations"
    ]
    run = exemplars["url"].removeprefix("http://127.0.0.1:9765").replace("$${__value.raw}", "0123456789abcdef")
    found = {run, *re.findall(r'"url": "([^"]+)"', json.dumps(board))}
    uids = {f"/d/{one['uid']}" for one in BOARDS.values()}
    assert len(found) > 3
    for url in found - uids:
        path = re.sub(r"\$\{__\w+\.\w+\.(target|scenario)\}", "shop", url.removeprefix("${status_page:raw}")) or "/"
        match = await app.router.resolve(make_mocked_request("GET", path))
        assert match.http_exception is None, url


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_every_dashboard_is_read_only_in_utc_and_whole(board: dict[str, Any]) -> None:
    assert (board["editable"], board["timezone"], board["refresh"]) == (False, "utc", "30s")
    numbers = [panel["id"] for panel in board["panels"]] + [panel["id"] for panel in panels(board)]
    assert len({*numbers}) == len(list(panels(board))) + sum(panel["type"] == "row" for panel in board["panels"])
    assert len(list(asked(board))) == len({one.key for one in asked(board)})
    assert list(annotations(board))
    for number, panel in enumerate(panels(board)):
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, number


def test_provisioning_can_be_read_and_lets_nobody_change_it() -> None:
    (source,), (provider,) = (
        provisioned("datasources/livekit-prober.yaml")["datasources"],
        provisioned("dashboards/livekit-prober.yaml")["providers"],
    )
    assert source["jsonData"]["exemplarTraceIdDestinations"][0]["name"] == "run_id"
    assert (source["editable"], provider["allowUiUpdates"], provider["disableDeletion"]) == (False, False, True)


def test_what_is_recorded_for_dashboards_is_on_one() -> None:
    assert {name for name in records() if name.endswith("30d")} <= asked_for().keys()
