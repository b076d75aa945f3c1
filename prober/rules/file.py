"""The file of rules, as YAML: its groups, and how often each is evaluated; for Prometheus or its operator. Pure."""

from collections.abc import Collection, Iterable
from typing import Any

import yaml

from prober.core.slo import Goal
from prober.rules.canary import CANARY
from prober.rules.links import Links
from prober.rules.product import PAUSED, PRODUCT
from prober.rules.records import LONG, SHORT, Record, budgets, shares
from prober.rules.trouble import Trouble

HEAD = """\
# Written by `livekit-prober rules`; docs/slo.md explains it. For Prometheus 2.42 and later.
# The scrape job has to be called livekit-prober; where there are several places, each has a label `location`.
"""
_RESOURCE = {
    "apiVersion": "monitoring.coreos.com/v1",
    "kind": "PrometheusRule",
    "metadata": {"name": "livekit-prober"},
}


class _Dumper(yaml.SafeDumper):
    """PyYAML's, which writes texts of several lines as such."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def rules_file(goals: Collection[Goal], links: Links, *, kubernetes: bool = False) -> str:
    """The rules for these goals, and for the usual ones of what they do not name.

    For Kubernetes they are a PrometheusRule, as prometheus-operator takes them.
    """

    def group(name: str, interval: str, rules: Iterable[Record | Trouble]) -> dict[str, Any]:
        plain = [rule.plain() if isinstance(rule, Record) else rule.alert(links) for rule in rules]
        return {"name": f"livekit-prober.{name}", "interval": interval, "rules": plain}

    groups = [
        group("sli", "30s", (PAUSED, *budgets(goals), *shares(SHORT))),
        group("sli-long", "2m", shares(LONG)),
        group("alerts", "15s", (*PRODUCT, *CANARY)),
    ]
    document: dict[str, Any] = {"groups": groups}
    if kubernetes:
        document = _RESOURCE | {"spec": document}
    return HEAD + yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
