import sys

import pytest

from tests.stack.network import WAYS, calls

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


async def test_what_is_put_into_the_network_is_read_and_not_blamed_on_the_agent() -> None:
    made = [call async for call in calls([WAYS["late"], WAYS["lossy"]], 3, lambda line: print(line, file=sys.stderr))]
    assert [call.wrong for call in made] == [(), ()]
