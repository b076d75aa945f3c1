"""The short form of `make steadiness`: a healthy product never fails, whatever else the machine does."""

import pytest

from prober.core.reasons import Outcome
from prober.refstack.stack import ReferenceStack
from tests.stack.steadiness import look_often

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


async def test_a_healthy_product_never_fails(stack: ReferenceStack) -> None:
    seen = [run async for run in look_often(stack, {"join": 2, "conversation": 2, "loaded join": 2})]
    assert [run.message for run in seen if run.outcome is Outcome.FAIL] == []
    assert [run.message for run in seen if run.outcome is not Outcome.PASS and "loaded" not in run.kind] == []
