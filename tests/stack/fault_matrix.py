"""`make faults`: every fault in a run of its own, and calls over a bad network; writes docs/faults.md."""

import argparse
import asyncio
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from prober.refstack.effects import EFFECTS
from prober.refstack.faults import Place
from prober.refstack.stack import ReferenceStack
from tests.stack import network
from tests.stack.fault_cells import AT_ONCE, Outcome, cells, run_cells, standing
from tests.stack.published import publish

DOCUMENT = Path("docs/faults.md")
CALLS, TURNS = 5, 3
"""Over each kind of bad network, and of each call over one."""


async def matrix(rounds: int) -> list[Outcome]:
    """All cells, `rounds` times, each told as it ends."""
    outcomes: list[Outcome] = []
    logs = Path(tempfile.mkdtemp(prefix="livekit-prober-faults-"))
    async with ReferenceStack(faults=standing(cells()), directory=logs, progress=_tell) as stack:
        for number in range(1, rounds + 1):
            began = time.monotonic()
            print(f"round {number} of {rounds}\n{'fault':28}{'expected':38}{'got':38}seconds to verdict", flush=True)
            async for outcome in run_cells(cells(), stack):
                outcomes.append(outcome)
                print(line(outcome), flush=True)
            print(f"{len(cells())} runs in {time.monotonic() - began:.0f} s", flush=True)
    print(f"The logs of the servers and the agent are in {logs}")
    return outcomes


async def over_bad_networks() -> list[network.Call]:
    """Calls over each kind of network, each told as it ends."""
    made: list[network.Call] = []
    async for call in network.calls(list(network.WAYS.values()) * CALLS, TURNS, _tell):
        made.append(call)
        told = f"{call.way} {call.record.outcome}"
        print("\n".join([told, *(f"    WRONG: {wrong}" for wrong in call.wrong)]), flush=True)
    return made


def line(outcome: Outcome) -> str:
    """One cell on the terminal; a wrong one says what is wrong."""
    told = f"{outcome.cell.name:28}{outcome.cell.effect.verdict:38}{outcome.got:38}{outcome.seconds:5.1f}"
    return "\n".join([told, *(f"    WRONG: {wrong}" for wrong in outcome.wrong)])


def generated(outcomes: Sequence[Outcome]) -> str:
    """The part of the document that is written here: a table for each place, and what it was measured on."""
    by_name: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_name.setdefault(outcome.cell.name, []).append(outcome)
    return "\n".join(["", *_figures(by_name), *_tables(by_name), ""])


def _figures(by_name: Mapping[str, Sequence[Outcome]]) -> Iterator[str]:
    runs = [outcome for found in by_name.values() for outcome in found]
    healthy = [outcome for outcome in runs if outcome.cell.fault is None]
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    passed = sum(not outcome.wrong for outcome in healthy)
    yield f"n = {len(runs)} runs, {len(runs) // len(by_name)} of each, {sum(AT_ONCE.values())} at a time, on {machine}."
    yield f"Came out as something else: {sum(bool(outcome.wrong) for outcome in runs)}."
    yield f"Made again, alone, where the machine was too busy to judge: {sum(outcome.again for outcome in runs)}."
    yield f"Of {len(healthy)} runs on the product without a fault, {passed} passed."
    yield "Seconds: from the order to the verdict; the deadline that is waited for is shortened (`fault_cells.py`)."
    yield ""


def _tables(by_name: Mapping[str, Sequence[Outcome]]) -> Iterator[str]:
    for place in Place:
        yield from (f"## {place[0].upper()}{place[1:]}", "")
        yield from (
            "| fault | what a customer would see | the run says | and why | came out | seconds |",
            "|---|---|---|---|---|---|",
        )
        for fault, effect in EFFECTS.items():
            if effect.place is place:
                found = by_name[fault]
                right = sum(not outcome.wrong for outcome in found)
                seconds = [outcome.seconds for outcome in found]
                span = f"{min(seconds):.1f}" if len(seconds) == 1 else f"{min(seconds):.1f}-{max(seconds):.1f}"
                why = effect.cause or "-"
                yield f"| `{fault}` | {effect.customer} | {effect.verdict} | {why} | {right} of {len(found)} | {span} |"
        yield ""


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Exit with status 1 when a cell is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="how often each fault is tried")
    rounds = parser.parse_args().rounds
    outcomes = asyncio.run(matrix(rounds))
    publish(DOCUMENT, "make faults", generated(outcomes))
    calls = asyncio.run(over_bad_networks())
    publish(DOCUMENT, "make faults, network", f"\n{network.rows(calls)}\n")
    _tell(f"{DOCUMENT} is written")
    sys.exit(any([*(outcome.wrong for outcome in outcomes), *(call.wrong for call in calls)]))


if __name__ == "__main__":
    main()
