"""The rules for Prometheus as prometheus-operator takes them; `python -m tests.prometheus_rule` writes them."""

import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[1]
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
RESOURCE = ROOT / "deploy" / "kubernetes" / "overlays" / "prometheus-operator" / "prometheus-rule.yaml"
HEAD = """\
# Written by `python -m tests.prometheus_rule` from deploy/prometheus/rules.yml.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: livekit-prober
spec:
"""


def resource() -> str:
    """The resource, with the very words of the rules."""
    rules = RULES.read_text(encoding="utf-8")
    return HEAD + textwrap.indent(rules[rules.index("groups:\n") :], "  ")


if __name__ == "__main__":
    RESOURCE.write_text(resource(), encoding="utf-8")
