"""What README and how-tos tell a reader to type does what they say: every block, in order, for real."""

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pytest
import pytest_asyncio
import yaml

from prober.refstack.stack import ReferenceStack
from tests.alerting import PROGRAMS, found
from tests.blocks import ROOT, pages
from tests.stack.reader import Reader

MISSING = [name for name in PROGRAMS if not found(name)] + [name for name in ("curl",) if not shutil.which(name)]
pytestmark = [
    pytest.mark.stack,
    pytest.mark.system,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(bool(MISSING), reason=f"apt-get install {' '.join(MISSING)}"),
]
PAGES = pages()
BREAKS = "docs/howto/page.md"
"""Breaks the product for all its customers, so nobody else is one meanwhile."""
WORKFLOW = ROOT / "deploy" / "pipelines" / "github-actions.yml"
AT_ONCE = sorted({*PAGES, WORKFLOW.name} - {BREAKS})


async def call_in_a_pipeline(reader: Reader, folder: Path) -> None:
    """The workflow's step that calls the agent, and what it leaves for people."""
    steps = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]["smoke-test"]["steps"]
    (call,) = [step["run"] for step in steps if step.get("name") == "Call the agent"]
    summary = folder / "summary.md"
    command = call.replace("prober.yaml", "prober.yaml --scenario join")
    await reader.type(command, {"VERSION": "1.2.3", "GITHUB_STEP_SUMMARY": str(summary)})
    assert "join" in summary.read_text(encoding="utf-8")
    (suite,) = ElementTree.parse(folder / "prober.xml").getroot().iter("testsuite")  # noqa: S314 - we wrote it
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "0", "0")
    assert len(list((folder / "evidence").glob("*.json"))) == 1


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def read(stack: ReferenceStack, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, BaseException | None]:
    """What went wrong with each. They are read at once: most of it is waiting."""

    async def one(name: str) -> None:
        folder = tmp_path_factory.mktemp("reader")
        reader = Reader(stack, folder)
        await (call_in_a_pipeline(reader, folder) if name == WORKFLOW.name else reader.read(PAGES[name]))

    return dict(zip(AT_ONCE, await asyncio.gather(*map(one, AT_ONCE), return_exceptions=True), strict=True))


@pytest.mark.parametrize("name", AT_ONCE)
async def test_who_types_it_gets_what_it_says(name: str, read: Mapping[str, BaseException | None]) -> None:
    if (wrong := read[name]) is not None:
        raise wrong


async def test_who_breaks_the_product_is_paged_with_the_fix_and_hears_when_it_is_over(
    stack: ReferenceStack, tmp_path: Path
) -> None:
    reader = Reader(stack, tmp_path)
    await reader.read(PAGES[BREAKS])
    (paged, *later) = [line.removeprefix("pager: ") for line in reader.told() if line.startswith("pager: ")]
    assert paged.startswith("FIRING LiveKitAgentDown: join on front-desk has failed ")
    assert "Last run: agent_absent. Cause provider_key_missing: " in paged
    assert paged.endswith(" Fix: Set ELEVEN_API_KEY in the worker's environment and restart the worker.")
    assert {line.split(":")[0] for line in later} == {"RESOLVED LiveKitAgentDown"}, "an outage is told once"
