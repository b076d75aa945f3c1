"""Runs as a GitHub job summary (Markdown). Pure: returns text.

Every word that is not this module's own is written as character references inside `<code>`: there it is neither
Markdown nor HTML, link, mention nor image, whoever chose it.
"""

from collections.abc import Iterable, Iterator, Sequence

from prober.core.reasons import Outcome
from prober.core.record import RunRecord
from prober.core.series import PASSED, Series
from prober.core.statistics import statistics
from prober.sinks import text
from prober.sinks.explained import explanation

LONGEST = 500_000
"""Bytes: GitHub throws a summary of more than 1 MiB away, with those of all other steps' tools in it."""


def job_summary(series: Sequence[Series], troubles: Iterable[str] = ()) -> str:
    """What the runs came to."""
    lines = "\n".join(_lines(series, troubles))
    if len(lines.encode()) > LONGEST:
        lines = lines.encode()[:LONGEST].decode(errors="ignore").rpartition("\n")[0] + "\n\n(cut short)"
    return lines + "\n"


def _lines(series: Sequence[Series], troubles: Iterable[str]) -> Iterator[str]:
    yield from ("### livekit-prober", "", "| verdict | target | scenario | run | seconds |", "|---|---|---|---|---:|")
    for one in series:
        for record in one.records:
            seconds = "" if record.seconds is None else f"{record.seconds:.1f}"
            cells = (_verdict(one, record), quoted(record.target), quoted(record.scenario), quoted(record.run_id))
            yield f"| {' | '.join(cells)} | {seconds} |"
    for one in series:
        for record in one.records:
            if record.exit_code != PASSED:
                yield from _trouble(record)
    for trouble in troubles:
        yield from ("", f"**The prober itself:** {quoted(trouble)}")
    for one in series:
        yield from _numbers(one)
    yield ""


def _verdict(series: Series, record: RunRecord) -> str:
    marks = {0: "✅ pass", 1: "❌ fail", 3: "⚠️ pass, objective missed", 4: "❔ inconclusive"}
    return marks[record.exit_code] + (" (tolerated)" if series.tolerated(record) else "")


def _trouble(record: RunRecord) -> Iterator[str]:
    title = f"{record.outcome.value} {record.reason}" if record.reason is not None else "objective missed"
    yield from ("", f"**{quoted(title)}** in run {quoted(record.run_id)}", "")
    if record.outcome is not Outcome.PASS:
        yield f"- {quoted(record.message)}"
        yield from (
            f"- {name}: {quoted(words)}" for name, _, words in (one.partition(": ") for one in explanation(record))
        )
    yield from (f"- {quoted(one)}" for one in text.too_slow(record))
    yield from (f"- left behind: {quoted(left)}" for left in record.left_behind)


def _numbers(series: Series) -> Iterator[str]:
    """The measurements of a series, and its labels."""
    made = statistics(series)
    if not made.measurements:
        return
    columns, rows = text.table(made)
    yield from ("", f"{quoted(series.target)} {quoted(series.scenario)}, seconds:", "")
    yield f"| {' | '.join(columns)} |"
    yield f"|---|{'---:|' * (len(columns) - 1)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    if len(series.records) > 1:
        yield from ("", quoted(text.rate(made)))
    for key, value in series.records[-1].labels.items():
        yield from ("", f"{quoted(key)} = {quoted(value)}")


def quoted(words: str) -> str:
    """The words as code that can be nothing else; on one line."""
    plain = " ".join(words.split())
    return f"<code>{''.join(char if char.isalnum() or char == ' ' else f'&#{ord(char)};' for char in plain)}</code>"
