"""A browser for the tests of a module, gone after them: Debian's Chromium, driven by Playwright, which fetches none."""

import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The browser, without a window."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("There is no program chromium here (Debian: apt-get install chromium).")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=program)
        yield running
        await running.close()
