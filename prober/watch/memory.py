"""What is known of the runs of one line, newest first in mind: what a page shows and a restart goes on from. Pure.

As in the history, manual runs are among the recent ones and stand for nothing else, and an inconclusive run is no more
than the last.
"""

import msgspec

from prober.core.reasons import Outcome
from prober.core.record import RunRecord
from prober.sinks.entries import Entry, listed
from prober.sinks.explained import advice
from prober.watch.status import RECENT


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """The last runs of a line; None where there was no such run. `message` and `look` are of the last judged one."""

    last: Entry | None = None
    last_judged: Entry | None = None
    last_passed: Entry | None = None
    message: str | None = None
    look: str | None = None
    recent: tuple[Entry, ...] = ()

    def after(self, record: RunRecord) -> "Memory":
        """The memory when this run has ended."""
        entry = listed(record)
        memory: Memory = msgspec.structs.replace(self, recent=(*self.recent, entry)[-RECENT:])
        if record.trigger == "manual":
            return memory
        memory = msgspec.structs.replace(memory, last=entry)
        if record.outcome is Outcome.INCONCLUSIVE:
            return memory
        memory = memory.judged(entry, record)
        return msgspec.structs.replace(memory, last_passed=entry) if record.outcome is Outcome.PASS else memory

    def judged(self, entry: Entry, record: RunRecord | None) -> "Memory":
        """The memory with this as the last judged run; without its record nothing is known of its words."""
        failed = record is not None and record.outcome is Outcome.FAIL
        return msgspec.structs.replace(
            self,
            last_judged=entry,
            message=None if record is None else record.message,
            look=advice(record) if record is not None and failed else None,
        )
