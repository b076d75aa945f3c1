"""What must fit together in a target beyond each value's own kind: times, objectives, marks. Pure."""

import math
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from prober.config.entries import Entry
from prober.config.expected import expectations, measured, timeout
from prober.config.models import Conversation, Join, Target
from prober.config.problems import Place, Problem
from prober.core.fitting import toothless, waits
from prober.core.plan import TIMEOUTS, Greeting, Scenario
from prober.core.steps import BY_RUN
from prober.core.templates import names

SECONDS = "{:g} s".format
EACH_RUN = frozenset({"run_id", "unix_ms", "random"})
"""Variables that are another in every run."""
_LOGIN = re.compile(r"authorization|cookie|api[-_]?key|token|secret|password", re.IGNORECASE)
"""In the name of a header: its value lets somebody in."""
_UNUSED = MappingProxyType({"trial": ("identity", "attributes"), "token_endpoint": ("email",), "direct": ("email",)})
"""Marks that no run would carry, by the way in."""


def broken(target: Target, seconds: Mapping[str, float], path: Place) -> Iterator[Problem]:
    """What does not fit together in the target at this place; `seconds` is how long what is said lasts, where known."""
    scenarios = {
        scenario: (each, (*path, "scenarios", scenario.value)) for scenario, each in target.scenarios.all().items()
    }
    for scenario, (each, here) in scenarios.items():
        yield from _times(scenario, each, target, seconds, here)
        if isinstance(each, Conversation):
            yield from _interruptions(each, here)
        yield from _toothless(scenario, each, target, here, path)
        for name in each.objectives.keys() - measured(scenario, each, target):
            yield Problem(
                path=(*here, "objectives", name), words=_never(f"{scenario} never measures {name}", target, name)
            )
    for name in target.objectives:
        if not any(name in measured(scenario, each, target) for scenario, (each, _) in scenarios.items()):
            words = _never(f"no scenario of this target measures {name}", target, name)
            yield Problem(path=(*path, "objectives", name), words=words)
    yield from _marks(target, (*path, "marking"))
    yield from _credentials(target.entry, (*path, "entry", target.entry.kind))


def _times(
    scenario: Scenario, each: Join | Conversation, target: Target, seconds: Mapping[str, float], path: Place
) -> Iterator[Problem]:
    whole, given = timeout(scenario, each), each.timeout is not None
    by_interval = not given and each.interval < TIMEOUTS[scenario]
    here = (*path, "interval" if by_interval else "timeout")
    if whole > each.interval:
        words = (
            f"{SECONDS(whole)} is longer than the interval of {SECONDS(each.interval)}. "
            f"Give a timeout of at most {each.interval:g}, or a longer interval."
        )
        yield Problem(path=here, words=words)
        return
    singles = waits(expectations(target, scenario, each))
    if target.entry.direct is not None:
        del singles["trial"]
    what, longest = max(singles.items(), key=lambda pair: pair[1])
    said = sum(seconds.get(turn.sentence, 0.0) for turn in each.turns) if isinstance(each, Conversation) else 0.0
    if whole < longest:
        least, why, otherwise = longest, f"is shorter than {what} of {SECONDS(longest)}", f", or a shorter {what}"
    elif said and whole < said + longest:
        least, why, otherwise = (
            math.ceil(said + longest),
            f"leaves no time beside the {said:.0f} s that are said in it",
            "",
        )
    else:
        return
    if given:
        told = SECONDS(whole)
    elif by_interval:
        told = f"the run's timeout, which is not given, is the interval: {SECONDS(whole)}"
    else:
        told = f"the run's timeout, which is not given, is {SECONDS(whole)}, which"
    give = f"at least {least:g}" if given or by_interval else f"`timeout: {least:g}`"
    more = f" and an interval of at least {least:g}" if not by_interval and least > each.interval else ""
    yield Problem(path=here, words=f"{told} {why}. Give {give}{more}{otherwise}.")


def _interruptions(each: Conversation, path: Place) -> Iterator[Problem]:
    """Interruptions of an agent that is silent by then, whatever it does."""
    for index, turn in enumerate(each.turns):
        here = (*path, "turns", index, "interrupt")
        if turn.interrupt is None:
            continue
        if index == 0 and each.greeting is Greeting.NONE:
            words = "interrupts nobody: no greeting is waited for. Give another `greeting`, or `say` something first."
            yield Problem(path=here, words=words)
        elif index > 0 and each.turns[index - 1].expect_text is not None:
            words = (
                "interrupts nobody: the answer before it is over once its `expect_text` is judged. "
                "Take away that `expect_text`, or `say` something in between."
            )
            yield Problem(path=here, words=words)


def _toothless(
    scenario: Scenario, each: Join | Conversation, target: Target, path: Place, of_all: Place
) -> Iterator[Problem]:
    """Objectives beyond the deadline at which the run has failed."""
    for name, limit, wait, deadline in toothless(expectations(target, scenario, each)):
        place = path if name in each.objectives else of_all
        words = (
            f"{SECONDS(limit)} can never be missed: the run has failed after {wait} of {SECONDS(deadline)}. "
            f"Give less, or a longer {wait}."
        )
        yield Problem(path=(*place, "objectives", name), words=words)


def _never(words: str, target: Target, name: str) -> str:
    if name == "trial" and target.entry.direct is not None:
        return "the direct way in asks nobody for a trial, so this is never measured. Remove it."
    if name == "yield_time":
        return f"{words}: no turn interrupts. Remove it, or give a turn with `interrupt`."
    return f"{words}. Remove it, or set it where it is measured."


def _marks(target: Target, path: Place) -> Iterator[Problem]:
    email = target.marking.email
    if email is not None and set(names(email)) <= BY_RUN - EACH_RUN and target.entry.trial is not None:
        words = "is the same in every run, and a product signs it up once. Put {{ run_id }} into it."
        yield Problem(path=(*path, "email"), words=words)
    for name in _UNUSED[target.entry.kind]:
        if getattr(target.marking, name) is not None:
            who = "nobody signs up" if name == "email" else "the product chooses it"
            yield Problem(path=(*path, name), words=f"would never be used: on this way in {who}. Remove it.")


def _credentials(entry: Entry, path: Place) -> Iterator[Problem]:
    """Logins that stand in the file itself."""
    headers = [] if entry.token_endpoint is None else [((*path, "headers"), entry.token_endpoint.headers)]
    if entry.trial is not None:
        for key, steps in (("steps", entry.trial.steps or ()), ("cleanup", entry.trial.cleanup)):
            headers += [((*path, key, index, "headers"), step.headers) for index, step in enumerate(steps)]
    for place, each in headers:
        for name, value in each.items():
            if _LOGIN.search(name) and "{{" not in value:
                words = "is written into the file. Put it under `secrets` of the target, and {{ name }} here."
                yield Problem(path=(*place, name), words=words)
