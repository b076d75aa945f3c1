"""The short form of `make drills`: one canary on one product, and what it stands on breaks, one after another.

The incident and the canary's own end in its midst are in `test_watch`, the end of a run's process in `test_faults`.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from prober.refstack.stack import ReferenceStack
from tests.stack.drills import (
    Drill,
    Scene,
    disk_full,
    scene_on,
    server_killed,
    trial_app_down,
    worker_killed,
)

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

AT_ONCE: tuple[tuple[Drill, ...], ...] = (
    (trial_app_down, disk_full),
    (worker_killed,),
    (server_killed,),
)
"""Drills that do not see each other are made together."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(stack: ReferenceStack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with scene_on(stack, tmp_path_factory.mktemp("drills")) as running:
        yield running


@pytest.mark.parametrize("drills", AT_ONCE, ids=lambda drills: "+".join(drill.__name__ for drill in drills))
async def test_it_is_told_as_what_it_is_and_ends_by_itself(scene: Scene, drills: tuple[Drill, ...]) -> None:
    drilled = await asyncio.gather(*(drill(scene) for drill in drills))
    assert [one.wrong for one in drilled] == [None] * len(drills)
