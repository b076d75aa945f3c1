"""Does it ever cry wolf? Many runs against a healthy product, and more while both cores are busy.

`make steadiness` makes them, resumes where it was stopped, and writes docs/steadiness.md; a short form runs in CI.
"""

import asyncio
import contextlib
import os
import platform
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from prober.core.plan import Expectations, Scenario
from prober.core.reasons import Outcome
from prober.refstack.stack import ReferenceStack
from tests.stack.kept import Kept, file_of_this_instrument
from tests.stack.runs import CONVERSATION, make_run

Kind = Literal["join", "conversation", "loaded join", "loaded conversation"]
WANTED: dict[Kind, int] = {"join": 200, "conversation": 30, "loaded join": 25, "loaded conversation": 25}
LOADED: set[Kind] = {"loaded join", "loaded conversation"}
SCENARIOS = {"join": Expectations(scenario=Scenario.JOIN), "conversation": CONVERSATION}
DOCUMENT = Path("docs/steadiness.md")
AT_ONCE = 2
"""Runs side by side, as the canary makes them on two cores."""
BUSY = "while True: pass"


class Seen(msgspec.Struct, frozen=True):
    """One run of a kind, and how it ended: seconds, and whether its turn has a number."""

    kind: Kind
    outcome: Outcome
    reason: str | None
    message: str
    seconds: float
    unmeasured: str | None


async def look(stack: ReferenceStack, kind: Kind) -> Seen:
    """One run of this kind."""
    began = time.monotonic()
    record = await make_run(stack, SCENARIOS[kind.removeprefix("loaded ")])
    void = next((turn.void for turn in record.prober.turns if turn.void is not None), None)
    seconds = round(time.monotonic() - began, 3)
    return Seen(kind, record.outcome, record.reason, record.message, seconds, void)


@contextlib.asynccontextmanager
async def busy_cores() -> AsyncIterator[None]:
    """Every core has a program that never rests."""
    programs = [await asyncio.create_subprocess_exec(sys.executable, "-c", BUSY) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            await program.wait()


async def look_often(stack: ReferenceStack, wanted: dict[Kind, int]) -> AsyncIterator[Seen]:
    """So many runs of each kind, as they end; those without load first."""
    for kind, count in wanted.items():
        async with busy_cores() if kind.startswith("loaded") else contextlib.nullcontext():
            for begin in range(0, count, AT_ONCE):
                runs = [look(stack, kind) for _ in range(min(AT_ONCE, count - begin))]
                for run in asyncio.as_completed(runs):
                    yield await run


def table(seen: Sequence[Seen]) -> Iterator[str]:
    """The rows of the document: a kind each, and all of those with the cores busy."""
    rows: list[tuple[str, set[Kind]]] = [*((kind, {kind}) for kind in WANTED), ("loaded, both", LOADED)]
    for name, kinds in rows:
        runs = [run for run in seen if run.kind in kinds]
        count = {outcome: sum(run.outcome is outcome for run in runs) for outcome in Outcome}
        bounds = (_bound(count[outcome], len(runs)) for outcome in (Outcome.FAIL, Outcome.INCONCLUSIVE))
        unmeasured = sum(run.outcome is Outcome.PASS and run.unmeasured is not None for run in runs)
        cells = (name, len(runs), *count.values(), *bounds, unmeasured if "join" not in name else "")
        yield "| " + " | ".join(str(cell) for cell in cells) + " |"


def _bound(seen: int, runs: int) -> str:
    return f"{300 / runs:.1f} %" if runs and not seen else ""


def document(seen: Sequence[Seen]) -> str:
    """The document's text."""
    others = [run for run in seen if run.outcome is not Outcome.PASS]
    told = "".join(f"- {run.kind}: {run.reason}. {run.message}\n" for run in others) or "None.\n"
    rows = "\n".join(table(seen))
    return f"""# Does it ever cry wolf?

Written by `make steadiness`: runs against the reference stack in good health, {AT_ONCE} at a time, on the machine that
also carries livekit-server and the agent ({os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python
{platform.python_version()}). *Loaded*: every core has a program beside it that never rests.

The bounds are the rule of three: of what none of n runs did, fewer than 3/n do, at 95 % confidence. An inconclusive run
counts neither for nor against the product. *No number*: passed, but the turn's response was not fit to be measured.

| runs | n | pass | fail | inconclusive | false failures, at most | inconclusive, at most | no number |
|---|---|---|---|---|---|---|---|
{rows}

## Runs that did not pass

{told}"""


async def main() -> None:
    """Make what is still missing, telling how far it is, and write the document."""
    kept = Kept[Seen](file_of_this_instrument("steadiness"), Seen)
    missing = {kind: count - sum(run.kind == kind for run in kept.entries) for kind, count in WANTED.items()}
    if any(count > 0 for count in missing.values()):
        async with ReferenceStack(progress=_tell) as stack:
            async for run in look_often(stack, missing):
                kept.add(run)
                _tell(f"{len(kept.entries)} of {sum(WANTED.values())}: {run.kind} {run.outcome} {run.message}")
    DOCUMENT.write_text(document(kept.entries))
    _tell(f"{DOCUMENT} is written")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
