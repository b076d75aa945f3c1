"""Whom a month of small troubles wakes: simulated by the real schedule, judged by the committed rules in a Prometheus.

`make month` writes the table into docs/slo.md. Prometheus evaluates every expression of the rules over the whole month,
at the interval of its group. `for` and `keep_firing_for`, which matter only once an expression is true, are not played.
"""

import argparse
import asyncio
import contextlib
import random
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

from prober.core.metric_schema import PREFIX
from prober.core.plan import TIMEOUTS, Scenario
from prober.core.reasons import Outcome
from prober.limits import DAY
from prober.refstack.process import Program
from prober.watch.cadence import INTERVALS, Cadence, Key
from prober.watch.schedule import Schedule, Start, Timetable
from tests.canary import Run, play
from tests.stack.published import publish, table

DOCUMENT = Path("docs/slo.md")
RULES = Path("deploy/prometheus/rules.yml")
DAYS = 30
BEGINS = 1_790_035_200
"""Unix time of the first day."""
SCRAPE, SELDOM = 15, 60
"""Seconds between samples; those of what never changes are fewer."""
STALL = 60.0
HEALTHY: Mapping[Scenario, float] = {Scenario.JOIN: 4.0, Scenario.CONVERSATION: 14.0}
"""Seconds of a run in which all is well."""
EVALUATIONS_A_MINUTE = 4
"""Of alerts."""
SOON = 30.0


class Month(NamedTuple):
    """Which troubles there are."""

    name: str
    failing: float
    """Seconds of a run that fails."""
    stalls: bool = True
    """Whether each day has one of STALL seconds, at any time of it; all runs fail that start in it."""
    at_last: float = 0.005
    """The share of runs that fails for itself in the last two days; before, it is FLAKY."""


FLAKY = 0.005
MONTHS = (
    Month("0.5 % flakes, a stall of 60 s a day; runs fail at once", failing=0.5),
    Month("the same; runs fail at the deadline", failing=20.5),
    Month("0.5 % flakes, 2 % in the last two days", failing=20.5, stalls=False, at_last=0.02),
)


class Judged(NamedTuple):
    """What became of a month."""

    runs: int
    failed: int
    most_in_a_row: int
    minutes: Mapping[tuple[str, str], float]
    """For which the expression of an alert was true, by severity and name; those that never were are absent."""


class State(NamedTuple):
    """What an exporter says of a line."""

    runs: int = 0
    failures: int = 0
    in_a_row: int = 0
    last: float = 0.0

    def after(self, run: Run) -> "State":
        """What it says when this run has ended."""
        failed, scheduled = run.outcome is Outcome.FAIL, run.start.trigger == "scheduled"
        return State(
            runs=self.runs + scheduled,
            failures=self.failures + (failed and scheduled),
            in_a_row=self.in_a_row + 1 if failed else 0,
            last=run.ended,
        )


def runs_of(month: Month, days: int, seed: int = 1) -> list[Run]:
    """All runs of a month, in the order in which they ended."""
    chance, ended = random.Random(seed), list[Run]()
    stalls = [day * DAY + chance.uniform(0, DAY - STALL) for day in range(days + 1)]

    def run(start: Start, now: float) -> Run:
        flaky = chance.random() < (month.at_last if now >= (days - 2) * DAY else FLAKY)
        stalled = month.stalls and 0 <= now - stalls[int(now // DAY)] < STALL
        seconds = month.failing if flaky or stalled else HEALTHY[start.key.scenario]
        ended.append(Run(start, now, now + seconds, Outcome.FAIL if flaky or stalled else Outcome.PASS))
        return ended[-1]

    cadences = tuple(Cadence(key=Key("shop", scenario), interval=seconds) for scenario, seconds in INTERVALS.items())
    schedule = Schedule.begin(Timetable(cadences=cadences, max_concurrent_runs=len(cadences)), 0.0)
    for now, _, _ in play(schedule, 0.0, run):
        if now >= days * DAY - max(HEALTHY.values()):
            break
    return sorted((one for one in ended if one.ended < days * DAY), key=lambda one: one.ended)


SERIES: tuple[tuple[str, str, Callable[[State], float]], ...] = (
    ("runs_total", ',trigger="scheduled"', lambda state: state.runs),
    ("run_failures_total", ',trigger="scheduled",reason="agent_absent"', lambda state: state.failures),
    ("objective_misses_total", ',trigger="scheduled",objective="agent_join"', lambda state: state.failures),
    ("consecutive_failures", "", lambda state: state.in_a_row),
    ("last_run_timestamp_seconds", "", lambda state: BEGINS + state.last),
)
STEADY: tuple[tuple[str, str, Callable[[Scenario], float]], ...] = (
    ("target_interval_seconds", "", lambda scenario: INTERVALS[scenario]),
    ("target_timeout_seconds", "", lambda scenario: TIMEOUTS[scenario]),
    ("target_paused", "", lambda _: 0),
    ("runs_inconclusive_total", ',trigger="scheduled",reason="prober_overload"', lambda _: 0),
    ("runs_skipped_total", ',reason="overlap"', lambda _: 0),
)
EXPORTER = 'job="livekit-prober",instance="i",location="here"'


def exposition(runs: Sequence[Run], days: int) -> Iterator[str]:
    """What was scraped, as OpenMetrics with timestamps."""
    seldom = range(BEGINS, BEGINS + days * DAY + 1, SELDOM)
    yield from (f"up{{{EXPORTER}}} 1 {moment}\n" for moment in seldom)
    for scenario in INTERVALS:
        line = f'{EXPORTER},target="shop",scenario="{scenario}"'
        states = list(_sampled([run for run in runs if run.key.scenario is scenario], days))
        for name, extra, of_line in STEADY:
            yield from (f"{PREFIX}{name}{{{line}{extra}}} {of_line(scenario)} {moment}\n" for moment in seldom)
        for name, extra, of_state in SERIES:
            prefix = f"{PREFIX}{name}{{{line}{extra}}}"
            for number, state in enumerate(states):
                yield f"{prefix} {of_state(state)} {BEGINS + number * SCRAPE}\n"
    yield "# EOF\n"


def _sampled(runs: Sequence[Run], days: int) -> Iterator[State]:
    state, following = State(), 0
    for moment in range(0, days * DAY + 1, SCRAPE):
        while following < len(runs) and runs[following].ended <= moment:
            state, following = state.after(runs[following]), following + 1
        yield state


def stages(rules: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The rules as recording rules, each file needing only what those before it have recorded.

    An alert becomes what Prometheus makes of it too: a series ALERTS.
    """
    *recording, alerts = rules["groups"]
    yield {"groups": recording}
    several: list[dict[str, Any]] = []
    for rule in alerts["rules"]:
        if "alert" in rule:
            labels = {"alertname": rule["alert"], "alertstate": "firing", **rule["labels"]}
            several.append({"record": "ALERTS", "expr": rule["expr"], "labels": labels})
        elif "record" in rule:  # what follows builds on it, and it on what stands before
            if several:
                yield {"groups": [alerts | {"rules": several}]}
            yield {"groups": [alerts | {"rules": [rule]}]}
            several = []
    yield {"groups": [alerts | {"rules": several}]}


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
        most_in_a_row=max(state.in_a_row for scenario in INTERVALS for state in _each(runs, scenario)),
        minutes=minutes,
    )


def _each(runs: Sequence[Run], scenario: Scenario) -> Iterator[State]:
    state = State()
    for run in runs:
        if run.key.scenario is scenario:
            state = state.after(run)
            yield state


def document(found: Sequence[tuple[Month, Judged]]) -> str:
    """The table, a month a row."""
    rows = [
        (
            month.name,
            one.runs,
            one.failed,
            one.most_in_a_row,
            *(_alerts(one, severity) for severity in ("page", "ticket")),
        )
        for month, one in found
    ]
    return table(("30 days of", "runs", "of them failed", "most in a row", "pages", "tickets"), rows)


def _alerts(one: Judged, severity: str) -> str:
    told = [f"`{name}` {minutes:.0f} min" for (urgency, name), minutes in one.minutes.items() if urgency == severity]
    return ", ".join(told) or "none"


async def main(days: int, *, write: bool, say: Callable[[str], None]) -> None:
    """Judge all months and write the table."""
    found = []
    for month in MONTHS:
        with tempfile.TemporaryDirectory() as folder:
            found.append((month, await judged(month, days, Path(folder), say)))
            say(f"{month.name}: {found[-1][1]}")
    say(document(found))
    if write:
        publish(DOCUMENT, "make month", document(found))
        say(f"{DOCUMENT} is written")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=DAYS, help="fewer are a trial, and not written into the document")
    wanted = parser.parse_args().days
    asyncio.run(main(wanted, write=wanted == DAYS, say=lambda line: print(line, file=sys.stderr, flush=True)))
