"""Whom a month of small troubles wakes: its samples in a real Prometheus, judged by the committed rules.

`make month` writes the table into docs/slo.md. Prometheus evaluates every expression of the rules over the whole month,
at the interval of its group. `for` and `keep_firing_for`, which matter only once an expression is true, are not played.
"""

import argparse
import asyncio
import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import yaml

from prober.core.reasons import Outcome
from prober.limits import DAY
from prober.refstack.process import Program
from tests.detection import FAILURES
from tests.month import BEGINS, INTERVALS, MONTHS, Month, State, exposition, runs_of
from tests.played_schedule import Run
from tests.stack.published import publish, table

DOCUMENT = Path("docs/slo.md")
RULES = Path("deploy/prometheus/rules.yml")
DAYS = 30
OTHERS = 20
EVALUATIONS_A_MINUTE = 4
"""Of alerts."""
SOON = 30.0


class Judged(NamedTuple):
    """What became of a month."""

    runs: int
    failed: int
    most_in_a_row: int
    unlucky: int
    """Of OTHERS further months by other chances, those with FAILURES in a row."""
    minutes: Mapping[tuple[str, str], float]
    """For which the expression of an alert was true, by severity and name; those that never were are absent."""


def stages(rules: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The rules as recording rules, each file needing only what those before it have recorded.

    An alert becomes what Prometheus makes of it too: a series ALERTS.
    """
    found = [rule for group in rules["groups"] for rule in group["rules"]]
    left = {rule.get("record") or f'alertname="{rule["alert"]}"': rule for rule in found}
    while left:
        ready = [rule for name, rule in left.items() if not any(one in rule["expr"] for one in left if one != name)]
        assert ready, f"These rules need each other: {sorted(left)}"
        left = {name: rule for name, rule in left.items() if rule not in ready}
        groups = [
            group | {"rules": [_recorded(rule) for rule in group["rules"] if rule in ready]}
            for group in rules["groups"]
        ]
        yield {"groups": [group for group in groups if group["rules"]]}


def _recorded(rule: dict[str, Any]) -> dict[str, Any]:
    if "record" in rule:
        return rule
    labels = {"alertname": rule["alert"], "alertstate": "firing", **rule["labels"]}
    return {"record": "ALERTS", "expr": rule["expr"], "labels": labels}


@contextlib.asynccontextmanager
async def prometheus(folder: Path) -> AsyncIterator[str]:
    """A Prometheus on the blocks in this folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    (folder / "prometheus.yml").write_text("{}", encoding="utf-8")
    argv = (
        *("prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"),
        *(f"--web.listen-address={address}", "--storage.tsdb.retention.time=100y", "--query.timeout=10m"),
    )
    async with Program(argv, env=None, log=folder / "prometheus.log") as running:
        await running.wait_for_line(lambda line: "Server is ready to receive web requests" in line, SOON)
        yield f"http://{address}"


def _promtool(*arguments: str | Path) -> None:
    made = subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        raise RuntimeError(f"promtool {arguments[0]}: {made.stderr[-2000:]}")


async def judged(month: Month, days: int, folder: Path, say: Callable[[str], None]) -> Judged:
    """Play it and ask the rules."""
    runs, began = runs_of(month, days), time.monotonic()
    with (folder / "month.om").open("w", encoding="utf-8") as file:
        file.writelines(exposition(runs, days))
    _promtool("--max-block-duration=8760h", "openmetrics", folder / "month.om", folder / "data")
    (folder / "month.om").unlink()
    say(f"{month.name}: {len(runs)} runs are in Prometheus after {time.monotonic() - began:.0f} s")
    end = BEGINS + days * DAY
    for number, stage in enumerate(stages(yaml.safe_load(RULES.read_text(encoding="utf-8")))):
        file_ = folder / f"stage-{number}.yml"
        file_.write_text(yaml.safe_dump(stage), encoding="utf-8")
        async with prometheus(folder) as url:
            options = (f"--start={BEGINS}", f"--end={end}", f"--url={url}", f"--output-dir={folder / 'data'}")
            await asyncio.to_thread(_promtool, "--max-block-duration=18h", "rules", *options, file_)
        say(f"{month.name}: stage {number} after {time.monotonic() - began:.0f} s")
    query = f"sum by (severity, alertname) (count_over_time(ALERTS[{days + 1}d]))"
    async with (
        prometheus(folder) as url,
        aiohttp.ClientSession(url) as session,
        session.get("/api/v1/query", params={"query": query, "time": str(end)}) as answer,
    ):
        told = (await answer.json())["data"]["result"]
    minutes = {
        (one["metric"]["severity"], one["metric"]["alertname"]): float(one["value"][1]) / EVALUATIONS_A_MINUTE
        for one in told
        if one["metric"]["alertname"] != "Watchdog"
    }
    return Judged(
        runs=len(runs),
        failed=sum(run.outcome is Outcome.FAIL for run in runs),
        most_in_a_row=most_in_a_row(runs),
        unlucky=sum(most_in_a_row(runs_of(month, days, seed)) >= FAILURES for seed in range(2, 2 + OTHERS)),
        minutes=minutes,
    )


def most_in_a_row(runs: Sequence[Run]) -> int:
    """The most failures in a row of a scenario."""
    states = {scenario: State() for scenario in INTERVALS}
    most = 0
    for run in runs:
        states[run.key.scenario] = states[run.key.scenario].after(run)
        most = max(most, states[run.key.scenario].in_a_row)
    return most


def document(found: Sequence[tuple[Month, Judged]]) -> str:
    """The table, a month a row."""
    rows = [
        (
            month.name,
            one.runs,
            one.failed,
            one.most_in_a_row,
            f"{one.unlucky} of {OTHERS}",
            *(_alerts(one, severity) for severity in ("page", "ticket")),
        )
        for month, one in found
    ]
    return table(
        ("30 days of", "runs", "of them failed", "most in a row", "others: three in a row", "pages", "tickets"),
        rows,
    )


def _alerts(one: Judged, severity: str) -> str:
    told = [f"`{name}` {minutes:.0f} min" for (urgency, name), minutes in one.minutes.items() if urgency == severity]
    return ", ".join(told) or "none"


async def main(days: int, *, write: bool, say: Callable[[str], None]) -> None:
    """Judge all months and write the table; status 1 if one of them pages."""
    found = []
    for month in MONTHS:
        with tempfile.TemporaryDirectory() as folder:
            found.append((month, await judged(month, days, Path(folder), say)))
            say(f"{month.name}: {found[-1][1]}")
    say(document(found))
    if write:
        publish(DOCUMENT, "make month", document(found))
        say(f"{DOCUMENT} is written")
    if paged := [month.name for month, one in found if any(severity == "page" for severity, _ in one.minutes)]:
        sys.exit(f"pages in: {paged}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=DAYS, help="fewer are a trial, and not written into the document")
    wanted = parser.parse_args().days
    asyncio.run(main(wanted, write=wanted == DAYS, say=lambda line: print(line, file=sys.stderr, flush=True)))
