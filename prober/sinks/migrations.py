"""The history's tables: steps from an empty file to today's form, each taken once, in order, whole or not at all.

A file that holds something else, or that a newer program has taken further, is refused.
"""

import contextlib
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

Migration = Callable[[sqlite3.Connection], None]


class HistoryError(Exception):
    """The history cannot be used as things are; the text is one plain sentence. Trying again later may help."""


class RefusedHistoryError(HistoryError):
    """The file is none that this program may use; trying again does not help."""


class UnreadableRunError(HistoryError):
    """The run is there, but its record is of a form that this program does not know."""


@contextlib.contextmanager
def plainly(path: Path) -> Iterator[None]:
    """Say in one sentence, as a HistoryError, what went wrong and where."""
    try:
        yield
    except RefusedHistoryError as error:
        raise RefusedHistoryError(f"The history {path} cannot be used: {error}.") from error
    except (sqlite3.Error, zlib.error, msgspec.MsgspecError, OSError) as error:
        told = error.strerror if isinstance(error, OSError) else str(error)
        kind = RefusedHistoryError if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_NOTADB else HistoryError
        kind = UnreadableRunError if isinstance(error, zlib.error) else kind
        raise kind(f"The history {path} cannot be used: {told}.") from error


def m001_runs(connection: sqlite3.Connection) -> None:
    """One row a run: what is asked for, and its whole record as JSON under zlib.

    `id` counts in the order in which runs ended, whatever the wall clock did; `started_at` is Unix time.
    """
    connection.execute(
        """
        CREATE TABLE runs (
            id INTEGER PRIMARY KEY,
            run_id TEXT NOT NULL UNIQUE,
            target TEXT NOT NULL,
            scenario TEXT NOT NULL,
            "trigger" TEXT NOT NULL,
            started_at REAL NOT NULL,
            seconds REAL,
            outcome TEXT NOT NULL,
            reason TEXT,
            exit_code INTEGER NOT NULL,
            tallies TEXT NOT NULL,
            labels TEXT NOT NULL,
            record BLOB NOT NULL
        )
        """
    )
    connection.execute("CREATE INDEX runs_by_series ON runs (target, scenario, outcome, id)")
    connection.execute("CREATE INDEX runs_by_time ON runs (started_at)")
    connection.execute("CREATE INDEX runs_by_kind ON runs ((outcome = 'fail'), id)")


MIGRATIONS: tuple[Migration, ...] = (m001_runs,)


def missing(connection: sqlite3.Connection, migrations: tuple[Migration, ...] = MIGRATIONS) -> list[Migration]:
    """The steps that this file still lacks. Raises RefusedHistoryError, and what sqlite3 raises."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return list(migrations)
    if "migrations" not in tables:
        raise RefusedHistoryError("it is a database of another program")
    applied = {name for (name,) in connection.execute("SELECT name FROM migrations")}
    unknown = applied - {step.__name__ for step in migrations}
    if unknown:
        raise RefusedHistoryError(
            f"a newer livekit-prober has written it ({', '.join(sorted(unknown))}); use that version, or another file"
        )
    return [step for step in migrations if step.__name__ not in applied]


def migrate(connection: sqlite3.Connection, migrations: tuple[Migration, ...] = MIGRATIONS) -> None:
    """Take the steps that the file lacks. Raises RefusedHistoryError, and what sqlite3 raises."""
    if not missing(connection, migrations):
        return
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations"
            " (name TEXT PRIMARY KEY, applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)"
        )
        for step in missing(connection, migrations):  # another process may have been faster
            step(connection)
            connection.execute("INSERT INTO migrations (name) VALUES (?)", (step.__name__,))
