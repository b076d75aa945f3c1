"""What a run costs, from what was measured: without what the canary costs by itself."""

import pytest

from tests.stack.scaling import RUNS, Kind, Spell, document


def spell(kind: Kind, cpu: float, seconds: float = 100.0) -> Spell:
    return Spell(kind=kind, seconds=seconds, runs=RUNS[kind], cpu=cpu, lasted=4.2, memory=57_000_000, child=84_000_000)


@pytest.mark.parametrize("idle", [1.0, 3.0])
def test_the_canarys_own_share_is_no_runs(idle: float) -> None:
    joins = [spell("join", idle + 20 * cost) for cost in (0.9, 1.0, 1.3)]
    shown = document([spell("idle", idle), *joins, spell("conversation", idle + 10 * 2.5)])
    assert f"The canary itself: {idle:.1f} % of a core, 57 MB." in shown
    assert "| `join` | 60 | 4.2 s | 1.00 s (0.90 - 1.30) | 60 | 30 | 84 MB |" in shown
    assert "| `conversation` | 10 | 4.2 s | 2.50 s (2.50 - 2.50) | 24 | 12 | 84 MB |" in shown
