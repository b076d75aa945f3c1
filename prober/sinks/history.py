"""Every run, on disk (SQLite): written durably, asked for by what a list, a page or a restart needs.

A run is in the history when `record` has returned: neither `kill -9` nor a power cut loses it then. Reading never waits
for a writer, nor the other way round. Everything here raises HistoryError, whose text is a plain sentence, and no error
of sqlite3. A connection belongs to the thread that opened it; nothing here is for an event loop's own thread.
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from prober.core.causes import Diagnosis
from prober.core.decoding import decoded
from prober.core.reasons import Outcome
from prober.core.record import RunRecord
from prober.core.statistics import Summary, summarize
from prober.sinks.entries import COLUMNS, LISTED, WHOLE, Entry, Query, Row, entry, row, unpacked
from prober.sinks.migrations import RefusedHistoryError, UnreadableRunError, migrate, missing, plainly
from prober.sinks.retention import Retention, prune

PATIENCE = 5.0
"""Seconds that a write waits for another one."""
WAL_LEFT = 4 << 20
"""Bytes that the write-ahead log may keep on disk when it is done with."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where the canary of one target and scenario stood last; None where there was no such run, 0 failures then.

    Scheduled runs and confirmations count, manual runs do not; an inconclusive one is no more than `last`.
    """

    last: Entry | None
    last_judged: Entry | None
    last_passed: Entry | None
    consecutive_failures: int
    diagnosis: Diagnosis | None = None
    """Of the last judged run, where it failed and its cause was found."""


_INSERT = f"INSERT INTO runs ({COLUMNS}) VALUES ({', '.join('?' * len(Row.__struct_fields__))}) ON CONFLICT DO NOTHING"  # noqa: S608 - names of ours
_TESTS = {name: f'"{name}" = ?' for name in ("target", "scenario", "trigger", "outcome", "reason")} | {
    "since": "started_at >= ?",
    "until": "started_at < ?",
    "before": "id < (SELECT id FROM runs WHERE run_id = ?)",
}
_CANARY = "target = ? AND scenario = ? AND \"trigger\" <> 'manual'"


@contextlib.contextmanager
def writing(path: Path) -> Iterator["History"]:
    """The history at this path, made or brought to today's form where needed."""
    history = open_for_writing(path)
    with contextlib.closing(history):
        yield history


def open_for_writing(path: Path) -> "History":
    """The same, for a caller that closes it."""
    with plainly(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
        try:
            migrate(connection)
            _log_ahead(connection)
            connection.execute("PRAGMA synchronous = FULL")  # one fsync a run, in a thread: a power cut loses none
            connection.execute(f"PRAGMA journal_size_limit = {WAL_LEFT}")
        except BaseException:
            connection.close()
            raise
        return History(path, connection)


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Let readers and a writer go on beside each other. SQLite does not wait here for who makes the same file."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)


@contextlib.contextmanager
def reading(path: Path, *, alone: bool = False) -> Iterator["History"]:
    """The history at this path, which is not changed. `alone`: nobody writes it meanwhile, and it has no log beside it;
    then it can be read on a disk that has no byte left.
    """
    with plainly(path):
        if not path.is_file():
            raise RefusedHistoryError(
                "there is no such file. `watch` writes one; name it with --db or LIVEKIT_PROBER_DB"
            )
        how = "mode=ro&immutable=1" if alone else "mode=ro"
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", timeout=PATIENCE, uri=True)
    with contextlib.closing(History(path, connection)) as history:
        with plainly(path):
            if missing(connection):
                raise RefusedHistoryError("an older livekit-prober has written it; `watch` brings it to today's form")
        yield history


class History:
    """Runs that were written, and writing one more."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._file = _identity(path)

    def close(self) -> None:
        """No more of it."""
        with plainly(self._path):
            self._connection.close()

    def is_gone(self) -> bool:
        """Whether the path no longer leads to this file: what is written would be lost."""
        return self._file is None or _identity(self._path) != self._file

    def record(self, record: RunRecord) -> None:
        """Write this run durably; one that is there already stays as it is."""
        self.insert(row(record))

    def insert(self, run: Row) -> None:
        """The same with a run that was made ready before."""
        with plainly(self._path):
            self._connection.execute(_INSERT, msgspec.structs.astuple(run))

    def prune(self, retention: Retention, now: float) -> int:
        """Forget a few of the runs that `retention` lets go at `now` (Unix time); how many."""
        with plainly(self._path):
            return prune(self._connection, retention, now)

    def runs(self, query: Query) -> Iterator[Entry]:
        """All of them, the newest first, without rows that are damaged."""
        with plainly(self._path):
            for values in self._select(LISTED, query):
                yield entry(values)

    def documents(self, query: Query) -> Iterator[bytes]:
        """Their records as JSON, as they were written, the newest last. Raises UnreadableRunError."""
        with plainly(self._path):
            ids = [number for (number,) in self._select("id", query)]
            for number in reversed(ids):  # one at a time: a month of records fits in no small memory
                found = self._connection.execute("SELECT record FROM runs WHERE id = ?", (number,)).fetchone()
                if found is not None:
                    yield unpacked(found[0])

    def document(self, run_id: str) -> bytes | None:
        """The record of this run as JSON, as it was written; None: there is no such run. Raises UnreadableRunError."""
        with plainly(self._path):
            found = self._connection.execute("SELECT record FROM runs WHERE run_id = ?", (run_id,)).fetchone()
            return None if found is None else unpacked(found[0])

    def damaged(self) -> int:
        """How many rows are left out of every list: this program has not written them so."""
        with plainly(self._path):
            found = self._connection.execute(f"SELECT count(*) FROM runs WHERE ({WHOLE}) IS NOT 1")  # noqa: S608 - words of ours
            return int(found.fetchone()[0])

    def run(self, run_id: str) -> RunRecord | None:
        """The record of this run, or None. Raises UnreadableRunError for one of a form that is not known here."""
        body = self.document(run_id)
        try:
            return None if body is None else decoded(body, RunRecord)
        except ValueError as error:
            raise UnreadableRunError(
                f"Run {run_id} was written by another version of this program: {error}."
            ) from error

    def summaries(self, query: Query) -> tuple[Summary, ...]:
        """These runs in numbers, by target and scenario; its `limit` does not matter.

        Confirmations are left out unless they are asked for: they happen only where a run has failed.
        """
        asked = msgspec.structs.replace(query, limit=None)
        series = sorted({(one.target, one.scenario) for one in self.runs(asked)})
        return tuple(
            summarize(
                target,
                scenario,
                (
                    one
                    for one in self.runs(msgspec.structs.replace(asked, target=target, scenario=scenario))
                    if query.trigger is not None or one.trigger != "confirm"
                ),
            )
            for target, scenario in series
        )

    def standing(self, target: str, scenario: str) -> Standing:
        """Where this canary stood last: what a restart goes on from."""
        with plainly(self._path):
            judged = self._newest(target, scenario, Outcome.PASS, Outcome.FAIL)
            counted = self._connection.execute(
                f"SELECT count(*) FROM runs WHERE {_CANARY} AND outcome = 'fail' AND id > "  # noqa: S608 - words of ours
                f"coalesce((SELECT max(id) FROM runs WHERE {_CANARY} AND outcome = 'pass'), 0)",
                (target, scenario) * 2,
            ).fetchone()
            return Standing(
                last=self._newest(target, scenario, *Outcome),
                last_judged=judged,
                last_passed=self._newest(target, scenario, Outcome.PASS),
                consecutive_failures=counted[0],
                diagnosis=self._diagnosis(judged),
            )

    def _diagnosis(self, judged: Entry | None) -> Diagnosis | None:
        with contextlib.suppress(UnreadableRunError):
            record = None if judged is None else self.run(judged.run_id)
            return None if record is None else record.diagnosis
        return None

    def _newest(self, target: str, scenario: str, *outcomes: Outcome) -> Entry | None:
        found = self._connection.execute(
            f"SELECT {LISTED} FROM runs WHERE {_CANARY} AND {WHOLE} AND outcome IN ({', '.join('?' * len(outcomes))})"  # noqa: S608
            " ORDER BY id DESC LIMIT 1",
            (target, scenario, *outcomes),
        ).fetchone()
        return None if found is None else entry(found)

    def _select(self, columns: str, query: Query) -> sqlite3.Cursor:
        given = {name: value for name in _TESTS if (value := getattr(query, name)) is not None}
        where = " AND ".join((WHOLE, *(_TESTS[name] for name in given)))
        limit = -1 if query.limit is None else query.limit
        return self._connection.execute(
            f"SELECT {columns} FROM runs WHERE {where} ORDER BY id DESC LIMIT ?",  # noqa: S608 - names of ours
            (*given.values(), limit),
        )


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file this is."""
    with contextlib.suppress(OSError):
        found = path.stat()
        return found.st_dev, found.st_ino
    return None
