"""Every query of every panel finds data in a real Prometheus that holds thirty days of a canary's life."""

import itertools
import math
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from prober.core.metric_schema import OUTCOMES
from tests.edge.test_prometheus import program
from tests.system.dashboards.boards import BOARDS, Asked, annotations, asked, listed, span
from tests.system.dashboards.prometheus import RULES, Prometheus, in_order, prometheus

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("month")]
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


@pytest.mark.parametrize(("one", "seconds"), QUERIES)
async def test_every_query_finds_data(server: Prometheus, one: Asked, seconds: int) -> None:
    found = await server.answer(one, seconds)
    values = [float(value) for series in found for _, value in series.get("values", [series.get("value")])]
    assert values
    assert all(map(math.isfinite, values))
    if one.unit == "percentunit" and "budget" not in one.panel.lower():
        assert 0 <= min(values) <= max(values) <= 1


async def test_every_recorded_rule_finds_data(server: Prometheus) -> None:
    for rule in itertools.chain.from_iterable(in_order(RULES)):
        if (name := rule["record"]) != "ALERTS":
            assert await server.answer(Asked(name, name, name, "short", 120), 3600), name


async def test_the_answer_is_of_the_worst_line_and_unknown_where_nobody_looks(server: Prometheus) -> None:
    assert await _now(server, "Can a customer talk to an agent?") == {"shop": 1, "shop-eu": 0, "shop-night": 0.5}


async def test_what_is_paused_is_told(server: Prometheus) -> None:
    board = BOARDS["voice-agent-canary"]
    lines, targets = [one for one in asked(board) if one.panel == "In maintenance"]
    assert [float((await server.answer(one, 0))[0]["value"][1]) for one in (lines, targets)] == [2, 1]


async def test_the_outage_is_on_the_timeline_by_its_name(server: Prometheus) -> None:
    board = BOARDS["voice-agent-canary"]
    (one,) = (one for one in asked(board) if one.panel == "What the last run came to")
    found = {
        (series["metric"]["target"], series["metric"]["scenario"], series["metric"]["location"]): [
            OUTCOMES[int(value)] for _, value in series["values"]
        ]
        for series in await server.answer(one, span(board))
    }
    assert found["shop-eu", "join", "fra1"][-1] == "agent_absent"
    assert found["shop", "join", "fra1"][-1] == "pass"
    assert "media_unreachable" in found["shop", "join", "iad1"]
    assert "media_unreachable" not in found["shop", "join", "fra1"]
    assert "inconclusive" in found["shop", "join", "iad1"]


async def _now(server: Prometheus, title: str) -> dict[str, float]:
    (one,) = (one for one in asked(BOARDS["voice-agent-canary"]) if one.panel == title)
    return {series["metric"]["target"]: float(series["value"][1]) for series in await server.answer(one, 0)}
