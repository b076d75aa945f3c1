"""Several runs and what they come to: the exit code of a series of like runs, and of all series. Pure."""

from collections.abc import Iterable, Sequence

import msgspec

from prober.core.reasons import Outcome
from prober.core.record import RunRecord

PASSED, FAILED, MISSED, INCONCLUSIVE = 0, 1, 3, 4
WORST_FIRST = (FAILED, INCONCLUSIVE, MISSED, PASSED)
"""Of several exit codes the one that matters most."""


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """The repeats of one run, of which `required` must work."""

    target: str
    scenario: str
    required: int
    records: tuple[RunRecord, ...]

    @property
    def worked(self) -> int:
        """How many runs passed, with or without a missed objective."""
        return sum(record.outcome is Outcome.PASS for record in self.records)

    @property
    def exit_code(self) -> int:
        """0 where enough runs met everything, 3 where enough worked; else 1 for a failure, and 4 for none."""
        codes = [record.exit_code for record in self.records]
        if codes.count(PASSED) >= self.required:
            return PASSED
        if self.worked >= self.required:
            return MISSED
        return FAILED if FAILED in codes else INCONCLUSIVE

    def tolerated(self, record: RunRecord) -> bool:
        """Whether this run's trouble does not count, since enough others did what was required."""
        return record.exit_code != PASSED and (
            self.exit_code == PASSED or (self.exit_code == MISSED and record.exit_code != MISSED)
        )


def in_series(made: Iterable[Sequence[RunRecord]], required: int) -> tuple[Series, ...]:
    """A series for each of these, of which so many must work; where no run was made there is none."""
    return tuple(
        Series(target=records[0].target, scenario=records[0].scenario, required=required, records=tuple(records))
        for records in made
        if records
    )


def worst(codes: Iterable[int]) -> int:
    """The exit code that matters most; at least one is given."""
    return min(codes, key=WORST_FIRST.index)
