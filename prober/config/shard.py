"""Which of several probers watches which target: rendezvous hashing of the targets' names. Pure.

Each prober works it out by itself, from nothing but the names: nobody is asked, and nobody elects. Where a shard is
added, only the targets that go to it move.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec

T = TypeVar("T")
MOST = 1000
"""Shards at most: each weighs every target against all."""


class ShardError(ValueError):
    """The text names no shard; the message is one plain sentence."""


class Shard(msgspec.Struct, frozen=True):
    """One of so many, counted from 0, as Kubernetes counts the pods of a StatefulSet. The only one has everything."""

    index: int = 0
    of: int = 1

    def __str__(self) -> str:
        return f"{self.index}/{self.of}"

    def share(self, targets: Mapping[str, T]) -> dict[str, T]:
        """The targets that are this shard's, in their order."""
        return {name: each for name, each in targets.items() if _shard_of(name, self.of) == self.index}


def parsed(text: str) -> Shard:
    """The shard that this text names, such as 0/3. Raises ShardError."""
    found = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text)
    if found is None:
        raise ShardError(f"{text!r} is no shard such as 0/3, the first of three.")
    shard = Shard(int(found[1]), int(found[2]))
    if not 1 <= shard.of <= MOST:
        raise ShardError(f"{text!r} asks for {shard.of} shards; there can be 1 to {MOST}.")
    if shard.index >= shard.of:
        raise ShardError(f"There is no shard {text}: they are counted from 0 to {shard.of - 1}.")
    return shard


def _shard_of(target: str, shards: int) -> int:
    """The shard for which this target's hash is the highest."""
    return max(range(shards), key=lambda index: hashlib.sha256(f"{target}/{index}".encode()).digest())
