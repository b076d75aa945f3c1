"""Outage drills: something breaks under the running canary and is repaired, and nobody touches the canary."""

import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import msgspec

from prober.refstack.stack import ReferenceStack
from tests.stack.drill_disks import FullDisk, full_disk
from tests.stack.watch_journal import TARGET, Line, Watch, at, configuration

INTERVAL = 4.0
SCENARIOS = f"{{join: {{interval: {INTERVAL:g}, timeout: {INTERVAL:g}, hold: 0}}}}"
DEADLINES = "{trial_step: 2, trial: 2, room_join: 1.5, agent_join: 2, agent_ready: 2}"
"""Where the trial answers at once, a slow room and an agent that does not come fit into a run before its deadline."""
SEEN_WITHIN = 30.0
WELL_WITHIN = 60.0
FAILURES = "livekit_prober_consecutive_failures"
LOST = "livekit_prober_history_lost_runs_total"


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """Where drills take place."""

    stack: ReferenceStack
    watch: Watch
    disk: FullDisk


class Drilled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a drill: what the canary said while it was broken, in order, and how soon.

    `seen` is from the break to the first run (or line) that says so, `well` from the repair to the first that passes.
    """

    name: str
    said: tuple[str, ...]
    seen: float
    well: float
    wrong: str | None = None


Drill = Callable[[Scene], Awaitable[Drilled]]


async def trial_app_down(scene: Scene) -> Drilled:
    """The product's web server is gone for a while."""
    return await _outage(
        scene,
        "trial app down",
        scene.stack.app.close_door,
        scene.stack.app.open_door,
        expected="trial_unreachable",
        beside=frozenset(),
    )


async def server_killed(scene: Scene) -> Drilled:
    """`kill -9` of livekit-server; when it is back, the worker has to find it again."""
    return await _outage(
        scene,
        "livekit-server killed",
        scene.stack.server.kill,
        scene.stack.server.restart,
        expected="server_unreachable",
        beside=frozenset({"disconnected", "agent_left", "agent_absent"}),
    )


async def worker_killed(scene: Scene) -> Drilled:
    """`kill -9` of the agents' worker and of all its jobs."""

    async def restart() -> None:
        await scene.stack.worker.__aenter__()

    return await _outage(
        scene,
        "agent worker killed",
        scene.stack.worker.kill,
        restart,
        expected="agent_absent",
        beside=frozenset({"agent_left", "agent_not_ready"}),
    )


async def fault_switched_on(scene: Scene) -> Drilled:
    """The incident, by the switch on the product's page: each job of the agent crashes at its start."""
    return await _outage(
        scene,
        "`missing_tts_key` switched on",
        lambda: _switch(scene, "missing_tts_key"),
        lambda: _switch(scene, ""),
        expected="agent_absent",
        beside=frozenset(),
    )


async def parent_killed(scene: Scene) -> Drilled:
    """`kill -9` of the canary in mid-outage, and another one started: the failures in a row go on."""
    watch, began = scene.watch, time.time()
    await _switch(scene, "trial_500")
    try:
        before = await watch.until(lambda line: line.get("consecutive_failures") == 1, began, SEEN_WITHIN)
        await watch.kill()
        killed = time.time()
        await watch.__aenter__()
        restored = await watch.metric(FAILURES, target=TARGET)
        after = await watch.until(_ended, killed, SEEN_WITHIN)
    finally:
        await _switch(scene, "")
    repaired = time.time()
    passed = await watch.until(_passed, repaired, WELL_WITHIN)
    counted = (before["consecutive_failures"], restored, after["consecutive_failures"])
    return Drilled(
        name="canary killed in mid-outage",
        said=(" → ".join(f"{count:g}" for count in counted), after["reason"]),
        seen=at(after) - killed,
        well=at(passed) - repaired,
        wrong=None if counted == (1, 1, 2) else f"failures in a row before, restored and after: {counted}",
    )


async def child_killed(scene: Scene) -> Drilled:
    """`kill -9` of a run's own process in mid-run."""
    began = time.time()
    await scene.watch.kill_a_child()
    line = await scene.watch.until(_ended, began, SEEN_WITHIN)
    passed = await scene.watch.until(_passed, at(line), WELL_WITHIN)
    right = line["reason"] == "prober_crash" and line["consecutive_failures"] == 0
    return Drilled(
        name="a run's process killed",
        said=(line["reason"] or line["outcome"],),
        seen=at(line) - began,
        well=at(passed) - at(line),
        wrong=None if right else f"{line}",
    )


async def disk_full(scene: Scene) -> Drilled:
    """No byte can be written any more: runs go on, and wait in memory until there is room."""
    watch = scene.watch
    began = time.time()
    scene.disk.fill()
    try:
        failed = await watch.until(lambda line: line.get("event") == "history.failed", began, SEEN_WITHIN)
        await watch.until(_ended, at(failed) + INTERVAL / 2, SEEN_WITHIN)
    finally:
        scene.disk.free()
    freed = time.time()
    written = await watch.until(lambda line: line.get("event") == "history.recovered", freed, WELL_WITHIN)
    lost = await watch.metric(LOST)
    return Drilled(
        name=scene.disk.name,
        said=("history.failed",),
        seen=at(failed) - began,
        well=at(written) - freed,
        wrong=None if lost == 0 else f"{lost:g} runs were lost",
    )


@contextlib.asynccontextmanager
async def scene_on(stack: ReferenceStack, folder: Path) -> AsyncIterator[Scene]:
    """A canary on this product, whose first run has passed."""
    with full_disk(folder) as disk:
        watch = Watch(configuration(stack, folder, SCENARIOS, DEADLINES), database=disk.database)
        began = time.time()
        async with watch:
            await watch.until(_passed, began, WELL_WITHIN)
            yield Scene(stack=stack, watch=watch, disk=disk)


DRILLS: tuple[Drill, ...] = (
    trial_app_down,
    fault_switched_on,
    child_killed,
    parent_killed,
    disk_full,
    worker_killed,
    server_killed,
)


async def _outage(
    scene: Scene,
    name: str,
    break_it: Callable[[], Awaitable[None]],
    repair: Callable[[], Awaitable[None]],
    *,
    expected: str,
    beside: frozenset[str],
) -> Drilled:
    """Break, wait until a run says so, repair, wait until a run passes.

    `beside` are other things that are true as well while it breaks and is repaired.
    """
    broken = time.time()
    await break_it()
    try:
        seen = await scene.watch.until(lambda line: _ended(line) and line["reason"] == expected, broken, SEEN_WITHIN)
    finally:
        await repair()
    repaired = time.time()
    passed = await scene.watch.until(_passed, repaired, WELL_WITHIN)
    bad = [run for run in scene.watch.runs(broken) if run["outcome"] != "pass" and at(run) <= at(passed)]
    said = tuple(run["reason"] for run in bad)
    others = set(said) - beside - {expected}
    return Drilled(
        name=name,
        said=said,
        seen=at(seen) - broken,
        well=at(passed) - repaired,
        wrong=None if not others and passed["consecutive_failures"] == 0 else f"{said}, then {passed}",
    )


async def _switch(scene: Scene, fault: str) -> None:
    async with aiohttp.ClientSession(scene.stack.trial_url) as web, web.post("/faults", data={"fault": fault}) as page:
        assert page.status == 200


def _ended(line: Line) -> bool:
    return line.get("event") == "run.finished"


def _passed(line: Line) -> bool:
    return _ended(line) and line["outcome"] == "pass"
