"""The clock that jumps: a test marked `virtual_time` plays minutes in milliseconds."""

import asyncio
import os
import selectors
from collections.abc import Callable, Generator, Mapping

import hypothesis
import pytest

# How long one example takes says how busy the machine is, and nothing about the code.
# Nobody's change fails by a case that chance has chosen: `make fuzz` is there to look for new ones.
hypothesis.settings.register_profile("prober", deadline=None, derandomize=True)
hypothesis.settings.register_profile("fuzz", deadline=None, max_examples=5000)  # `make fuzz`
hypothesis.settings.load_profile("prober")


class JumpingSelector(selectors.DefaultSelector):
    """Nobody is ready: jump to the next timer instead of waiting for it."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(None if timeout is None else 0)
        if not ready and timeout:
            self.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock is its timers'."""

    def __init__(self) -> None:
        self._jumping = JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def pytest_asyncio_loop_factories(
    config: pytest.Config,  # noqa: ARG001 - the hook's signature
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    virtual = item.get_closest_marker("virtual_time")
    return {"virtual": VirtualTimeLoop} if virtual else {"real": asyncio.new_event_loop}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--runs-in-a-row", type=int, default=4, help="runs in a row that must leave nothing behind")
    parser.addoption("--history-kills", type=int, default=50, help="kill -9 of a process that writes the history")
    parser.addoption("--forbid-skips", action="store_true", help="a skipped test fails: what CI asks for")
    parser.addoption("--give-way", action="store_true", help="use the CPU only when nothing else wants it")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--give-way"):
        try:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        except (AttributeError, OSError):  # where the system knows or allows nothing of the kind
            os.nice(19)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and item.config.getoption("--forbid-skips"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {report.longrepr}"
    return report
