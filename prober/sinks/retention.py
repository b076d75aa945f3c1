"""How long runs stay in the history: by age and by count, failures longer than others; forgotten a few at a time."""

import sqlite3

import msgspec

BATCH = 200
"""Runs forgotten in one transaction at most: a write never waits for more."""
DAY = 86_400.0


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """Runs older than `days` go, and all but the newest `count`."""

    days: float
    count: int


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """`failures` are runs that failed; passes and inconclusive runs are `others`."""

    failures: Keep = Keep(days=400, count=50_000)
    others: Keep = Keep(days=35, count=250_000)


_OLD = ("INDEXED BY runs_by_time", "started_at < :oldest")  # left alone, SQLite looks at every run after each one
_TOO_MANY = (
    "",
    "id <= (SELECT id FROM runs WHERE (outcome = 'fail') = :failed ORDER BY id DESC LIMIT 1 OFFSET :count)",
)
_FORGET = """
    DELETE FROM runs WHERE id IN (
        SELECT id FROM runs AS old {}
        WHERE (outcome = 'fail') = :failed AND {}
        AND ("trigger" = 'manual' OR EXISTS (
            SELECT 1 FROM runs AS newer
            WHERE newer.target = old.target AND newer.scenario = old.scenario AND newer.id > old.id
            AND newer."trigger" <> 'manual'
            AND (newer.outcome IN ('pass', old.outcome) OR old.outcome = 'inconclusive')
        ))
        ORDER BY id LIMIT :batch
    )
"""
"""What a canary stands on stays at any age: of each target and scenario the newest run, judged run and pass."""


def prune(connection: sqlite3.Connection, retention: Retention, now: float) -> int:
    """Forget at most some hundred runs that `retention` lets go at `now`, Unix time; how many. Raises sqlite3.Error."""
    forgotten = 0
    for failed, keep in ((True, retention.failures), (False, retention.others)):
        values = {"failed": failed, "oldest": now - keep.days * DAY, "count": keep.count, "batch": BATCH}
        for why in (_OLD, _TOO_MANY):
            forgotten += connection.execute(_FORGET.format(*why), values).rowcount
    return forgotten
