"""Which share of its runs each scenario of each target has to get right, and what cannot be promised so. Pure."""

from collections.abc import Iterator

from prober.config.expected import expectations
from prober.config.models import Config, Conversation, Join, Target
from prober.config.problems import Place, Problem
from prober.core.plan import Scenario
from prober.core.slo import AVAILABILITY, Goal, by_default, objection

_WITHOUT_LIMIT = "has no limit that a run could miss. Give one under `objectives`, or remove it here."


def goals(config: Config) -> Iterator[Goal]:
    """All that is promised."""
    for name, target in config.targets.items():
        for scenario, each in target.scenarios.all().items():
            yield from promised(name, target, scenario, each)


def promised(name: str, target: Target, scenario: Scenario, each: Join | Conversation) -> Iterator[Goal]:
    """What is promised of a scenario, the usual where nobody says; nothing where runs are too rare for that."""
    for promise in _possible(target, scenario, each):
        percent = (target.slo | each.slo).get(promise, by_default(promise, each.interval))
        if percent is not None:
            yield Goal(target=name, scenario=scenario.value, name=promise, percent=percent)


def untenable(target: Target, path: Place) -> Iterator[Problem]:
    """Promises of the target at this place that its runs are too rare for, or that no run can break."""
    unused = set(target.slo)
    for scenario, each in target.scenarios.all().items():
        possible, here = _possible(target, scenario, each), (*path, "scenarios", scenario.value)
        unused -= set(possible)
        for name, percent in (target.slo | each.slo).items():
            words = objection(name, percent, each.interval) if name in possible else None
            if name in each.slo and name not in possible:
                words = _WITHOUT_LIMIT
            if words is not None:
                place, whose = (here, "") if name in each.slo else (path, f"of {scenario}, ")
                yield Problem(path=(*place, "slo", name), words=f"{whose}{words}")
    for name in sorted(unused):
        yield Problem(path=(*path, "slo", name), words=_WITHOUT_LIMIT)


def _possible(target: Target, scenario: Scenario, each: Join | Conversation) -> tuple[str, ...]:
    return (AVAILABILITY, *expectations(target, scenario, each).objectives)
