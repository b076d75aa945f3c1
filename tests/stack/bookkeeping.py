"""A real Prometheus that scrapes a running canary, compared with what the canary's own history has of the same runs."""

import asyncio
from pathlib import Path

from prober.core.reasons import Outcome
from prober.sinks.entries import Query
from prober.sinks.history import History, reading
from tests.edge.test_prometheus import Prometheus, counters_agree, histograms_agree, of, quantiles_agree
from tests.exposition import Samples

LOOK_EVERY = 0.1
QUIET_WITHIN = 60.0


async def books_agree(server: Prometheus, database: Path) -> tuple[int, int]:
    """Raises AssertionError where they differ. How many runs they have, and how many of them failed."""
    with reading(database) as history:
        told = await _between_runs(server, history)
        counters_agree(told, history)
        histograms_agree(told, history)
        await quantiles_agree(server, history)
        outcomes = [entry.outcome for entry in history.runs(Query())]
    return len(outcomes), outcomes.count(Outcome.FAIL)


async def _between_runs(server: Prometheus, history: History) -> Samples:
    """What a scrape brought while no run was under way, and none ended around it."""
    async with asyncio.timeout(QUIET_WITHIN):
        while True:
            before = len(list(history.runs(Query())))
            await server.knows(a_little_later)
            told = await server.everything()
            idle = not any(of(told, "runs_in_progress").values())
            if idle and before == len(list(history.runs(Query()))) == _ended(told):
                return told


def _ended(told: Samples) -> float:
    return sum(sum(of(told, name).values()) for name in ("runs_total", "runs_inconclusive_total"))


async def a_little_later() -> None:
    """For `Prometheus.knows`, of an exporter that tells nobody of its scrapes."""
    await asyncio.sleep(LOOK_EVERY)
