"""Makes runs for a command: shows them while they go on, keeps what is asked for, gives the exit code."""

import asyncio
import signal
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from prober.child.explaining import Explaining
from prober.child.making import cores, fresh_id, head_of, make_record, planned
from prober.child.messages import Order
from prober.commands.keeping import keep, keep_record, summarize
from prober.commands.outputs import Outputs
from prober.core.events import Event
from prober.core.record import RunRecord
from prober.core.series import INCONCLUSIVE, in_series, worst
from prober.sinks.json_log import JsonLines
from prober.sinks.live import Run
from prober.sinks.report import Report, Words

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Job(NamedTuple):
    """A run that is to be made; `series` counts the orders of which it is a repeat."""

    run: Run
    order: Order
    series: int


async def probe_all(
    orders: Sequence[Order], outputs: Outputs, *, watch: Callable[[Event], None] = lambda _event: None
) -> int:
    """Make these runs (one at least), each `outputs.repeat` times; show them, keep them; the exit code.

    Runs of one target are made one after another, those of different targets at once, as many as there are cores. The
    first signal stops them all in good order: what has begun still gives its record, the others are not made. `watch`
    is told every event as well.
    """
    stop, signals = asyncio.Event(), list[int]()

    def stopped_by(number: int) -> None:
        signals.append(number)
        stop.set()

    for number in STOPS:
        asyncio.get_running_loop().add_signal_handler(number, stopped_by, number)
    jobs = _jobs(orders, outputs.repeat)
    report = _report(outputs, [job.run for job in jobs])
    made = _Making(outputs, report, stop, watch)
    with report:
        records = await made.all(jobs)
    series = in_series(records, outputs.required)
    troubles = made.troubles
    if signals:
        troubles.append(
            f"stopped by {signal.Signals(signals[0]).name}: {sum(map(len, records))} of {len(jobs)} runs were made."
        )
    troubles += keep(outputs, series, troubles, single=len(jobs) == 1)
    unsaid = [] if outputs.job_summary is None else list(summarize(outputs.job_summary, series, troubles))
    report.concluded(series, [job.order.plan.recording for job in jobs if job.order.plan.recording is not None])
    for sentence in (*troubles, *unsaid):
        report.trouble(sentence)
    if signals:
        return 128 + signals[0]
    return worst([*(one.exit_code for one in series), *([INCONCLUSIVE] if troubles else [])])


class _Making:
    """Makes runs, and remembers what went wrong with the prober's own work."""

    def __init__(self, outputs: Outputs, report: Report, stop: asyncio.Event, watch: Callable[[Event], None]) -> None:
        self._outputs, self._report, self._stop, self._watch = outputs, report, stop, watch
        self._run = Explaining()
        self._slots = asyncio.Semaphore(cores())
        self.troubles: list[str] = []

    async def all(self, jobs: Sequence[_Job]) -> list[list[RunRecord]]:
        """The records of all runs that began, by series."""
        by_target: dict[str, list[_Job]] = defaultdict(list)
        for job in jobs:
            by_target[job.run.target].append(job)
        records: list[list[RunRecord]] = [[] for _ in {job.series for job in jobs}]

        async def one_after_another(of_it: Sequence[_Job]) -> None:
            for job in of_it:
                async with self._slots:
                    if not self._stop.is_set():
                        records[job.series].append(await self._make(job))

        async with asyncio.TaskGroup() as group:
            for of_it in by_target.values():
                group.create_task(one_after_another(of_it))
        return records

    async def _make(self, job: _Job) -> RunRecord:
        plan = job.order.plan

        def seen(event: Event) -> None:
            self._report.event(job.run, event)
            self._watch(event)

        self._report.started(job.run)
        record = await make_record(
            job.order,
            head_of(plan, self._outputs.labels),
            stop=self._stop,
            on_event=seen,
            verbose=self._outputs.verbose,
            run=self._run,
        )
        self._report.finished(job.run, record)
        self.troubles += keep_record(record, plan.recording)
        return record


def _jobs(orders: Iterable[Order], repeat: int) -> list[_Job]:
    """Each order as often as asked for: round after round, so that the runs of a series are spread over the time."""
    orders = tuple(orders)
    return [
        _Job(Run(plan.run_id, plan.target, plan.expectations.scenario, number if repeat > 1 else None), order, series)
        for number in range(1, repeat + 1)
        for series, order in enumerate(orders if number == 1 else map(_again, orders))
        for plan in (order.plan,)
    ]


def _again(order: Order) -> Order:
    """The same as a run of its own."""
    run_id, recording = fresh_id(), order.plan.recording
    return planned(
        order, run_id=run_id, recording=None if recording is None else str(Path(recording).with_stem(run_id))
    )


def _report(outputs: Outputs, runs: Sequence[Run]) -> Report:
    """JSON lines or words; on standard error where the records go to standard output."""
    aside = outputs.json == "-"
    if outputs.as_json:
        return JsonLines(sys.stderr if aside else sys.stdout, quiet=outputs.quiet)
    console, errors = Console(stderr=aside, highlight=False), Console(stderr=True, highlight=False)
    return Words(console, errors, runs, quiet=outputs.quiet)
