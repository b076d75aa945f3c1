"""The recorded series: the share of bad runs by window, how many those are, and how many may be. Pure.

Names are `level:metric:operation`; dashboards are built on them. None has the labels of replicas (`promql.REPLICA`).
"""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping

import msgspec

from prober.core.measure import OBJECTIVES
from prober.core.slo import AVAILABILITY, FAST, SLOW, Burn, Goal, budget, longest_interval, usual
from prober.rules.promql import LINE, REPLICA, indented, series, summed

MONTH = "30d"
"""For which a budget is given; dashboards show what is left of it."""
SHORT = ("5m", "30m", "1h", "2h", "6h")
LONG = ("1d", "3d", MONTH)
"""Windows of so many samples that they are recorded less often."""
LEVEL = "job_target_scenario:livekit_prober_"
Counters = tuple[tuple[str, Mapping[str, str]], ...]
"""Their names, and labels that they have."""
RUNS_BUDGET, MISSES_BUDGET = f"{LEVEL}run_failures_budget:ratio", f"{LEVEL}objective_misses_budget:ratio"
_COUNTED = {RUNS_BUDGET: "runs_total", MISSES_BUDGET: "objective_misses_total"}
"""Whose lines have the budget."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """An expression whose result is kept under a name."""

    name: str
    expr: str

    def plain(self) -> dict[str, str]:
        """As the file has it."""
        return {"record": self.name, "expr": self.expr}


class Sli(msgspec.Struct, frozen=True, kw_only=True):
    """What is bad, of what."""

    name: str
    bad: Counters
    """Summed up, as are the valid ones."""
    valid: Counters
    burns: tuple[Burn, ...]
    """What alerts ask of it."""
    keep: tuple[str, ...] = ()
    """A label that `bad` has and `valid` has not."""
    per: str = "runs"
    """What the valid ones are called."""

    def ratio(self, window: str) -> str:
        """The name of the recorded share."""
        return f"{LEVEL}{self.name}_per_{self.per}:ratio_rate{window}"

    def count(self, window: str) -> str:
        """The name of the recorded number of bad ones."""
        return f"{LEVEL}{self.name}:increase{window}"

    def records(self, windows: Iterable[str]) -> Iterator[Record]:
        """Of these windows what alerts ask for, and what is left of a month's budget."""
        across = f"/ ignoring ({', '.join(self.keep)}) group_left ()" if self.keep else "/"
        counted = {burn.long for burn in self.burns}
        shared = counted | {burn.short for burn in self.burns} | {MONTH}
        for window in windows:
            if window in shared:
                bad, valid = _all("rate", self.bad, window, self.keep), _all("rate", self.valid, window)
                yield Record(name=self.ratio(window), expr=f"(\n{bad}\n)\n{across}\n((\n{valid}\n) > 0)\n")
            if window in counted:
                yield Record(name=self.count(window), expr=f"{_all('increase', self.bad, window, self.keep)}\n")


def _all(function: str, counters: Counters, window: str, keep: tuple[str, ...] = ()) -> str:
    return "\n+\n".join(indented(summed(function, name, window, keep, **labels)) for name, labels in counters)


_SCHEDULED = {"trigger": "scheduled"}
_RUNS = (("runs_total", _SCHEDULED),)
_UNFIT = (
    ("runs_inconclusive_total", _SCHEDULED),
    ("runs_skipped_total", {"reason": "~overlap|concurrency"}),
)
FAILURES = Sli(name="run_failures", bad=(("run_failures_total", _SCHEDULED),), valid=_RUNS, burns=(*FAST, *SLOW))
MISSES = Sli(
    name="objective_misses",
    bad=(("objective_misses_total", _SCHEDULED),),
    valid=_RUNS,
    burns=SLOW,
    keep=("objective",),
)
UNFIT = Sli(name="runs_unfit", bad=_UNFIT, valid=(*_RUNS, *_UNFIT), burns=SLOW, per="planned")
SLIS = (FAILURES, MISSES, UNFIT)


def shares(windows: Iterable[str]) -> tuple[Record, ...]:
    """The shares of all indicators, for these windows."""
    return tuple(itertools.chain.from_iterable(sli.records(windows) for sli in SLIS))


def budgets(goals: Collection[Goal]) -> tuple[Record, ...]:
    """Which share may be bad: by these goals, of other lines by the usual ones that the interval of each bears."""
    terms = [*_promised(goals), *_usual()]
    found = {name: [_constant(term) for term in terms if term.budget == name] for name in _COUNTED}
    return tuple(Record(name=name, expr="\nor\n".join(lines) + "\n") for name, lines in found.items() if lines)


class _Term(msgspec.Struct, frozen=True):
    """A share that may be bad."""

    budget: str
    """The series that it belongs to."""
    share: float
    labels: Mapping[str, str]
    """Of the lines, and of the objective, that it holds for."""
    longest: float | None = None
    """The interval up to which it holds."""


def _usual() -> Iterator[_Term]:
    """What holds where nobody says, the strictest first; the same for several objectives is one term."""
    for percent in usual(AVAILABILITY):
        yield _Term(RUNS_BUDGET, budget(percent), {}, longest_interval(AVAILABILITY, percent))
    each = sorted(((percent, name) for name in OBJECTIVES for percent in usual(name)), reverse=True)
    for percent, some in itertools.groupby(each, key=lambda pair: pair[0]):
        names = sorted(name for _, name in some)
        labels = {"objective": f"~{'|'.join(names)}"}
        yield _Term(MISSES_BUDGET, budget(percent), labels, longest_interval(names[0], percent))


def _promised(goals: Iterable[Goal]) -> Iterator[_Term]:
    """The same promise of several targets is one term."""

    def promise(goal: Goal) -> tuple[str, float, str]:
        return goal.name, goal.percent, goal.scenario

    for (name, percent, scenario), some in itertools.groupby(sorted(goals, key=promise), key=promise):
        lines = {"target": f"~{'|'.join(sorted(goal.target for goal in some))}", "scenario": scenario}
        if name == AVAILABILITY:
            yield _Term(RUNS_BUDGET, budget(percent), lines)
        else:
            yield _Term(MISSES_BUDGET, budget(percent), {"objective": name} | lines)


def _constant(term: _Term) -> str:
    """The share, for each line that it holds for."""
    lines = series(_COUNTED[term.budget], trigger="scheduled", **term.labels)
    if term.longest is not None:
        lines += f" and on ({LINE}) {series('target_interval_seconds')} <= {term.longest:g}"
    return f"0 * max without ({', '.join((*REPLICA, 'trigger'))}) ({lines}) + {term.share:g}"
