"""Sweeping for rooms that were left behind, whatever becomes of it."""

import pytest

from prober.child.messages import Sweep, Swept
from prober.core.plan import ApiKey
from prober.watch.sweeping import sweep_once


async def test_a_bug_in_a_sweep_is_told_and_the_next_server_is_looked_at(caplog: pytest.LogCaptureFixture) -> None:
    swept: list[str] = []

    async def sweep(order: Sweep) -> Swept:
        swept.append(order.key.url)
        if len(swept) == 1:
            raise RuntimeError("s3cr3t")
        return Swept()

    keys = [ApiKey(url=f"wss://{name}.example.com", key="k", secret="s") for name in ("a", "b")]
    await sweep_once(keys, 3600.0, sweep)
    assert swept == [key.url for key in keys]
    assert caplog.messages == ["rooms.unseen"]
    assert "s3cr3t" not in str([record.__dict__ for record in caplog.records])
