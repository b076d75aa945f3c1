"""Where the canary keeps its runs: the history, and the evidence of what was heard in them."""

import logging
from pathlib import Path

from prober.core.record import RunRecord
from prober.sinks.evidence import Evidence
from prober.sinks.keeper import Keeper, State
from prober.sinks.log_lines import tell

log = logging.getLogger(__name__)


class Kept:
    """A keeper, and the folder of its evidence; no trouble of a disk ever leaves here but in the log and the state."""

    def __init__(self, keeper: Keeper, evidence: Evidence | None) -> None:
        self._keeper, self._evidence = keeper, evidence

    @property
    def state(self) -> State:
        """How it goes."""
        return self._keeper.state

    def draft(self, run_id: str) -> Path | None:
        """Where this run is to put its recording; None: it keeps none."""
        if self._evidence is None:
            return None
        try:
            place = self._evidence.draft(run_id)
        except OSError as error:
            self._trouble("no recording is made", error)
            return None
        if place is None:
            words = "too many recordings wait to be kept, no more is made"
            tell(log, logging.WARNING, "evidence.waiting", words, run_id=run_id)
            return None
        return place.absolute()

    def publish(self, record: RunRecord, recording: Path | None = None) -> None:
        """Have the run written."""
        self._keeper.publish(record, recording)

    def tidy(self) -> None:
        """Remove what an earlier canary left half done. Not for an event loop's own thread."""
        try:
            if self._evidence is not None:
                self._evidence.sweep()
        except OSError as error:
            self._trouble("what was left half done there stays", error)

    def _trouble(self, so: str, error: OSError) -> None:
        words = f"the folder of the evidence cannot be used, {so}: {error.strerror or type(error).__name__}"
        tell(log, logging.WARNING, "evidence.unusable", words, error=str(error))
