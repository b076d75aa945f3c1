"""The incident on the demo: `missing_tts_key` switched on and off again while `demo` runs, with its page in a browser.

`make incident` does it several times and writes into docs/operations.md how soon log, metrics and page told of it.
"""

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from pathlib import Path
from typing import Literal

import aiohttp
import msgspec
from playwright.async_api import Page, async_playwright
from prometheus_client.parser import text_string_to_metric_families

from prober.core.reasons import WORDS, Reason
from prober.refstack.process import Program
from tests.edge.test_prometheus import prometheus, the_first_failure_is_seen
from tests.stack.bookkeeping import a_little_later, books_agree
from tests.stack.published import publish, table
from tests.stack.watch_journal import at, parsed

DOCUMENT = Path("docs/operations.md")
PICTURES = Path("build/incident")
ROUNDS = 3
FAULT = "missing_tts_key"
CHROMIUM = "/usr/bin/chromium"
PORT = 9766
UP_WITHIN = 120.0
TOLD_WITHIN = 60.0
LOOK_EVERY = 0.1
OUTCOME = "livekit_prober_last_run_outcome"


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from one switch until each of them told of it."""

    switched: Literal["on", "off"]
    log: float
    metrics: float
    page: float


class Demo:
    """The demo as a program of its own, and its status page in a browser."""

    def __init__(self, program: Program, page: Page, product: str, database: Path) -> None:
        self.program, self.page, self.product, self.database = program, page, product, database
        self.status = f"http://127.0.0.1:{PORT}"

    async def switch(self, fault: str) -> Told:
        """Press the switch on the product's page, and wait until everything tells of it."""
        began = time.time()
        async with aiohttp.ClientSession(self.product) as web, web.post("/faults", data={"fault": fault}) as answer:
            assert answer.status == 200
        outcome = Reason.AGENT_ABSENT.value if fault else "pass"
        log, metrics, page = await asyncio.gather(
            _seconds(self.in_log(outcome, began), began),
            _seconds(self._in_metrics(outcome), began),
            _seconds(self._on_page(broken=bool(fault)), began),
        )
        return Told(switched="on" if fault else "off", log=log, metrics=metrics, page=page)

    async def in_log(self, outcome: str, since: float = 0.0) -> None:
        """Return when a `join` came to this since then."""

        def says(text: str) -> bool:
            line = parsed(text)
            mine = line.get("event") == "run.finished" and line["scenario"] == "join" and at(line) >= since
            return mine and outcome in {line["outcome"], line["reason"]}

        await self.program.wait_for_line(says, TOLD_WITHIN)

    async def _in_metrics(self, outcome: str) -> None:
        """Scraped again and again, as nobody tells when they change."""
        wanted = {"scenario": "join", "outcome": outcome}
        async with aiohttp.ClientSession(self.status) as web:
            while not await _is_one(web, wanted):  # noqa: ASYNC110 - an exporter tells nothing by itself
                await asyncio.sleep(LOOK_EVERY)

    async def _on_page(self, *, broken: bool) -> None:
        """Never reloaded from here: the page comes to it by itself."""
        words = WORDS[Reason.AGENT_ABSENT].message if broken else "An agent joins the call and answers."
        await self.page.locator(".target .answer", has_text=words).wait_for(timeout=1000 * TOLD_WITHIN)


@contextlib.asynccontextmanager
async def demo(folder: Path) -> AsyncIterator[Demo]:
    """The demo, up, with a healthy agent seen, and its page open."""
    log = folder / "demo.log"
    argv = (sys.executable, "-m", "prober.cli", "--log-format", "json", "demo", "--listen", f"127.0.0.1:{PORT}")
    async with Program(argv, env=None, log=log, grace=60) as program, async_playwright() as playwright:
        line = await program.wait_for_line(lambda line: line.startswith("The product:"), UP_WITHIN)
        product = line.split()[2]
        line = await program.wait_for_line(lambda line: parsed(line).get("event") == "watch.started", UP_WITHIN)
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        running = Demo(program, await browser.new_page(), product, Path(parsed(line)["history"]))
        await running.in_log("pass")
        await running.page.goto(running.status)
        yield running
        await browser.close()


async def _is_one(web: aiohttp.ClientSession, wanted: dict[str, str]) -> bool:
    async with web.get("/metrics") as answer:
        families = text_string_to_metric_families(await answer.text())
    samples = (sample for family in families for sample in family.samples)
    return any(
        sample.name == OUTCOME and wanted.items() <= sample.labels.items() and sample.value == 1 for sample in samples
    )


async def _seconds(what: Awaitable[None], since: float) -> float:
    async with asyncio.timeout(TOLD_WITHIN):
        await what
    return round(time.time() - since, 1)


def document(told: Sequence[Told], runs: int, failures: int) -> str:
    """The table, a row for each switch, and what Prometheus had of it."""
    rows = [
        (
            number // 2 + 1,
            f"`{FAULT}` {one.switched}",
            *(f"{seconds:.1f} s" for seconds in (one.log, one.metrics, one.page)),
        )
        for number, one in enumerate(told)
    ]
    books = (
        f"Prometheus scraped the canary meanwhile and agreed with its history on all {runs} runs, of which {failures} "
        "failed: counters, each\nbucket, count, sum, and the buckets of the quantiles. `rate()` saw the first failure."
    )
    return f"{table(('round', 'switched', 'log', 'metrics', 'page'), rows)}\n{books}\n"


async def main() -> None:
    """Switch on and off, several times, and write the table."""
    told: list[Told] = []
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with demo(Path(folder)) as running, prometheus(PORT, Path(folder)) as server:
            for _ in range(ROUNDS):
                for fault in (FAULT, ""):
                    told.append(await running.switch(fault))
                    if len(told) == 1:
                        await server.knows(a_little_later)
                        await the_first_failure_is_seen(server, "join")
                    await running.page.screenshot(path=PICTURES / f"{told[-1].switched}.png", full_page=True)
                    print(told[-1], file=sys.stderr, flush=True)
            found = document(told, *await books_agree(server, running.database))
    publish(DOCUMENT, "make incident", found)
    print(f"{found}{DOCUMENT} is written", file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(main())
