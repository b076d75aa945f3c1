"""What a run costs: CPU time and memory of the canary and its children, by the system's own count.

`make scaling` makes the spells on the reference stack, resumes where it was stopped, and writes docs/scaling.md.
"""

import asyncio
import contextlib
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import psutil

from prober.refstack.stack import ReferenceStack
from tests.stack.kept import Kept, file_of_this_instrument
from tests.stack.published import publish, table
from tests.watch_process import Watching

DOCUMENT = Path("docs") / "scaling.md"
ROUNDS = 3
LOOK_EVERY = 0.25
IDLE = 30.0
"""Seconds for which the canary is watched while it runs nothing."""
Kind = Literal["idle", "join", "conversation"]
RUNS: Mapping[Kind, int] = {"idle": 0, "join": 20, "conversation": 10}
SCENARIOS: Mapping[Kind, str] = {
    "idle": "join: {interval: 86400}",
    "join": "join: {interval: 5.5, timeout: 5.5}",
    "conversation": "conversation: {interval: 12, timeout: 12, greeting: expected}",
}
CONFIGURATION = """\
targets:
  shop:
    entry: {{trial: {{url: "{trial}"}}}}
    allow: {{hosts: [127.0.0.1], private_addresses: true, plaintext: true}}
    confirm: false
    deadlines:
      {{trial_step: 3, trial: 4, room_join: 4, agent_join: 4, agent_ready: 4, greeting_within: 5, reply_within: 5}}
    scenarios: {{{scenario}}}
"""


class Spell(msgspec.Struct, frozen=True, kw_only=True):
    """Some runs in a row, from the end of one to the end of another: seconds and bytes."""

    kind: Kind
    seconds: float
    runs: int
    cpu: float
    """Of the canary and of all its children that ended meanwhile."""
    lasted: float
    """Of the runs, on the average; 0 where there were none."""
    memory: int
    child: int
    """Of the largest child that was seen."""


async def spell(stack: ReferenceStack, kind: Kind) -> Spell:
    """Make one. A run that does not pass costs something else, so it ends the measurement."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "prober.yaml"
        file.write_text(CONFIGURATION.format(trial=stack.trial_url, scenario=SCENARIOS[kind]), encoding="utf-8")
        async with Watching(file, "--no-evidence") as canary:
            process = psutil.Process(canary.program.pid)
            if RUNS[kind]:
                await canary.until("run.finished")
            began, cpu = time.monotonic(), _cpu(process)
            children: list[int] = []
            looking = asyncio.create_task(_look_at_children(process, children))
            ended = [await canary.until("run.finished") for _ in range(RUNS[kind])]
            if not ended:
                await asyncio.sleep(IDLE)
            seconds, cpu, memory = time.monotonic() - began, _cpu(process) - cpu, process.memory_info().rss
            looking.cancel()
    if any(run["outcome"] != "pass" for run in ended):
        raise SystemExit(f"{kind}: not all runs passed; look for what disturbs this machine, and start again.")
    return Spell(
        kind=kind,
        seconds=round(seconds, 2),
        runs=len(ended),
        cpu=round(cpu, 2),
        lasted=round(statistics.mean([run["seconds"] for run in ended]), 2) if ended else 0.0,
        memory=memory,
        child=max(children, default=0),
    )


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system + times.children_user + times.children_system


async def _look_at_children(process: psutil.Process, seen: list[int]) -> None:
    while True:
        for child in process.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                seen.append(child.memory_info().rss)
        await asyncio.sleep(LOOK_EVERY)


def document(spells: Sequence[Spell]) -> str:
    """What was measured, by kind; of the runs without what the canary costs by itself."""
    of = {kind: [one for one in spells if one.kind == kind] for kind in RUNS}
    idle = statistics.median(one.cpu / one.seconds for one in of["idle"])
    rows = []
    for kind in ("join", "conversation"):
        costs = [(one.cpu - idle * one.seconds) / one.runs for one in of[kind]]
        cost = statistics.median(costs)
        rows.append(
            (
                f"`{kind}`",
                sum(one.runs for one in of[kind]),
                f"{statistics.median(one.lasted for one in of[kind]):.1f} s",
                f"{cost:.2f} s ({min(costs):.2f} - {max(costs):.2f})",
                f"{60 / cost:.0f}",
                f"{30 / cost:.0f}",
                f"{max(one.child for one in of[kind]) / 1e6:.0f} MB",
            )
        )
    titles = ("scenario", "runs", "lasts", "CPU of a run", "runs a core and minute", "to plan with", "memory of a run")
    memory = max(one.memory for one in spells) / 1e6
    return (
        f"On {os.cpu_count()} cores that also carry the product, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}. The canary itself: {100 * idle:.1f} % of a core, {memory:.0f} MB.\n\n"
        f"{table(titles, rows)}"
    )


async def main() -> None:
    """Make what is still missing, telling how far it is, and write the document."""
    kept = Kept[Spell](file_of_this_instrument("scaling"), Spell)
    missing = [kind for kind in RUNS for _ in range(ROUNDS - sum(one.kind == kind for one in kept.entries))]
    if missing:
        async with ReferenceStack(progress=_tell) as stack:
            for kind in missing:
                kept.add(await spell(stack, kind))
                _tell(f"{len(kept.entries)} of {ROUNDS * len(RUNS)}: {kept.entries[-1]}")
    publish(DOCUMENT, "make scaling", document(kept.entries))
    _tell(f"{DOCUMENT} is written")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
