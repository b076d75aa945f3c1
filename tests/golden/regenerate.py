"""Derive every golden record again from its own timeline, with today's rules: `make golden` shows what changed.

A new golden is a run record copied here, from a test or from production, under a name that says what it pins.
"""

from pathlib import Path

import msgspec

from prober.core.record import RunRecord, rederive

GOLDEN = Path(__file__).parent


def encoded(record: RunRecord) -> bytes:
    """A record as it is kept: one key a line, so that a change can be read."""
    return msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"


def read(path: Path) -> RunRecord:
    """The record in this file."""
    return msgspec.json.decode(path.read_bytes(), type=RunRecord)


if __name__ == "__main__":
    for path in sorted(GOLDEN.glob("*.json")):
        path.write_bytes(encoded(rederive(read(path))))
