"""A real Prometheus scrapes a real exporter over HTTP, and knows afterwards exactly what the history knows."""

import asyncio
import bisect
import json
import math
import random
import shutil
import socket
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from prober.core.accounts import agent_seconds, cleanup_seconds, missed
from prober.core.events import CleanedUp
from prober.core.metric_schema import CLEANUP, METRICS, PREFIX
from prober.core.reasons import Outcome
from prober.core.record import RunRecord
from prober.refstack.process import Program
from prober.sinks.entries import Query
from prober.sinks.exporter import Exporter
from prober.sinks.history import History, writing
from tests.edge.kept_runs import run
from tests.exposition import CONVERSATION, JOIN, Samples, adding, exporter, later, samples, with_objectives
from tests.golden.regenerate import read
from tests.golden.test_golden import RECORDS

pytestmark = pytest.mark.system
SOON = 15.0
GOLDENS = {path.stem: with_objectives(read(path)) for path in RECORDS}
LATE = ("pass_join", "pass_conversation", "agent_no_response")
INTERRUPTING = msgspec.structs.replace(CONVERSATION, phases=(*CONVERSATION.phases, "yield_time"))
Vector = dict[frozenset[tuple[str, str]], float]


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not there: apt-get install prometheus")
    return found


def history_of_a_month() -> Iterable[RunRecord]:
    """Every golden once, and three of them again and again with agents that are slower each time; by every trigger."""
    chance = random.Random(5)
    for record in GOLDENS.values():
        yield run(record)
        yield run(record, trigger=chance.choice(("confirm", "manual")))
    for _ in range(40):
        slower = later(GOLDENS[chance.choice(LATE)], round(chance.expovariate(1 / 3), 3))
        ok = chance.random() < 0.9
        yield run(adding(slower, CleanedUp(at=90.0, resource="room", name="r", ok=ok, detail="")))


class Scraped:
    """The exporter on a port of its own, that says when it was scraped."""

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter
        self._asked = asyncio.Event()
        self.content_types: set[str] = set()

    async def _answer(self, request: web.Request) -> web.Response:
        body, content_type = self._exporter.exposition(request.headers.get("Accept", ""))
        self.content_types.add(content_type)
        self._asked.set()
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def again(self) -> None:
        """Until it is scraped once more."""
        self._asked.clear()
        await self._asked.wait()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        app = web.Application()
        app.router.add_get("/metrics", self._answer)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()


class Prometheus:
    """What may be asked of it."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session
        self._scraped_at = 0.0

    async def ask(self, path: str, **parameters: str) -> Any:
        async with self._session.get(f"{self._url}/api/v1/{path}", params=parameters) as answer:
            told = await answer.json()
        assert told["status"] == "success", told
        return told["data"]

    async def knows(self, again: Callable[[], Awaitable[None]]) -> None:
        """What is so now is what is asked about from here on: the moment of a scrape that began later and succeeded.

        `again` returns when there may have been one more.
        """
        since = time.time() + 0.01  # the moment of a scrape is rounded, by some milliseconds
        async with asyncio.timeout(SOON):
            while self._scraped_at <= since:
                await again()
                # of `up == 1` Prometheus would tell the moment of the question
                last = await self.ask("query", query="timestamp(up) and up == 1")
                self._scraped_at = float(last["result"][0]["value"][1]) if last["result"] else 0.0

    async def vector(self, query: str) -> Vector:
        """The values of an instant query by their labels, the scrape's own left out."""
        told = await self.ask("query", query=query, time=f"{self._scraped_at:.3f}")
        assert told["resultType"] == "vector"
        return {
            frozenset((name, label) for name, label in one["metric"].items() if name not in {"job", "instance"}): float(
                one["value"][1]
            )
            for one in told["result"]
        }

    async def everything(self) -> Samples:
        """All of the exporter's own series, as `samples` has them."""
        found: Samples = {}
        for labels, value in (await self.vector(f'{{__name__=~"{PREFIX}.*"}}')).items():
            name = dict(labels)["__name__"]
            found[name.removeprefix(PREFIX), labels - {("__name__", name)}] = value
        return found


@asynccontextmanager
async def prometheus(scraped: int, folder: Path) -> AsyncIterator[Prometheus]:
    config = folder / "prometheus.yml"
    scrapes = [{"job_name": "livekit-prober", "static_configs": [{"targets": [f"127.0.0.1:{scraped}"]}]}]
    config.write_text(json.dumps({"global": {"scrape_interval": "200ms"}, "scrape_configs": scrapes}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = (
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage",
        "--scrape.discovery-reload-interval=100ms",  # else the first scrape comes five seconds later
    )
    async with Program(argv, env=None, log=folder / "prometheus.log") as running, aiohttp.ClientSession() as session:
        await running.wait_for_line(lambda line: "Server is ready to receive web requests" in line, SOON)
        yield Prometheus(f"http://127.0.0.1:{port}", session)


def labelled(name: str, *values: str) -> tuple[str, frozenset[tuple[str, str]]]:
    names = (label.name for label in METRICS[name].labels)
    return name, frozenset(zip(names, values, strict=True))


def counted(history: History) -> Counter[tuple[str, frozenset[tuple[str, str]]]]:
    """The counters that these runs come to."""
    found: Counter[tuple[str, frozenset[tuple[str, str]]]] = Counter()
    for entry in history.runs(Query()):
        record, series = history.run(entry.run_id), (entry.target, entry.scenario)
        assert record is not None
        kind = "runs_inconclusive_total" if entry.outcome == Outcome.INCONCLUSIVE else "runs_total"
        reason = (entry.reason or "",) if entry.outcome == Outcome.INCONCLUSIVE else ()
        found[labelled(kind, *series, entry.trigger, *reason)] += 1
        if entry.outcome == Outcome.FAIL:
            found[labelled("run_failures_total", *series, entry.trigger, entry.reason or "")] += 1
        for objective in missed(record):
            found[labelled("objective_misses_total", *series, entry.trigger, objective)] += 1
        for step in record.left_behind:
            found[labelled("cleanup_failures_total", entry.target, step.split()[0])] += 1
    return found


def durations(history: History) -> dict[tuple[str, frozenset[tuple[str, str]]], list[float]]:
    """The durations that these runs have for the histograms."""
    found = defaultdict(list)
    for entry in history.runs(Query(trigger="scheduled")):
        series, record = (entry.target, entry.scenario), history.run(entry.run_id)
        if entry.outcome == Outcome.INCONCLUSIVE:
            continue
        assert record is not None
        assert entry.seconds is not None
        found[labelled("run_duration_seconds", *series)].append(entry.seconds)
        phases = {phase: list(tally.values) for phase, tally in entry.tallies.items()}
        cleanup = cleanup_seconds(record)
        for phase, values in (phases | {CLEANUP: [] if cleanup is None else [cleanup]}).items():
            found[labelled("phase_duration_seconds", *series, phase)] += values
        found[labelled("agent_join_duration_seconds", *series)] += phases.get("agent_join", [])
        if "response" in phases:
            found[labelled("agent_response_duration_seconds", *series)] += phases["response"]
    return found


def of(told: Samples, name: str) -> Samples:
    return {key: value for key, value in told.items() if key[0] == name}


def bucket(name: str, value: float) -> int:
    """Which bucket of the histogram a value lies in."""
    return bisect.bisect_left(METRICS[name].buckets, value)


def test_promtool_finds_nothing_to_say() -> None:
    made = exporter(JOIN, INTERRUPTING)
    for record in history_of_a_month():
        made.ended(record)
    checked = subprocess.run(
        [program("promtool"), "check", "metrics"], input=made.exposition()[0], capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


async def test_prometheus_knows_what_the_history_knows(tmp_path: Path) -> None:
    canary = exporter(JOIN, INTERRUPTING)
    scraped = Scraped(canary)
    with writing(tmp_path / "history.db") as history:

        def end(record: RunRecord) -> None:
            history.record(record)
            canary.ended(record)

        async with scraped.serving() as port, prometheus(port, tmp_path) as server:
            await server.knows(scraped.again)
            end(run(GOLDENS["agent_absent"]))
            await server.knows(scraped.again)
            await the_first_failure_is_seen(server, "conversation")
            for record in history_of_a_month():
                end(record)
            await server.knows(scraped.again)

            told = await server.everything()
            assert told == samples(canary.exposition()[0])
            counters_agree(told, history)
            histograms_agree(told, history)
            await quantiles_agree(server, history)
            await exemplars_lead_to_runs(server, history)
    assert scraped.content_types == {"application/openmetrics-text; version=1.0.0; charset=utf-8"}


async def the_first_failure_is_seen(server: Prometheus, scenario: str) -> None:
    series = f'{PREFIX}run_failures_total{{trigger="scheduled",reason="agent_absent",scenario="{scenario}"}}'
    for function in ("rate", "increase"):
        (value,) = (await server.vector(f"{function}({series}[1m])")).values()
        assert value > 0, function
    (value,) = (await server.vector(f"max_over_time({series}[1m])")).values()
    assert value == 1


def counters_agree(told: Samples, history: History) -> None:
    expected = counted(history)
    for name in (
        *("runs_total", "run_failures_total", "runs_inconclusive_total", "objective_misses_total"),
        "cleanup_failures_total",
    ):
        exposed = of(told, name)
        assert {key: value for key, value in exposed.items() if value} == {
            key: count for key, count in expected.items() if key[0] == name
        }
    records = [history.run(entry.run_id) for entry in history.runs(Query())]
    seconds = sum(agent_seconds(record) for record in records if record is not None)
    assert sum(of(told, "agent_session_seconds_total").values()) == pytest.approx(seconds)


def histograms_agree(told: Samples, history: History) -> None:
    known, checked = durations(history), 0
    for (name, labels), values in known.items():
        assert told[f"{name}_count", labels] == len(values)
        assert told[f"{name}_sum", labels] == pytest.approx(sum(values))
        for bound in (*METRICS[name].buckets, math.inf):
            le = "+Inf" if bound == math.inf else str(bound)
            assert told[f"{name}_bucket", labels | {("le", le)}] == sum(value <= bound for value in values)
            checked += 1
    exposed = [key for key in told if key[0].endswith("_bucket") and not key[0].startswith("schedule_lag")]
    assert len(exposed) == checked  # and none beside these


async def quantiles_agree(server: Prometheus, history: History) -> None:
    """Where the rank of the quantile is a number between two values, and so no matter of rounding."""
    agreed = Counter[str]()
    for (name, labels), values in durations(history).items():
        selector = ",".join(f'{label}="{value}"' for label, value in labels)
        for share in (0.5, 0.95):
            rank = share * len(values)
            if not values or rank == round(rank) or sorted(values)[int(rank)] > METRICS[name].buckets[-1]:
                continue
            query = f"histogram_quantile({share}, {PREFIX}{name}_bucket{{{selector}}})"
            (value,) = (await server.vector(query)).values()
            assert bucket(name, value) == bucket(name, sorted(values)[int(rank)]), query
            agreed[name] += 1
    assert agreed.keys() == {name for name, metric in METRICS.items() if metric.buckets} - {"schedule_lag_seconds"}


async def exemplars_lead_to_runs(server: Prometheus, history: History) -> None:
    query = f"{PREFIX}agent_join_duration_seconds_bucket"
    found = await server.ask("query_exemplars", query=query, start="2026-01-01T00:00:00Z", end="2026-12-31T00:00:00Z")
    exemplars = [exemplar for series in found for exemplar in series["exemplars"]]
    assert len(exemplars) > 2
    for exemplar in exemplars:
        record = history.run(exemplar["labels"]["run_id"])
        assert record is not None
        assert record.measurements.agent_join == float(exemplar["value"])
