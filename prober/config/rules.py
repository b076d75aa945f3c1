"""What must fit together in a target beyond each value's own kind: times, objectives, marks. Pure."""

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from prober.config.models import Conversation, Join, Target, Turn
from prober.config.problems import Path, Problem
from prober.core.measure import MEASURED
from prober.core.plan import TIMEOUTS, Greeting, Scenario

SECONDS = "{:g} s".format
_UNUSED = MappingProxyType({"trial": ("identity", "attributes"), "token_endpoint": ("email",), "direct": ("email",)})
"""Marks that no run would carry, by the way in."""


def timeout(scenario: Scenario, each: Join | Conversation) -> float:
    """Seconds for a whole run: as given, else the smaller of the usual and the interval."""
    return min(TIMEOUTS[scenario], each.interval) if each.timeout is None else each.timeout


def reply_within(turn: Turn, target: Target) -> float:
    """Seconds by which a turn's answer begins."""
    return target.deadlines.reply_within if turn.reply_within is None else turn.reply_within


def measured(scenario: Scenario, each: Join | Conversation, target: Target) -> frozenset[str]:
    """The measurements that runs of this scenario can have."""
    found = MEASURED[scenario]
    if isinstance(each, Conversation) and any(turn.interrupt is not None for turn in each.turns):
        found |= {"yield_time"}
    return found - {"trial"} if target.entry.direct is not None else found


def broken(target: Target, seconds: Mapping[str, float], path: Path) -> Iterator[Problem]:
    """What does not fit together in the target at this place; `seconds` is how long what is said lasts, where known."""
    scenarios = {
        scenario: (each, (*path, "scenarios", scenario.value)) for scenario, each in target.scenarios.all().items()
    }
    for scenario, (each, here) in scenarios.items():
        yield from _times(scenario, each, target, seconds, here)
        for name in each.objectives.keys() - measured(scenario, each, target):
            yield Problem(
                path=(*here, "objectives", name), words=_never(f"{scenario} never measures {name}", target, name)
            )
    for name in target.objectives:
        if not any(name in measured(scenario, each, target) for scenario, (each, _) in scenarios.items()):
            words = _never(f"no scenario of this target measures {name}", target, name)
            yield Problem(path=(*path, "objectives", name), words=words)
    yield from _marks(target, (*path, "marking"))


def _times(
    scenario: Scenario, each: Join | Conversation, target: Target, seconds: Mapping[str, float], path: Path
) -> Iterator[Problem]:
    whole = timeout(scenario, each)
    given = each.timeout is not None
    here = (*path, "timeout" if given else "interval")
    if whole > each.interval:
        words = (
            f"{SECONDS(whole)} is longer than the interval of {SECONDS(each.interval)}. "
            f"Give a timeout of at most {each.interval:g}, or a longer interval."
        )
        yield Problem(path=here, words=words)
        return
    what, longest = max(_deadlines(each, target), key=lambda pair: pair[1])
    said = sum(seconds.get(turn.sentence, 0.0) for turn in each.turns) if isinstance(each, Conversation) else 0.0
    so = "" if given else "the run's timeout, which is not given, is the interval: "
    if whole < longest:
        words = f"is shorter than {what} of {SECONDS(longest)}. Give at least {longest:g}, or a shorter {what}."
    elif said and whole < said + longest:
        words = (
            f"leaves no time beside the {said:.0f} s that are said in it. Give at least {math.ceil(said + longest)}."
        )
    else:
        return
    yield Problem(path=here, words=f"{so}{SECONDS(whole)} {words}")


def _deadlines(each: Join | Conversation, target: Target) -> Iterator[tuple[str, float]]:
    """The single waits in a run."""
    for name in ("trial", "room_join", "agent_join", "agent_ready"):
        if name != "trial" or target.entry.direct is None:
            yield name, getattr(target.deadlines, name)
    if isinstance(each, Join):
        yield "hold", each.hold
        return
    if each.greeting is not Greeting.NONE:
        yield "greeting_within", target.deadlines.greeting_within
    for turn in each.turns:
        yield "reply_within", reply_within(turn, target)
        if turn.yield_within is not None:
            yield "yield_within", turn.yield_within


def _never(words: str, target: Target, name: str) -> str:
    if name == "trial" and target.entry.direct is not None:
        return "the direct way in asks nobody for a trial, so this is never measured. Remove it."
    if name == "yield_time":
        return f"{words}: no turn interrupts. Remove it, or give a turn with `interrupt`."
    return f"{words}. Remove it, or set it where it is measured."


def _marks(target: Target, path: Path) -> Iterator[Problem]:
    for name in _UNUSED[target.entry.kind]:
        if getattr(target.marking, name) is not None:
            who = "nobody signs up" if name == "email" else "the product chooses it"
            yield Problem(path=(*path, name), words=f"would never be used: on this way in {who}. Remove it.")
