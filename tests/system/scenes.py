"""A canary with something to see: targets in every state, runs with and without sound."""

from pathlib import Path
from typing import NamedTuple

from prober.core.plan import Scenario
from prober.core.record import RunRecord
from prober.sinks.evidence import Evidence, Limits
from prober.watch.schedule import SkipReason
from prober.watch.status import Status
from tests import page_history
from tests.page_history import NOW

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
    heard = page_history.made("shop", Scenario.CONVERSATION, NOW - 3700, page_history.conversation(0.5, 0.75, 1.25))
    outage = [page_history.made("shop-eu", Scenario.JOIN, NOW - ago, page_history.absent(), why) for ago, why in OUTAGE]
    slow = [
        page_history.made("shop-us", Scenario.CONVERSATION, NOW - ago, page_history.conversation(0.5, *took))
        for ago, *took in SLOW
    ]
    american = [
        run for run in page_history.day("shop-us", seed=3) if run.scenario == "join" or _before(run, NOW - 1200)
    ]
    healthy = (*page_history.day("shop"), *page_history.day("shop-eu", until=NOW - 270, seed=2))
    night = page_history.day("shop-night", minutes=45, until=NOW - 900, seed=4)
    page_history.keep(history, [heard, *healthy, *outage, *american, *slow, *night])
    sound = folder / "heard.wav"
    page_history.recording(sound)
    Evidence(folder / "evidence", Limits()).keep(heard.run_id, "pass", b"{}", sound)
    names = ("shop", "shop-eu", "shop-us")
    lines = [line for name in names for line in page_history.both(history, name)]
    told = page_history.status(*lines, *page_history.both(history, "shop-night", closed=SkipReason.MAINTENANCE))
    return Scene(told, outage[-1], heard)


def _before(run: RunRecord, moment: float) -> bool:
    return page_history.began(run) < moment
