"""Runs to keep: records made of the goldens, each with an id and a start of its own."""

import datetime
import itertools
import uuid
from collections.abc import Iterator

import msgspec

from prober.core.reasons import Outcome
from prober.core.record import RunRecord
from tests.golden.regenerate import GOLDEN, read

EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
PASS, FAIL, INCONCLUSIVE = (read(GOLDEN / f"{name}.json") for name in ("pass_join", "agent_left", "prober_offline"))
TALK = read(GOLDEN / "pass_conversation.json")
OF = {Outcome.PASS: PASS, Outcome.FAIL: FAIL, Outcome.INCONCLUSIVE: INCONCLUSIVE}
_minutes = itertools.count()


def run(like: RunRecord = PASS, *, minute: float | None = None, trigger: str = "scheduled", **other: str) -> RunRecord:
    """A run like this one, begun so many minutes after the epoch; without them after all others."""
    started = EPOCH + datetime.timedelta(minutes=next(_minutes) if minute is None else minute)
    made: RunRecord = msgspec.structs.replace(
        like, run_id=uuid.uuid4().hex[:16], started_at=started.isoformat(), trigger=trigger, **other
    )
    return made


def runs(outcomes: str) -> Iterator[RunRecord]:
    """`ppf?`: pass, pass, fail, inconclusive."""
    return (run({"p": PASS, "f": FAIL, "?": INCONCLUSIVE}[letter]) for letter in outcomes)
