"""A run as the history writes it and as it lists it. Pure; tells JSON from columns, never an error of a database."""

import datetime
import zlib
from typing import Any

import msgspec

from prober.core.reasons import Outcome
from prober.core.record import RunRecord
from prober.core.statistics import Outline, Tally, outline


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it is written; small, so that many can wait for a disk."""

    run_id: str
    target: str
    scenario: str
    trigger: str
    started_at: float
    seconds: float | None
    outcome: str
    reason: str | None
    exit_code: int
    tallies: str
    labels: str
    record: bytes

    @property
    def document(self) -> bytes:
        """The record as JSON."""
        return unpacked(self.record)


class Entry(Outline, frozen=True, kw_only=True):
    """A run as lists show it, whichever version wrote it. `started_at` is Unix time, a label only."""

    run_id: str
    target: str
    scenario: str
    trigger: str
    started_at: float
    seconds: float | None
    reason: str | None
    labels: dict[str, str]


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs: those that match everything given; the newest `limit` of them.

    `before` is the id of a run that ended after them; where it is not there any more, nothing matches.
    """

    target: str | None = None
    scenario: str | None = None
    trigger: str | None = None
    outcome: str | None = None
    reason: str | None = None
    since: float | None = None
    until: float | None = None
    before: str | None = None
    limit: int | None = None


LARGEST = 64 << 20
"""Bytes that a record may unpack to: far more than any has."""
COLUMNS = ", ".join(f'"{name}"' for name in Row.__struct_fields__)
LISTED = ", ".join(f'"{name}"' for name in Entry.__struct_fields__)
WHOLE = " AND ".join(
    (
        *(f"typeof(\"{name}\") = 'text'" for name in ("run_id", "target", "scenario", "trigger", "tallies", "labels")),
        f"outcome IN {tuple(map(str, Outcome))}",
        "typeof(reason) IN ('text', 'null') AND typeof(exit_code) = 'integer' AND typeof(record) = 'blob'",
        "typeof(started_at) = 'real' AND started_at BETWEEN 0 AND 250000000000",  # the year 9892: a date holds no more
        "(seconds IS NULL OR typeof(seconds) = 'real' AND seconds BETWEEN 0 AND 1000000)",
    )
)
"""What is true of a row that this program wrote; of one that is damaged it may not be."""
_tallies = msgspec.json.Decoder(dict[str, Tally])
_labels = msgspec.json.Decoder(dict[str, str])


def unpacked(packed: object) -> bytes:
    """What was packed as a record. Raises zlib.error where it is damaged, or larger than any record."""
    unpacking = zlib.decompressobj()
    body = unpacking.decompress(packed, LARGEST) if isinstance(packed, bytes) else b""
    if not unpacking.eof:
        raise zlib.error("a record in it is none, cut off, or larger than any")
    return body


def listed(record: RunRecord) -> Entry:
    """The run as lists show it."""
    short = outline(record)
    return Entry(
        run_id=record.run_id,
        target=record.target,
        scenario=record.scenario,
        trigger=record.trigger,
        started_at=datetime.datetime.fromisoformat(record.started_at).timestamp(),
        seconds=record.seconds,
        outcome=short.outcome,
        reason=record.reason,
        exit_code=short.exit_code,
        tallies=short.tallies,
        labels=record.labels,
    )


def row(record: RunRecord) -> Row:
    """The run as it is written."""
    named = msgspec.structs.asdict(listed(record))
    for name in ("tallies", "labels"):
        named[name] = msgspec.json.encode(named[name]).decode()
    return Row(**named, record=zlib.compress(msgspec.json.encode(record)))


def entry(values: tuple[Any, ...]) -> Entry:
    """The run whose `LISTED` columns hold these values."""
    named = dict(zip(Entry.__struct_fields__, values, strict=True))
    return Entry(**{**named, "tallies": _tallies.decode(named["tallies"]), "labels": _labels.decode(named["labels"])})
