"""What somebody is told of: a condition, whom it concerns, its words, and the alert that they make. Pure."""

from typing import Any, Literal

import msgspec

from prober.rules.links import Links
from prober.rules.words import SAYS

OF_EXPORTER = ("job", "instance", "target", "scenario")
OF_PLACE = ("job", "location", "target", "scenario")
OF_ALL = ("job", "target", "scenario")
"""Labels by which an alert tells what it is about: a line at one exporter, at one place, or everywhere."""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A condition. A page: customers suffer, or nobody knows whether they do. A ticket: somebody's work for the day."""

    name: str
    severity: Literal["page", "ticket", "none"]
    expr: str
    summary: str
    description: str
    of: tuple[str, ...] = ()
    pending: str | None = None
    """For how long it holds before it fires."""
    keep: str | None = None
    """For how long it goes on firing when it no longer holds."""
    slo: str | None = None

    def alert(self, links: Links) -> dict[str, Any]:
        """As the file has it."""
        shown = "&".join(f"var-{each}={{{{ $labels.{each} }}}}" for each in self.of if each in {"target", "scenario"})
        annotations = {
            "summary": self.summary,
            "description": self.description,
            "runbook_url": f"{links.runbook}#{self.name.lower()}",
            "dashboard_url": f"{links.dashboard}{('&' if '?' in links.dashboard else '?') if shown else ''}{shown}",
        }
        if links.pages is not None and "scenario" in self.of:
            annotations["last_failure_url"] = f"{links.pages}/targets/{SAYS}/last-failure"
        given = {
            "alert": self.name,
            "expr": self.expr,
            "for": self.pending,
            "keep_firing_for": self.keep,
            "labels": {"severity": self.severity} | ({} if self.slo is None else {"slo": self.slo}),
            "annotations": annotations,
        }
        return {key: value for key, value in given.items() if value is not None}
