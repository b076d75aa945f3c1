"""One reference stack of each kind for all tests: the real server, the real trial app, a real worker."""

import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from prober.refstack.server import LiveKitServer
from prober.refstack.stack import ReferenceStack


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
    """Tests on one stack stay in one process; the two stacks can have a process each (`-n 2 --dist loadgroup`)."""
    for item in items:
        if item.get_closest_marker("stack") is not None:
            scripted = "scripted_stack" in getattr(item, "fixturenames", ())
            item.add_marker(pytest.mark.xdist_group("scripted" if scripted else "reference"))
