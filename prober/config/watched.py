"""A configuration as the metrics see it, and the limit to how many series it may make of them. Pure."""

from collections.abc import Iterator

from prober.config.expected import expectations, measured
from prober.config.models import Config
from prober.config.problems import Problem
from prober.core.measure import OBJECTIVES
from prober.core.metric import Line
from prober.core.metric_schema import CLEANUP, MOST_SERIES, series_of


def lines(config: Config) -> tuple[Line, ...]:
    """Every scenario of every target, in the order of the file."""
    return tuple(_lines(config))


def crowded(config: Config) -> Iterator[Problem]:
    """More series than one canary may expose."""
    known = lines(config)
    total = series_of(known)
    if total > MOST_SERIES:
        targets = len(config.targets)
        yield Problem(
            path=("targets",),
            words=f"{_many(targets, 'target')} with {_many(len(known), 'scenario')} make {total} series of metrics, "
            f"about {total / targets:.0f} for each target; {MOST_SERIES} are the most that one prober exposes. "
            "Leave out targets, scenarios or objectives, or give some targets a prober of their own.",
        )


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _lines(config: Config) -> Iterator[Line]:
    for name, target in config.targets.items():
        for scenario, each in target.scenarios.all().items():
            expected, can = expectations(target, scenario, each), measured(scenario, each, target)
            yield Line(
                target=name,
                scenario=scenario.value,
                interval=each.interval,
                timeout=expected.deadlines.run,
                objectives=tuple(expected.objectives),
                phases=(*(phase for phase in OBJECTIVES if phase in can), CLEANUP),
            )
