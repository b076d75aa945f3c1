"""What pages read from the history: the runs of a target in a window, the last failure, and a run's record."""

import msgspec

from prober.core.decoding import decoded
from prober.core.reasons import Outcome
from prober.core.record import RunRecord
from prober.core.statistics import Summary
from prober.sinks.entries import Entry, Query
from prober.sinks.history import History


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What the history holds of a target in a window: its runs, the newest last, and their numbers."""

    runs: tuple[Entry, ...]
    summaries: tuple[Summary, ...]


def since(history: History, target: str, moment: float) -> Kept:
    """The runs of this target since a moment."""
    asked = Query(target=target, since=moment)
    return Kept(runs=tuple(history.runs(asked))[::-1], summaries=history.summaries(asked))


def last_failure(history: History, target: str, scenario: str) -> str | None:
    """The id of its newest run that failed."""
    asked = Query(target=target, scenario=scenario, outcome=Outcome.FAIL, limit=1)
    return next((run.run_id for run in history.runs(asked)), None)


def understood(document: bytes) -> RunRecord | None:
    """The record in this JSON; None for one that another version of this program wrote in another form."""
    try:
        return decoded(document, RunRecord)
    except ValueError:
        return None
