"""Whether times fit together in what a run is judged by, before there is a run. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from prober.core.plan import Expectations, Greeting, Ready, Scenario


class Toothless(NamedTuple):
    """An objective that no run can miss: one that takes as long has failed by then, by the wait that is named."""

    name: str
    limit: float
    wait: str
    seconds: float


def waits(expected: Expectations) -> dict[str, float]:
    """The longest single waits in a run, by what they are called in a configuration."""
    due = expected.deadlines
    found = {name: getattr(due, name) for name in ("trial", "room_join", "agent_join", "agent_ready")}
    if expected.scenario is Scenario.JOIN:
        return found | {"hold": expected.hold}
    if expected.greeting is not Greeting.NONE:
        found["greeting_within"] = due.greeting
    for turn in expected.turns:
        found["reply_within"] = max(found.get("reply_within", 0.0), turn.reply_within)
        if turn.barge_in is not None:
            found["yield_within"] = max(found.get("yield_within", 0.0), turn.barge_in.within)
    return found


def toothless(expected: Expectations) -> Iterator[Toothless]:
    """The objectives that no run can miss."""
    ends = {"trial": "trial", "room_join": "room_join", "agent_join": "agent_join"}
    ends |= {"response": "reply_within", "yield_time": "yield_within"}
    if expected.ready is Ready.STATE:
        ends["agent_ready"] = "agent_ready"
    if expected.greeting is Greeting.EXPECTED:
        ends["greeting"] = "greeting_within"
    found = waits(expected)
    for name, limit in expected.objectives.items():
        wait = ends.get(name)
        if wait in found and limit >= found[wait]:
            yield Toothless(name, limit, wait, found[wait])
