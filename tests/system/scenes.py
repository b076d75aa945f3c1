"""A canary with something to see: targets in every state, runs with and without sound."""

from pathlib import Path
from typing import NamedTuple

from prober.core.plan import Scenario
from prober.core.record import RunRecord
from prober.sinks.evidence import Evidence, Limits
from prober.watch.status import Status
from tests import shown
from tests.shown import NOW

OUTAGE = ((240, "scheduled"), (205, "confirm"), (170, "scheduled"), (110, "scheduled"), (50, "scheduled"))
SLOW = ((1000, 0.8, 1.1), (700, 1.2, 1.7), (400, 1.1, 1.9), (100, 1.4, 2.2))


class Scene(NamedTuple):
    """What the canary says, and the runs worth looking at."""

    status: Status
    absent: RunRecord
    heard: RunRecord


def scene(folder: Path) -> Scene:
    """The scene; its history and evidence lie in the folder."""
    history = folder / "history.db"
    heard = shown.made("shop", Scenario.CONVERSATION, NOW - 3700, shown.conversation(0.5, 0.75, 1.25))
    outage = [shown.made("shop-eu", Scenario.JOIN, NOW - ago, shown.absent(), why) for ago, why in OUTAGE]
    slow = [
        shown.made("shop-us", Scenario.CONVERSATION, NOW - ago, shown.conversation(0.5, *took)) for ago, *took in SLOW
    ]
    american = [run for run in shown.day("shop-us", seed=3) if run.scenario == "join" or _before(run, NOW - 1200)]
    healthy = (*shown.day("shop"), *shown.day("shop-eu", until=NOW - 270, seed=2))
    night = shown.day("shop-night", minutes=45, until=NOW - 900, seed=4)
    shown.keep(history, [heard, *healthy, *outage, *american, *slow, *night])
    sound = folder / "heard.wav"
    shown.recording(sound)
    Evidence(folder / "evidence", Limits()).keep(heard.run_id, "pass", b"{}", sound)
    names = ("shop", "shop-eu", "shop-us")
    lines = [line for name in names for line in shown.both(history, name)]
    told = shown.status(*lines, *shown.both(history, "shop-night", paused=True))
    return Scene(told, outage[-1], heard)


def _before(run: RunRecord, moment: float) -> bool:
    return shown.began(run) < moment
