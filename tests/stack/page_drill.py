"""From a fault to the page in somebody's pocket and back: the real canary, Prometheus, rules, Alertmanager, a webhook.

`make page-drill` does it at the default intervals, resumes where it was stopped, and writes the table into docs/slo.md.
A round lasts a quarter of an hour: a page is kept for 5 minutes, and Alertmanager tells of its end up to 5 later.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp
import msgspec

from prober.refstack.stack import ReferenceStack
from tests.alerting import Pager, alerting
from tests.stack.kept import Kept, file_of_this_instrument
from tests.stack.published import publish, table
from tests.stack.watch_journal import Watch, configuration

DOCUMENT = Path("docs/slo.md")
ROUNDS = 3
ALERT = "LiveKitAgentDown"
FAULT = "missing_tts_key"
FIX = "Fix: Set ELEVEN_API_KEY in the worker's environment and restart the worker."
USUAL = "{}"
"""No deadline but the default ones."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast everything goes, and how soon it has to be over."""

    scenarios: str
    paged_within: float


PACES = {
    "60 s": Pace(scenarios="{join: {}}", paged_within=300.0),
    "30 s": Pace(scenarios="{join: {interval: 30, timeout: 30}}", paged_within=180.0),
}
"""By the interval of `join`."""


RESOLVED_WITHIN = 900.0


class Paged(msgspec.Struct, frozen=True, kw_only=True):
    """One round; seconds from the fault to the page, and from the repair to the word that it is over."""

    pace: str
    paged: float
    resolved: float
    said: str


class Drill:
    """The path, up, with a product that is well."""

    def __init__(self, pace: Pace, stack: ReferenceStack, watch: Watch, pager: Pager) -> None:
        self._pace, self._stack, self._watch, self._pager = pace, stack, watch, pager

    async def round(self, name: str) -> Paged:
        """Break the product just after a run has found it well, which is the worst moment, and repair it once paged."""
        began = time.time()
        passed = lambda line: line.get("event") == "run.finished" and line["outcome"] == "pass"  # noqa: E731
        await self._watch.until(passed, began, self._pace.paged_within)
        broken = await self._switch(FAULT)
        try:
            paged, said = await self._pager.told("pager", ALERT, "firing", broken, 2 * self._pace.paged_within)
        finally:
            repaired = await self._switch("")
        over, _ = await self._pager.told("pager", ALERT, "resolved", repaired, RESOLVED_WITHIN)
        assert "Last run: agent_absent. Cause provider_key_missing: " in said["description"], said
        assert said["description"].endswith(FIX), said
        assert self._pager.alerts("pager") == {ALERT}, "an outage is told once"
        return Paged(
            pace=name,
            paged=round(paged - broken, 1),
            resolved=round(over - repaired, 1),
            said=f"{said['summary']}. {said['description']}",
        )

    async def _switch(self, fault: str) -> float:
        """When it was done, in Unix time."""
        door = self._stack.trial_url
        async with aiohttp.ClientSession(door) as web, web.post("/faults", data={"fault": fault}) as page:
            assert page.status == 200
        return time.time()


@contextlib.asynccontextmanager
async def drill(pace: Pace, stack: ReferenceStack, folder: Path) -> AsyncIterator[Drill]:
    """The whole path on this product."""
    file = configuration(stack, folder, pace.scenarios, USUAL)
    async with Watch(file) as watch, alerting(watch.url, folder) as pager:
        yield Drill(pace, stack, watch, pager)


def document(rounds: Sequence[Paged]) -> str:
    """The table, a pace a row."""
    rows = []
    for name, pace in PACES.items():
        ours = [one for one in rounds if one.pace == name]
        if ours:
            spans = (
                _span([one.paged for one in ours]),
                f"{pace.paged_within:.0f} s",
                _span([one.resolved for one in ours]),
            )
            rows.append((name, len(ours), *spans, ours[-1].said))
    titles = ("`join` every", "n", "fault to page", "promised", "repair to all-clear", "what the page says")
    return table(titles, rows)


def _span(seconds: Sequence[float]) -> str:
    return f"{min(seconds):.0f} · {statistics.median(seconds):.0f} · {max(seconds):.0f} s"


async def main() -> None:
    """Make what is missing, the paces side by side, and write the document; status 1 if a page came too late."""
    kept = Kept[Paged](file_of_this_instrument("page-drill"), Paged)
    async with asyncio.TaskGroup() as side_by_side:
        for name in PACES:
            side_by_side.create_task(_rounds(name, kept))
    publish(DOCUMENT, "make page-drill", document(kept.entries))
    _tell(f"{document(kept.entries)}{DOCUMENT} is written")
    if late := [one for one in kept.entries if one.paged >= PACES[one.pace].paged_within]:
        sys.exit(f"too late: {late}")


async def _rounds(name: str, kept: Kept[Paged]) -> None:
    """What is missing at this pace, on a stack of its own: each has to be broken at its own worst moment."""
    missing = ROUNDS - sum(one.pace == name for one in kept.entries)
    if not missing:
        return
    async with ReferenceStack(progress=_tell) as stack:
        for _ in range(missing):
            with tempfile.TemporaryDirectory() as folder:
                async with drill(PACES[name], stack, Path(folder)) as path:
                    paged = await path.round(name)
            kept.add(paged)
            _tell(f"{paged}")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    asyncio.run(main())
