"""Writes PromQL over our own metrics: what the metric schema does not have is a ValueError. Pure."""

import re

from prober.core.metric_schema import METRICS, PREFIX

JOB = "livekit-prober"
"""What the scrape job has to be called."""
REPLICA = ("instance", "pod")
"""Labels of the scrape that a restart or a second replica changes; what is summed up for a line is without them."""
LINE = "job, instance, target, scenario"
"""What tells one line of one exporter from every other."""


def series(name: str, **labels: str) -> str:
    """A selector of our metric; a value that begins with `~` is a regular expression."""
    metric = METRICS.get(name)
    if metric is None:
        raise ValueError(f"{name} is no metric of ours.")
    known = {label.name: label.values for label in metric.labels}
    for label, value in labels.items():
        if label not in known:
            raise ValueError(f"{name} has no label {label}.")
        closed = known[label]
        if isinstance(closed, tuple) and not any(re.fullmatch(value.removeprefix("~"), each) for each in closed):
            raise ValueError(f"{label} of {name} is never {value}.")
    return f"{PREFIX}{name}{matchers(labels)}"


def matchers(labels: dict[str, str]) -> str:
    """These labels as a selector has them; nothing where there are none."""
    each = [f'{label}=~"{value[1:]}"' if value[0] == "~" else f'{label}="{value}"' for label, value in labels.items()]
    return f"{{{', '.join(each)}}}" if each else ""


def summed(function: str, name: str, window: str, keep: tuple[str, ...] = (), **labels: str) -> str:
    """`rate` or `increase` of a counter for each line (and `keep`), over all its other labels and replicas."""
    own = [label.name for label in METRICS[name].labels if label.name not in ("target", "scenario", *keep)]
    return f"sum without ({', '.join((*REPLICA, *own))}) ({function}({series(name, **labels)}[{window}]))"


def indented(text: str, by: int = 2) -> str:
    """The text, each line this much further in."""
    return "\n".join(" " * by + line for line in text.splitlines())
