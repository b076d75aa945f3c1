"""The file of rules, as YAML: its groups, and how often each is evaluated. Pure."""

from collections.abc import Collection

import yaml

from prober.core.slo import Goal
from prober.rules.canary import CANARY
from prober.rules.links import Links
from prober.rules.product import PAUSED, PRODUCT
from prober.rules.records import LONG, SHORT, budgets, shares
from prober.rules.rule import Group
from prober.rules.trouble import Trouble

HEAD = """\
# Written by `livekit-prober rules`; docs/slo.md explains it. For Prometheus 2.42 and later.
# The scrape job has to be called livekit-prober; where there are several places, each has a label `location`.
"""


class _Dumper(yaml.SafeDumper):
    """PyYAML's, which writes texts of several lines as such."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def rules_file(goals: Collection[Goal] | None, links: Links) -> str:
    """The rules for these goals; without any given for the usual ones, whatever the canary's configuration."""
    told = tuple(one.alert(links) if isinstance(one, Trouble) else one for one in (*PRODUCT, *CANARY))
    groups = (
        Group(name="livekit-prober.sli", interval="30s", rules=(PAUSED, *budgets(goals), *shares(SHORT))),
        Group(name="livekit-prober.sli-long", interval="2m", rules=shares(LONG)),
        Group(name="livekit-prober.alerts", interval="15s", rules=told),
    )
    document = {"groups": [group.plain() for group in groups]}
    return HEAD + str(yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000))
