"""docs/accuracy.md: what the calibration found, and what a run costs beside the SDK's own floor."""

import asyncio
import contextlib
import json
import os
import platform
import re
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from prober.core.events import Heartbeat, Leaving
from prober.core.plan import DirectEntry
from prober.core.record import RunRecord
from prober.core.timeline import Timeline
from prober.entry.direct import grant
from prober.recorder import Recorder
from prober.refstack.script import Script
from prober.refstack.stack import ReferenceStack
from tests.stack.calibration import DELAYS, SAY, Summary
from tests.stack.runs import key_of

RUNS = 5
LONG = "en-human-long"
"""24 s of speech: long enough for a share of a core to mean something."""
PATIENT = Script(hangover=1.0, replies=(1.2,))
"""An agent that does not take that reader's pauses for the end of a turn."""
FLOOR_SECONDS = 20
SAMPLED_EVERY = 0.1
"""Seconds: what a process uses in its last ones is not seen."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """One run: shares of a core, CPU seconds, bytes."""

    talking: float
    start: float
    end: float
    child_rss: int
    parent_cpu: float
    parent_rss: int


async def cost(stack: ReferenceStack) -> Cost:
    """A conversation of one long sentence, made by the program itself."""
    stack.knobs.agent_metadata = PATIENT.to_json()
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "prober.cli", "run", "--trial-url", stack.trial_url, "--greeting", "expected"),
        *("--say", LONG, "--json", "-"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=os.environ
        | {"LIVEKIT_URL": stack.server.url, "LIVEKIT_API_KEY": stack.server.api_key}
        | {"LIVEKIT_API_SECRET": stack.server.api_secret},
    )
    (output, _), (parent_cpu, parent_rss) = await asyncio.gather(program.communicate(), _watch(program))
    record = msgspec.json.decode(output, type=RunRecord)
    assert record.exit_code == 0, record.message
    beats = [event for event in record.timeline if isinstance(event, Heartbeat)]
    (turn,) = Timeline(record.timeline).turns()
    assert turn.ended is not None
    talking = [beat for beat in beats if turn.began <= beat.at <= turn.ended]
    leaving = next(event.at for event in record.timeline if isinstance(event, Leaving))
    before = [beat for beat in beats if beat.at <= leaving]
    share = (talking[-1].cpu - talking[0].cpu) / (talking[-1].at - talking[0].at)
    at_leaving = before[-1].cpu + share * (leaving - before[-1].at)
    return Cost(
        talking=share,
        start=beats[0].cpu,
        end=beats[-1].cpu - at_leaving,
        child_rss=max(beat.rss for beat in beats),
        parent_cpu=parent_cpu,
        parent_rss=parent_rss,
    )


async def _watch(program: asyncio.subprocess.Process) -> tuple[float, int]:
    """CPU seconds and peak bytes of a process, as the kernel last told before it ended.

    It is sampled because nobody tells them of this process alone once it has ended: `wait4` counts its children in.
    """
    cpu, peak, ticks = 0.0, 0, os.sysconf("SC_CLK_TCK")
    proc, ended = Path(f"/proc/{program.pid}"), asyncio.ensure_future(program.wait())
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, IndexError):
        while not ended.done():
            status, stat = (proc / "status").read_text(), (proc / "stat").read_text()
            peak = int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) * 1024
            fields = stat.rpartition(")")[2].split()
            cpu = (int(fields[11]) + int(fields[12])) / ticks
            await asyncio.wait({ended}, timeout=SAMPLED_EVERY)
    await ended
    return cpu, peak


async def floor(stack: ReferenceStack) -> float:
    """The SDK's share of a core with an idle microphone and one stream that is drained, in a process of its own."""
    entry = DirectEntry(url=stack.server.url, agent_name=stack.worker.agent_name)
    recorder = Recorder(time.monotonic, lambda _event: None)
    session = grant(entry, key_of(stack), "floor", "0" * 16, recorder, unix_ms=0, random=uuid.uuid4().hex[:8])
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.stack.floor", session.url, session.token, str(FLOOR_SECONDS)),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    output, _ = await program.communicate()
    return float(json.loads(output))


async def document(summary: Summary, *, progress: Callable[[str], None]) -> str:
    """Measure the costs and write everything down."""
    async with ReferenceStack(agent="scripted", progress=progress) as stack:
        costs, floors = list[Cost](), list[float]()
        for number in range(RUNS):
            progress(f"what a run costs: {number + 1} of {RUNS}")
            costs.append(await cost(stack))
            floors.append(await floor(stack))
    return _text(summary, costs, floors)


def _spread(values: Sequence[float], unit: str, scale: float = 1.0, digits: int = 2) -> str:
    middle, low, high = (
        f"{scale * value:.{digits}f}" for value in (statistics.median(values), min(values), max(values))
    )
    return f"{middle} {unit} ({low} to {high})"


def _text(summary: Summary, costs: Sequence[Cost], floors: Sequence[float]) -> str:
    def ms(seconds: float) -> str:
        return f"{seconds * 1000:.1f} ms"

    rows = [
        ("slope of reading over truth", f"{summary.slope:.4f}", "1.00 ± 0.005"),
        ("median offset, reading - truth", ms(summary.offset), f"{ms(summary.path)} path ± 10 ms"),
        ("residual about it, p95", ms(summary.residual_p95), "≤ 30 ms"),
        ("residual, largest", ms(summary.residual_max), ""),
        ("our own share (down - jitter buffer, about its median), p95", ms(summary.own_share_p95), "≤ 10 ms"),
        ("answers missed, or not in the agent's log", str(summary.missed), "0"),
        ("wrong (more than 250 ms off)", str(summary.wrong), "0"),
        ("turns that the prober voided itself", str(summary.voided), ""),
        (f"slope of agent join (n = {summary.join_n})", f"{summary.join_slope:.4f}", "1.00 ± 0.005"),
        ("median offset of agent join", ms(summary.join_offset), ""),
        ("residual of agent join, p95", ms(summary.join_p95), "≤ 30 ms"),
    ]
    resources = [
        ("while talking (tap open), child", _spread([cost.talking for cost in costs], "% of a core", 100, 1), "≤ 14 %"),
        ("the SDK's floor, publish and listen", _spread(floors, "% of a core", 100, 1), ""),
        ("start of the child, imports and all", _spread([cost.start for cost in costs], "CPU-s"), ""),
        ("end of the child", _spread([cost.end for cost in costs], "CPU-s"), ""),
        ("start and end together", _spread([cost.start + cost.end for cost in costs], "CPU-s"), "≤ 0.6 CPU-s"),
        ("parent, whole run", _spread([cost.parent_cpu for cost in costs], "CPU-s"), ""),
        ("peak memory, child", _spread([cost.child_rss for cost in costs], "MB", 1e-6, 0), "≤ 120 MB"),
        ("peak memory, parent", _spread([cost.parent_rss for cost in costs], "MB", 1e-6, 0), "≤ 60 MB"),
    ]
    table = "\n".join(f"| {name} | {value} | {wanted} |" for name, value, wanted in rows)
    costs_table = "\n".join(f"| {name} | {value} | {wanted} |" for name, value, wanted in resources)
    return f"""# How far the numbers can be trusted

Written by `make calibrate`, which measures on the machine it runs on. This one: {os.cpu_count()} cores,
{platform.system()} {platform.machine()}, Python {platform.python_version()}.

## Response and join

n = {summary.turns} turns in {summary.calls} calls, reply delays drawn at random from {DELAYS[0]} to {DELAYS[1]} s,
sentence `{SAY}`.

The truth is the log of a scripted agent on the same machine, which shares the prober's monotonic clock: the moment our
last sample of speech reached its ear, and the moment its first sample of speech left. A run reads more than that by the
two ways through LiveKit and both jitter buffers: what a caller hears. These two ways were measured apart, by
{summary.impulses} impulses in rooms of their own: up {ms(summary.up)}, down {ms(summary.down)} (medians).

| figure | measured | wanted |
|---|---|---|
{table}

Join is read against the moment at which the agent's own connection was up; participants are announced after that.

## What a run costs

n = {len(costs)} runs of one sentence of 24 s (`{LONG}`), and as many floors between them: median (least to most).

| figure | measured | wanted |
|---|---|---|
{costs_table}
"""
