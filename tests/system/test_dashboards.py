"""Every query of every panel finds data in a real Prometheus that holds thirty days of a canary's life."""

import math
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import yaml

from prober.core.metric_schema import OUTCOMES
from tests.edge.test_prometheus import program
from tests.page_history import NOW
from tests.system.dashboards.boards import BOARDS, Asked, annotations, asked, listed, span
from tests.system.dashboards.month import MINUTE, SCRAPE, TROUBLES
from tests.system.dashboards.prometheus import RULES, Prometheus, prometheus

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("month")]
Timeline = dict[tuple[str, str, str], dict[float, str]]
QUERIES = [
    pytest.param(one, span(board), id=f"{name} {one.key} {one.panel}")
    for name, board in BOARDS.items()
    for one in (*asked(board), *annotations(board), *listed(board))
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Prometheus]:
    """Prometheus with the month, its rules evaluated."""
    program("promtool")
    async with prometheus(tmp_path_factory.mktemp("month")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def timeline(server: Prometheus) -> Timeline:
    """What the state timeline shows of each target, scenario and location, by moment."""
    board = BOARDS["voice-agent-canary"]
    (one,) = (one for one in asked(board) if one.panel == "What the last run came to")
    return {
        (series["metric"]["target"], series["metric"]["scenario"], series["metric"]["location"]): {
            at: OUTCOMES[int(value)] for at, value in series["values"]
        }
        for series in await server.answer(one, span(board))
    }


@pytest.mark.parametrize(("one", "seconds"), QUERIES)
async def test_every_query_finds_data(server: Prometheus, one: Asked, seconds: int) -> None:
    found = await server.answer(one, seconds)
    values = [float(value) for series in found for _, value in series.get("values", [series.get("value")])]
    assert values
    assert all(map(math.isfinite, values))
    if one.unit == "percentunit" and "budget" not in one.panel.lower():
        assert 0 <= min(values) <= max(values) <= 1


async def test_every_recorded_rule_finds_data(server: Prometheus) -> None:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    for name in {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}:
        assert await server.answer(Asked(name, name, name, "short", SCRAPE), 3600), name


async def test_the_answer_is_of_the_worst_line_the_worst_target_first_and_not_of_maintenance(
    server: Prometheus,
) -> None:
    found = [*(await _now(server, "Can a customer talk to an agent?")).items()]
    assert found == [("shop-eu", 0), ("shop", 1), ("shop-night", 2)]


async def test_the_outage_is_on_the_timeline_by_its_name(timeline: Timeline) -> None:
    assert timeline["shop-eu", "join", "fra1"][NOW] == "agent_absent"
    assert timeline["shop", "join", "fra1"][NOW] == "pass"
    assert "media_unreachable" in timeline["shop", "join", "iad1"].values()
    assert "media_unreachable" not in timeline["shop", "join", "fra1"].values()


async def test_the_timeline_has_gaps_where_nobody_looks_but_none_where_nobody_can_judge(timeline: Timeline) -> None:
    night, shop = timeline["shop-night", "join", "iad1"], timeline["shop", "join", "iad1"]
    for trouble in (one for one in TROUBLES if one.what in {"stuck", "maintenance"}):
        assert not [at for at in night if trouble.until <= NOW - at < trouble.since - 6 * MINUTE], trouble
        assert NOW - trouble.since - SCRAPE in night
    (offline,) = (one for one in TROUBLES if one.what == "offline")
    seen = [what for at, what in shop.items() if offline.until <= NOW - at < offline.since - 3 * MINUTE]
    assert len(seen) > 4
    assert {*seen} == {"inconclusive"}


async def _now(server: Prometheus, title: str) -> dict[str, float]:
    (one,) = (one for one in asked(BOARDS["voice-agent-canary"]) if one.panel == title)
    return {series["metric"]["target"]: float(series["value"][1]) for series in await server.answer(one, 0)}
