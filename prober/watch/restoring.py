"""What the history knows when the canary starts: where each line stood, and what was spent today.

Reads files: not for an event loop's own thread. A history that cannot be read is told of, and never raised: probing
begins without it.
"""

import contextlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import msgspec

from prober.core.accounts import agent_seconds
from prober.core.record import RunRecord
from prober.sinks.entries import Query
from prober.sinks.history import History, Standing, reading, writing
from prober.sinks.migrations import HistoryError, RefusedHistoryError, UnreadableRunError
from prober.watch.budget import DAY, Ledger
from prober.watch.cadence import Key
from prober.watch.memory import Memory
from prober.watch.status import RECENT


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What is known; `trouble` is why not more, as a sentence."""

    standings: Mapping[Key, Standing] = {}
    memories: Mapping[Key, Memory] = {}
    ledger: Ledger = Ledger()
    trouble: str | None = None

    @property
    def failures(self) -> dict[Key, int]:
        """The judged failures in a row of each line."""
        return {key: standing.consecutive_failures for key, standing in self.standings.items()}


def restore(path: Path, keys: Collection[Key], budgeted: Collection[str], wall: float) -> Restored:
    """What this history knows of these lines, and of today's cost of these targets."""
    try:
        with _opened(path) as history:
            standings = {key: history.standing(*key) for key in keys}
            return Restored(
                standings=standings,
                memories={key: _memory(history, key, standing) for key, standing in standings.items()},
                ledger=_spent(history, budgeted, wall),
            )
    except HistoryError as error:
        return Restored(trouble=str(error))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[History]:
    """The history, brought to today's form; where nothing can be written, as it is."""
    with contextlib.ExitStack() as stack:
        yield _entered(stack, path)


def _entered(stack: contextlib.ExitStack, path: Path) -> History:
    try:
        return stack.enter_context(writing(path))
    except RefusedHistoryError:
        raise
    except HistoryError as error:
        trouble = error
    try:
        return stack.enter_context(reading(path))
    except RefusedHistoryError:
        raise trouble from None
    except HistoryError:
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise  # the newest runs are in there
        return stack.enter_context(reading(path, alone=True))  # SQLite wants room beside it even to read it


def _memory(history: History, key: Key, standing: Standing) -> Memory:
    newest = history.runs(Query(target=key.target, scenario=key.scenario, limit=RECENT))
    memory = Memory(last=standing.last, last_passed=standing.last_passed, recent=tuple(newest)[::-1])
    judged = standing.last_judged
    return memory if judged is None else memory.judged(judged, _record(history, judged.run_id))


def _record(history: History, run_id: str) -> RunRecord | None:
    with contextlib.suppress(UnreadableRunError):
        return history.run(run_id)
    return None


def _spent(history: History, targets: Collection[str], wall: float) -> Ledger:
    """Today's page. A run is booked when it ended, so one that began yesterday may be on it."""
    ledger, midnight = Ledger(), wall // DAY * DAY
    for target in sorted(targets):
        for entry in history.runs(Query(target=target, since=midnight - DAY)):
            if entry.started_at + (entry.seconds or 0.0) >= midnight:
                record = _record(history, entry.run_id)
                if record is not None:
                    ledger = ledger.charged(target, agent_seconds(record), wall)
    return ledger
