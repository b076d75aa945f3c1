"""One reference stack of each kind for all tests: the real server, the real trial app, a real worker."""

import itertools
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from prober.refstack.server import LiveKitServer
from prober.refstack.stack import ReferenceStack

STACKS = {"scripted": "scripted_stack", "faults": "outcomes"}
"""Groups of tests by the fixture they share."""
MODULES = {
    "canary": (
        *("test_drills", "test_leaves_nothing", "test_soak", "test_steadiness", "test_watch"),
        *("test_network", "test_wheel"),
    ),
    "scripted": ("test_image", "test_server"),
}
"""Groups of modules: those that wear their product out, or have one of their own, and what fits beside."""
REST = "reference"
GROUPS = ("canary", "faults", REST, "scripted")
"""The order in which they are begun, three at a time: `scripted`, which measures, where `faults` has ended. No fifth
one: who got it would be chance, and the whole 20 s longer at times."""


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
    """Tests on one stack stay in one process; `-n 3 --dist loadgroup` has a stack in each."""
    order: dict[pytest.Item, int] = {}
    for item in items:
        if item.get_closest_marker("stack") is not None:
            group = _group(item)
            item.add_marker(pytest.mark.xdist_group(group))
            order[item] = GROUPS.index(group)
    items.sort(key=lambda item: order.get(item, 0))


def _group(item: pytest.Item) -> str:
    fixtures = getattr(item, "fixturenames", ())
    by_fixture = (group for group, fixture in STACKS.items() if fixture in fixtures)
    by_module = (group for group, modules in MODULES.items() if item.path.stem in modules)
    return next(itertools.chain(by_fixture, by_module), REST)
