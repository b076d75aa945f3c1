"""One reference stack of each kind for all tests: the real server, the real trial app, a real worker."""

import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from prober.refstack.server import LiveKitServer
from prober.refstack.stack import ReferenceStack

STACKS = {"scripted": "scripted_stack", "faults": "outcomes"}
"""Groups of tests by the fixture they share; all others share the product with the reference agent."""
GROUPS = ("scripted", "reference", "faults", "apart")
"""The order in which they are begun, two at a time: what measures begins, beside what is light."""
APART = ("test_demo", "test_server", "test_wheel")
"""Modules about the program from outside, in a group of their own: the groups take about as long as each other then,
and the demo is not measured while a wheel is installed."""
MEASURING = ("test_calibration", "test_scripted_runs")
HEAVY = (
    "test_documents",
    "test_drills",
    "test_image",
    "test_leaves_nothing",
    "test_soak",
    "test_steadiness",
    "test_watch",
)
"""The first and the last modules of their groups: what measures to the millisecond stands beside what is light."""


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveKitServer]:
    """A livekit-server alone."""
    async with LiveKitServer(directory=tmp_path_factory.mktemp("server"), progress=_tell) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack() -> AsyncIterator[ReferenceStack]:
    """The product with the reference agent."""
    async with ReferenceStack(progress=_tell) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def scripted_stack() -> AsyncIterator[ReferenceStack]:
    """The product with the scripted agent, whose log is the truth."""
    async with ReferenceStack(agent="scripted", progress=_tell) as running:
        yield running


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on one stack stay in one process; two stacks can be up in a process each (`-n 2 --dist loadgroup`)."""
    order: dict[pytest.Item, tuple[int, int]] = {}
    for item in items:
        if item.get_closest_marker("stack") is not None:
            fixtures = getattr(item, "fixturenames", ())
            rest = "apart" if item.path.stem in APART else "reference"
            stack = next((stack for stack, fixture in STACKS.items() if fixture in fixtures), rest)
            item.add_marker(pytest.mark.xdist_group(stack))
            order[item] = (GROUPS.index(stack), (item.path.stem in HEAVY) - (item.path.stem in MEASURING))
    items.sort(key=lambda item: order.get(item, (0, 0)))
