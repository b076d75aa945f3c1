"""Takes a trial out of the world again by the entry's clean-up steps; trouble on the way is told, never raised."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import NamedTuple

from prober.core.plan import Plan, Step
from prober.core.reasons import RunFault
from prober.core.steps import variables_of
from prober.core.templates import Known
from prober.entry.visit import Visit
from prober.recorder import Recorder

WITHIN = 10.0
"""Seconds given to all steps together."""


class Undone(NamedTuple):
    """Whether a step was done as it expects, and in words why not."""

    ok: bool
    detail: str


async def undo(
    steps: tuple[Step, ...],
    plan: Plan,
    known: Known,
    secrets: Mapping[str, str],
    *,
    hide: Iterable[str] = (),
    within: float = WITHIN,
) -> AsyncIterator[tuple[str, Undone]]:
    """Make each step whose variables are known, in order; its name and how it went. The others have nothing to undo.

    The requests carry the cookies of the walk. They are no part of the run: their moments are not recorded.
    """
    aside = Recorder(time.monotonic, lambda _event: None, hide=hide)
    due = aside.elapsed() + within
    async with Visit(plan, known, secrets, aside) as visit:
        for step in steps:
            if variables_of(step) <= visit.variables.keys():
                yield step.name, await _made(visit, step, within, left=due - aside.elapsed())


async def _made(visit: Visit, step: Step, within: float, *, left: float) -> Undone:
    try:
        async with asyncio.timeout(left):
            await visit.take(step)
    except TimeoutError:
        return Undone(ok=False, detail=f"the clean-up took longer than {within:g} s")
    except RunFault as fault:
        return Undone(ok=False, detail=str(fault).removeprefix(f"step {step.name}: "))
    return Undone(ok=True, detail="done")
