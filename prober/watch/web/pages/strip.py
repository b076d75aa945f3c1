"""The last runs as a strip: a cell each, told by words and shape as well as by colour. Pure."""

from collections.abc import Iterable

import msgspec

from prober.core.reasons import Outcome
from prober.core.series import MISSED
from prober.sinks.entries import Entry
from prober.watch.web.pages.answers import Tone
from prober.watch.web.pages.moments import span, stamp

_TONES = {Outcome.PASS: Tone.GOOD, Outcome.FAIL: Tone.BAD, Outcome.INCONCLUSIVE: Tone.UNKNOWN}


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One run; `title` says all of it."""

    run_id: str
    tone: Tone
    confirm: bool
    title: str


def strip(entries: Iterable[Entry]) -> tuple[Cell, ...]:
    """A cell for each run, in the order given."""
    return tuple(
        Cell(run_id=entry.run_id, tone=tone_of(entry), confirm=entry.trigger == "confirm", title=title(entry))
        for entry in entries
    )


def tone_of(entry: Entry) -> Tone:
    """How it went; a pass that missed an objective was slow, and an outcome of another version is not known."""
    if entry.exit_code == MISSED:
        return Tone.SLOW
    return next((tone for outcome, tone in _TONES.items() if outcome == entry.outcome), Tone.UNKNOWN)


def verdict(entry: Entry) -> str:
    """Outcome and reason."""
    slow = ", objective missed" if entry.exit_code == MISSED else ""
    return f"{entry.outcome}{f': {entry.reason}' if entry.reason is not None else ''}{slow}"


def title(entry: Entry) -> str:
    """When, what came of it, who asked for it and how long it took."""
    took = f", {span(entry.seconds)}" if entry.seconds is not None else ""
    return f"{stamp(entry.started_at)}: {verdict(entry)} ({entry.trigger}{took})"
