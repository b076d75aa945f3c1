"""How soon the canary sees an outage, measured: `livekit-prober watch` on the reference stack, at a tenth of the times.

`make reaction` makes the outages, resumes where it was stopped, and writes the table into docs/operations.md.
"""

import asyncio
import datetime
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from prober.core.events import SessionGranted
from prober.core.record import RunRecord
from prober.core.timeline import Timeline
from prober.refstack.stack import ReferenceStack
from prober.sinks.history import reading
from prober.watch.cadence import Jitter
from tests.detection import DOCUMENT, FAILURES, beginnings, seconds_to_third_failure
from tests.stack.kept import Kept, file_of_this_instrument
from tests.watch_process import Line, Watching

WANTED = 12
INTERVAL = 6.0
AGENT_JOIN = 2.0
BEGIN, END = "<!-- make reaction: begin -->\n", "<!-- make reaction: end -->\n"
CONFIGURATION = """\
targets:
  shop:
    entry: {{trial: {{url: "{trial}"}}}}
    allow: {{hosts: [127.0.0.1], private_addresses: true, plaintext: true}}
    confirm: false
    deadlines:
      {{trial_step: 2, trial: 2, room_join: 2, agent_join: {agent_join}, agent_ready: 2, greeting_within: 2,
       reply_within: 2}}
    scenarios: {{join: {{interval: {interval}, timeout: 5, hold: 0}}}}
"""


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """One outage; seconds. `open_for`: from a run's start to its token, before which the outage must begin to fail it;
    `failing`: from its start to its end.
    """

    seen_after: float
    open_for: float
    failing: float


async def outage(stack: ReferenceStack, canary: Watching) -> Outage:
    """Take the agent away at any moment of the interval, until its third failure; then give it back."""
    agent = stack.knobs.agent_name
    await canary.until("run.finished", lambda run: run["outcome"] == "pass")
    await asyncio.sleep(random.uniform(0, INTERVAL))
    began = time.time()
    stack.knobs.agent_name = "nobody"
    third = await canary.until("run.finished", lambda run: run["consecutive_failures"] == FAILURES)
    stack.knobs.agent_name = agent
    with reading(canary.database) as history:
        record = history.run(third["run_id"])
    while record is None:  # it is written by a thread
        await asyncio.sleep(0.02)
        with reading(canary.database) as history:
            record = history.run(third["run_id"])
    return Outage(
        seen_after=round(_moment(third) - began, 3),
        failing=round(_moment(third) - _began(record), 3),
        open_for=round(_moment(third) - _began(record) - (record.seconds or 0.0) + _granted(record), 3),
    )


def _moment(line: Line) -> float:
    return datetime.datetime.fromisoformat(line["time"]).timestamp()


def _began(record: RunRecord) -> float:
    return datetime.datetime.fromisoformat(record.started_at).timestamp()


def _granted(record: RunRecord) -> float:
    granted = Timeline(record.timeline).first(SessionGranted)
    return 0.0 if granted is None else granted.at


def table(outages: Sequence[Outage]) -> str:
    """Measured, and simulated with runs as long as those were."""
    failing = statistics.median(one.failing for one in outages)
    healthy = statistics.median(one.open_for for one in outages)
    simulated = [
        seconds
        for trouble in beginnings(INTERVAL)
        if (seconds := seconds_to_third_failure(INTERVAL, None, trouble, 24 * 3600, healthy=healthy, failing=failing))
        is not None
    ]
    measured = [one.seen_after for one in outages]
    by_hand = FAILURES * INTERVAL + Jitter().share * INTERVAL + failing - healthy
    titles = ["`join` every", "a failing run takes", "", "n", "least", "median", "worst", "at most, by hand"]
    rows = [
        [f"{INTERVAL:.0f} s", f"{failing:.1f} s", name, str(len(found)), *_spread(found), limit]
        for name, found, limit in (("measured", measured, ""), ("simulated", simulated, f"{by_hand:.1f} s"))
    ]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (titles, ["---"] * len(titles), *rows))


def _spread(found: Sequence[float]) -> list[str]:
    return [f"{seconds:.1f} s" for seconds in (min(found), statistics.median(found), max(found))]


def document(text: str, outages: Sequence[Outage]) -> str:
    """The document with this table in it."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + table(outages) + END + rest.split(END)[1]


async def main() -> None:
    """Make what is still missing, telling how far it is, and write the document."""
    kept = Kept[Outage](file_of_this_instrument("reaction"), Outage)
    if len(kept.entries) < WANTED:
        with tempfile.TemporaryDirectory() as folder:
            async with ReferenceStack(progress=_tell) as stack:
                file = Path(folder) / "prober.yaml"
                file.write_text(CONFIGURATION.format(trial=stack.trial_url, agent_join=AGENT_JOIN, interval=INTERVAL))
                async with Watching(file, "--no-evidence") as canary:
                    while len(kept.entries) < WANTED:
                        kept.add(await outage(stack, canary))
                        _tell(f"{len(kept.entries)} of {WANTED}: {kept.entries[-1]}")
    DOCUMENT.write_text(document(DOCUMENT.read_text(encoding="utf-8"), kept.entries), encoding="utf-8")
    _tell(f"{DOCUMENT} is written")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
