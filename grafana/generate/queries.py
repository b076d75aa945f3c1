"""What the panels ask. Names and labels of ours are looked up in the metric schema, so that none can be misspelt."""

from collections.abc import Sequence
from typing import NamedTuple

from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from prober.core.metric import Kind
from prober.core.metric_schema import METRICS, OUTCOMES, PREFIX

CHOSEN = ("job", "location", "target", "scenario")
"""The variables that choose series, named as the labels: the first two are the scrape's, the others ours."""
LINE = "location, target, scenario"
"""What a row of a table or of a timeline is about."""
RUNS = "job_target_scenario:livekit_prober_"
"""The beginning of the recorded rules, which have all four of these labels."""


class Ask(NamedTuple):
    """One query of a panel."""

    expr: str
    legend: str = "__auto"
    now: bool = False
    """Only the newest value."""
    look: Sequence[DynamicConfigValue] = ()
    """How its lines differ from the others'."""
    table: bool = False
    """Labels become columns."""
    heat: bool = False
    """Buckets for a heat map, with the runs that are examples of them."""


def ours(name: str, part: str = "", **matching: str) -> str:
    """The chosen series of a metric; `label="~a|b"` matches a pattern."""
    metric = METRICS[name]
    known = {label.name for label in metric.labels} | ({"le"} if part == "_bucket" else set())
    if unknown := set(matching) - known:
        raise KeyError(f"{name} has no label {', '.join(sorted(unknown))}")
    if bool(part) != (metric.kind is Kind.HISTOGRAM):
        raise KeyError(f"{name} is a {metric.kind}: it has no series {name}{part}")
    chosen = [f'{label}=~"${label}"' for label in CHOSEN if label in known or label in CHOSEN[:2]]
    return f"{PREFIX}{name}{part}{{{', '.join([*chosen, *map(_matcher, matching.items())])}}}"


def recorded(name: str) -> str:
    """The chosen series of a recorded rule."""
    return f"{RUNS}{name}{{{_choice(*CHOSEN)}}}"


def theirs(name: str, *choice: str, **matching: str) -> str:
    """Series that are not the prober's own, chosen by these variables; by the job of the agents if by none."""
    wanted = [_choice(*choice)] if choice else ['job=~"$product_job"']
    return f"{name}{{{', '.join([*wanted, *map(_matcher, matching.items())])}}}"


def rate(series: str) -> str:
    """How much a second, over the chosen window."""
    return f"rate({series}[$window])"


def risen(series: str, window: str = "$window") -> str:
    """How much more than so long ago."""
    return f"increase({series}[{window}])"


def quantile(share: float, histogram: str, by: str, *, offset: str = "", **matching: str) -> str:
    """The value below which this share of a histogram's observations lie, over the chosen window; none of none."""
    buckets = f"rate({ours(histogram, '_bucket', **matching)}[$window]{offset})"
    return f"histogram_quantile({share}, sum by (le, {by}) ({buckets})) >= 0"


def mean(histogram: str, by: str, **matching: str) -> str:
    """The mean of a histogram's observations, over the chosen window."""
    total, count = (f"sum by ({by}) ({rate(ours(histogram, part, **matching))})" for part in ("_sum", "_count"))
    return f"{total} / ({count} > 0)"


def passed(by: str, *, offset: str = "") -> str:
    """The share of judged scheduled runs that passed, over the chosen window."""
    failures, runs = (
        f"sum by ({by}) (rate({ours(name, trigger='scheduled')}[$window]{offset}))"
        for name in ("run_failures_total", "runs_total")
    )
    return f"1 - {failures} / ({runs} > 0)"


def burn(bad: str, window: str) -> str:
    """How many times faster than its budget allows this share of bad runs spent it in this window."""
    share = recorded(f"{bad}_per_runs:ratio_rate{window}")
    return f"{share} / {recorded(f'{bad}_budget:ratio')}"


def age() -> str:
    """Seconds since the last judged run of each line."""
    return f"(time() - {ours('last_run_timestamp_seconds')})"


def paused() -> str:
    """The lines in maintenance."""
    return f"({ours('target_paused')} == 1)"


def stale() -> str:
    """The lines of which nobody knows: their last judged run is too old, and their prober is no new one."""
    overdue = f"(3 * {ours('target_interval_seconds')} + {ours('target_timeout_seconds')})"
    begun = f"time() - {ours('config_last_reload_success_timestamp_seconds')}"
    return f"({age()} > {overdue} unless {overdue} > on (job, instance) group_left () ({begun}))"


def standing() -> str:
    """1 the last judged run passed, 0 it failed, 0.5 nobody can say, 2 nobody should ask: in maintenance."""
    return f"{paused()} * 2 or {stale()} * 0 + 0.5 or {ours('last_run_success')}"


def outcome() -> str:
    """The number of the outcome that the last run of each line came to; nothing of lines at which nobody looks."""
    states = (f"{code} * ({ours('last_run_outcome', outcome=name)} == 1)" for code, name in enumerate(OUTCOMES))
    judged = f"{ours('last_run_outcome', outcome='inconclusive')} == 0"
    blind = f"{paused()} or {stale()} and ignoring (outcome) ({judged})"
    return f"max by ({LINE}) (({' or '.join(states)}) unless ignoring (outcome) ({blind}))"


def _choice(*variables: str) -> str:
    return ", ".join(f'{name}=~"${name}"' for name in variables)


def _matcher(item: tuple[str, str]) -> str:
    label, value = item
    return f'{label}=~"{value[1:]}"' if value.startswith("~") else f'{label}="{value}"'
