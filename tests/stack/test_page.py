"""The whole path at a hurried pace: a fault of the product is a page with its reason, its repair is the all-clear."""

from pathlib import Path

import pytest

from prober.refstack.stack import ReferenceStack
from tests.alerting import PROGRAMS, found
from tests.stack.page_drill import Pace, drill

pytestmark = [pytest.mark.stack, pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]
HURRIED = Pace(
    scenarios="{join: {interval: 2.5, timeout: 2.5, hold: 0}}",
    deadlines="{trial_step: 2, trial: 2, room_join: 2, agent_join: 2, agent_ready: 2, greeting_within: 2, "
    "reply_within: 2}",
    hurried=True,
    fault="trial_500",
    reason="trial_rejected",
    paged_within=60.0,
    resolved_within=60.0,
)


@pytest.mark.skipif(not all(map(found, PROGRAMS)), reason=f"apt-get install {' '.join(PROGRAMS)}")
async def test_a_fault_pages_with_its_reason_and_its_repair_resolves_the_page(
    stack: ReferenceStack, tmp_path: Path
) -> None:
    async with drill(HURRIED, stack, tmp_path) as path:
        paged = await path.round("hurried")
    assert paged.said.startswith("join on front-desk has failed ")
    assert "Last run: trial_rejected." in paged.said
