"""Makes a run for a command: shows it while it goes on, keeps its record, gives its exit code."""

import asyncio
import datetime
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from prober.child.messages import Order
from prober.child.parent import run_child
from prober.core.plan import ApiKey, Plan
from prober.core.record import Head, RunRecord, derive
from prober.sinks import text
from prober.sinks.live import Progress, say, show

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def probe(plan: Plan, key: ApiKey | None, what: dict[str, Any]) -> int:
    """Make the run, show it, keep it; the exit code."""
    json_to: str | None = what["json_to"]
    console = Console(stderr=json_to == "-", highlight=False)
    stop, signals = asyncio.Event(), list[int]()

    def stopped_by(number: int) -> None:
        signals.append(number)
        stop.set()

    for number in STOPS:
        asyncio.get_running_loop().add_signal_handler(number, stopped_by, number)
    head = Head(
        run_id=plan.run_id,
        target=plan.target,
        trigger=plan.trigger,
        started_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
    )
    with Progress(console) as progress:
        events = await run_child(Order(plan=plan, key=key), stop=stop, on_event=progress.show, verbose=what["verbose"])
    record = derive(head, plan.expectations, events)
    _keep(record, plan.recording, json_to)
    if console.is_terminal:  # elsewhere each of its lines has been printed
        show(console, text.timeline(record.timeline))
    show(console, ["", *text.summary(record, console.width)])
    if plan.recording is not None:
        say(console, f"  record: {Path(plan.recording).with_suffix('.json')} and .wav")
    return 128 + signals[0] if signals else record.exit_code


def _keep(record: RunRecord, recording: str | None, json_to: str | None) -> None:
    """Write the record wherever it was asked for."""
    body = msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"
    if recording is not None:
        Path(recording).with_suffix(".json").write_bytes(body)
    if json_to == "-":
        sys.stdout.buffer.write(body)
    elif json_to is not None:
        Path(json_to).write_bytes(body)
