"""The canary for an hour at a pace that nobody needs: does it keep its schedule, and does it grow?

`make soak` lets it run, goes on where it was interrupted (Ctrl-C, SIGTERM), and writes the table into
docs/operations.md; a short form runs in CI.
"""

import asyncio
import math
import os
import platform
import signal
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from prober.refstack.stack import ReferenceStack
from tests.growth import Growth, growth, means
from tests.stack.kept import Kept, file_of_this_instrument
from tests.stack.published import publish, table
from tests.stack.soak_spell import Sample, Spell, soak

DOCUMENT = Path("docs/operations.md")
MINUTES = 60.0
WARM_UP = 600.0
"""Seconds of a spell that are left out of what it grew by."""
TELL_EVERY = 300.0
BLOCK = 60.0
"""Seconds that make one point of the line: looks nearer to each other are too alike."""
MB = 1024 * 1024


def grown(spells: Sequence[Spell], warm_up: float = WARM_UP, block: float = BLOCK) -> Growth | None:
    """By how many bytes a second the canary's memory grows once it is warm."""
    warm = [[(sample.at, float(sample.memory)) for sample in spell.samples if sample.at >= warm_up] for spell in spells]
    return growth([means(points, block) for points in warm if points])


def document(spells: Sequence[Spell]) -> str:
    """What was found, as the document has it."""
    samples = [sample for spell in spells for sample in spell.samples]
    warm = [sample for sample in samples if sample.at >= WARM_UP]
    lags = sorted(lag for spell in spells for lag in spell.lags)
    made, missed = sum(spell.made for spell in spells), sum(spell.missed for spell in spells)
    total = sum(spell.planned for spell in spells)
    reasons: Counter[str] = sum((Counter(spell.skipped) + Counter(spell.inconclusive) for spell in spells), Counter())
    failures: Counter[str] = sum((Counter(spell.failed) for spell in spells), Counter())
    found = grown(spells)
    per_hour = "unknown" if found is None or found.error is None else f"{_hourly(found.slope)} ± {_hourly(found.error)}"

    def over(what: Callable[[Sample], float]) -> tuple[object, ...]:
        first, second = warm[: len(warm) // 2], warm[len(warm) // 2 :]
        return (
            *(f"{statistics.median(map(what, half)):g}" for half in (first, second)),
            f"{max(map(what, samples)):g}",
        )

    held = table(
        ("of the canary", "median, first half", "median, second half", "most"),
        [
            ("memory, MB", *over(lambda sample: round(sample.memory / MB, 1))),
            ("its largest child, MB", *over(lambda sample: round(sample.largest / MB, 1))),
            ("threads", *over(lambda sample: sample.threads)),
            ("file handles", *over(lambda sample: sample.handles)),
            ("child processes", *over(lambda sample: sample.children)),
        ],
    )
    kept = table(
        ("planned", "runs", "failed", "skipped or inconclusive", "lag median", "lag p99", "lag, most"),
        [
            (
                total,
                made,
                _told(failures),
                f"{_told(reasons)} ({100 * missed / total:.2f} %)",
                *(f"{lag:.3f} s" for lag in (statistics.median(lags), lags[math.ceil(0.99 * len(lags)) - 1], lags[-1])),
            )
        ],
    )
    spells_told = ", ".join(f"{spell.seconds / 60:.0f} min" for spell in spells)
    machine = f"{os.cpu_count()} cores that also carry the product, {platform.system()} {platform.machine()}"
    return f"""\
n = {len(spells)} process{"es" if len(spells) > 1 else ""} ({spells_told}), {len(samples)} looks, on {machine}, Python
{platform.python_version()}.

{kept}
Memory grew by {per_hour} MB an hour: slope and its standard error, from means of {BLOCK:.0f} s after the first
{WARM_UP / 60:.0f} minutes.

{held}"""


async def main() -> None:
    """Watch for what is still missing of the hour, and write the table."""
    kept = Kept[Spell](file_of_this_instrument("soak"), Spell)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    missing = 60 * MINUTES - sum(spell.seconds for spell in kept.entries)
    if missing > 0:
        _tell(f"{missing / 60:.0f} minutes to go; Ctrl-C keeps what there is")
        with tempfile.TemporaryDirectory() as folder:
            async with ReferenceStack(progress=_tell) as stack:
                spell = await soak(stack, Path(folder), missing, stop=stop, looked=progress(missing))
        if not spell.complete:
            raise RuntimeError(f"{spell.planned} were planned, {spell.made} made and {spell.missed} missed")
        kept.add(spell)
    publish(DOCUMENT, "make soak", document(kept.entries))
    _tell(f"{document(kept.entries)}\n{DOCUMENT} is written")


def progress(seconds: float) -> Callable[[Sample], None]:
    """Who tells, once in five minutes, how far it is."""
    told = 0.0

    def tell(sample: Sample) -> None:
        nonlocal told
        if sample.at - told >= TELL_EVERY:
            told = sample.at
            _tell(f"{sample.at / 60:.0f} of {seconds / 60:.0f} minutes; the canary holds {sample.memory / MB:.0f} MB")

    return tell


def _hourly(bytes_per_second: float) -> str:
    return f"{bytes_per_second * 3600 / MB:.2f}"


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items())) or "0"


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
