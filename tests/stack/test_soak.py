"""The short form of `make soak`: nothing that was planned is lost, and nothing piles up."""

import asyncio
from pathlib import Path

import pytest

from prober.refstack.stack import ReferenceStack
from tests.stack.soak_spell import soak

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]
SECONDS = 13.0
"""Wherever it begins, a spell that ends between two starts has three in it: two and a half intervals, and its edges."""
MEMORY = 200 * 1024 * 1024
"""Bytes that the canary's own process never needs."""
THREADS, HANDLES, CHILDREN = 24, 64, 3
"""What two runs side by side and their clean-up take, the former two with room: a leak shows in an hour, not here."""


async def test_every_planned_start_is_accounted_for_and_nothing_piles_up(stack: ReferenceStack, tmp_path: Path) -> None:
    spell = await soak(stack, tmp_path, SECONDS, stop=asyncio.Event(), every=0.5)
    assert spell.complete, spell
    assert spell.failed == {}
    assert spell.made + spell.missed >= 3
    assert max(sample.memory for sample in spell.samples) < MEMORY
    assert max(sample.threads for sample in spell.samples) <= THREADS
    assert max(sample.handles for sample in spell.samples) <= HANDLES
    assert max(sample.children for sample in spell.samples) <= CHILDREN
