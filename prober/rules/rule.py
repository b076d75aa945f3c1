"""What a file of rules holds, as Prometheus knows it. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """An expression whose result is kept under a name."""

    name: str
    expr: str
    labels: Mapping[str, str] = {}

    def plain(self) -> dict[str, Any]:
        """As the file has it."""
        return {"record": self.name, "expr": self.expr} | ({"labels": dict(self.labels)} if self.labels else {})


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """An expression whose results somebody is told of."""

    name: str
    expr: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    pending: str | None = None
    """For how long it holds before it fires."""
    keep: str | None = None
    """For how long it goes on firing when it no longer holds."""

    def plain(self) -> dict[str, Any]:
        """As the file has it."""
        given = {
            "alert": self.name,
            "expr": self.expr,
            "for": self.pending,
            "keep_firing_for": self.keep,
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
        }
        return {key: value for key, value in given.items() if value is not None}


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Rules that are evaluated together, in their order."""

    name: str
    interval: str
    rules: tuple[Record | Alert, ...]

    def plain(self) -> dict[str, Any]:
        """As the file has it."""
        return {"name": self.name, "interval": self.interval, "rules": [rule.plain() for rule in self.rules]}
