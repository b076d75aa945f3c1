"""The alerts about the product: customers get no agent, too often none, or only after too long. Pure.

No outage is told of a line about which nothing is known: whose runs are stale, or that was under maintenance since its
last one. Where several places look at a target, one of them alone pages nobody, and two that agree do.
"""

from collections.abc import Iterable

from prober.core.slo import FAST, SLOW, Burn
from prober.rules.promql import JOB, LINE, indented, series
from prober.rules.records import FAILURES, LEVEL, MISSES, MISSES_BUDGET, RUNS_BUDGET, Record, Sli
from prober.rules.trouble import OF_ALL, OF_EXPORTER, OF_PLACE, Trouble
from prober.rules.words import SAYS, SHARE, causes, last_runs, most_often

FEW = 3.5
"""Bad runs that are no pattern yet, whatever share they are; `increase` extrapolates, so there are no whole numbers."""
TOLD = "40m"
"""Longer than the short windows of what pages, and their alert's `keep_firing_for`."""
PAUSED = Record(
    name="job_instance_target_scenario:livekit_prober_target_paused:timestamp",
    expr=f"timestamp({series('target_paused')} == 1)",
)
"""When a line was under maintenance: nothing while it is not."""
LAST_PAUSED = f"max_over_time({PAUSED.name}[4d])"
OVERDUE = f"(3 * {series('target_interval_seconds')} + {series('target_timeout_seconds')})"
RESTARTS = f'changes(process_start_time_seconds{{job="{JOB}"}}[15m]) > 2'
"""Again and again: then a new start is no excuse."""
_JUST_BEGUN = (
    f"  {OVERDUE} > on (job, instance) group_left ()\n"
    f"    (time() - {series('config_last_reload_success_timestamp_seconds')} unless on (job, instance) {RESTARTS})\n"
)
"""A restart or another configuration begins with the last run of the one before, however long ago that was."""


def burning(sli: Sli, budget: str, burns: Iterable[Burn]) -> str:
    """The budget burns too fast over a long window, still does over its short one, and not by a few runs only."""
    return "or\n".join(
        f"(\n  {sli.ratio(burn.long)} > {burn.rate:g} * {budget}\n"
        f"and\n  {sli.ratio(burn.short)} > {burn.rate:g} * {budget}\n"
        f"and\n  {sli.count(burn.long)} > {FEW}\n)\n"
        for burn in burns
    )


def _unless_told(burns: str) -> str:
    """Not of what was an outage: its failures stay in the windows long after the repair, and would page once more."""

    def told(name: str, *labels: str) -> str:
        firing = f'ALERTS{{alertname="{name}", alertstate="firing"}}[{TOLD}]'
        return f"unless on ({', '.join(labels)})\n  max_over_time({firing})\n"

    return (
        f"(\n{indented(burns)}\n)\n{told('LiveKitAgentDown', *OF_ALL)}{told('LiveKitAgentDownEverywhere', *OF_ALL)}"
        f"{told('LiveKitAgentDownOneLocation', *OF_PLACE)}"
    )


def _places(lines: str) -> str:
    return f"count by (job, target, scenario) (count by (job, location, target, scenario) ({lines}))"


STALE = Trouble(
    name="LiveKitProberRunsStale",
    severity="page",
    expr=f"  time() - {series('last_run_timestamp_seconds')} > {OVERDUE}\n"
    f"unless\n  time() - {LAST_PAUSED} <= {OVERDUE}\nunless\n{_JUST_BEGUN}",
    summary=f"No run of {SAYS} has been judged for {{{{ $value | humanizeDuration }}}}",
    description="Whether customers get an agent is unknown: the prober is stuck, or none of its runs can be judged. "
    f"Last run: {last_runs(*OF_EXPORTER)}.",
    of=OF_EXPORTER,
)
KNOWN = Record(
    name="job_instance_target_scenario:livekit_prober_consecutive_failures:known",
    expr=f"  {series('consecutive_failures')}\n"
    f'unless on ({LINE})\n  ALERTS{{alertname="{STALE.name}", alertstate="firing"}}\n'
    f"unless\n  {series('last_run_timestamp_seconds')} < {LAST_PAUSED}\n",
)
"""Failures in a row, where anything is known now."""
PLACES = Record(name=f"{LEVEL}locations:count", expr=_places(KNOWN.name))
_FAILED = "{{ $labels.scenario }} on {{ $labels.target }} has failed {{ $value }} runs in a row"
PRODUCT = (
    STALE,
    KNOWN,
    PLACES,
    Trouble(
        name="LiveKitAgentDown",
        severity="page",
        expr=f"  {KNOWN.name} >= 3\nunless on (job, target, scenario)\n  {PLACES.name} >= 2\n",
        summary=_FAILED,
        description="Every recent synthetic call failed, as customers' calls do. "
        f"Last run: {last_runs(*OF_EXPORTER)}.{causes(*OF_EXPORTER)}",
        keep="5m",
        of=OF_EXPORTER,
    ),
    Trouble(
        name="LiveKitAgentDownOneLocation",
        severity="ticket",
        expr=f"  {KNOWN.name} >= 3\nand on (job, target, scenario)\n  {PLACES.name} >= 2\n",
        summary=f"{_FAILED} from {{{{ $labels.location }}}}",
        description=f"No second place says so. Last run from here: {last_runs(*OF_EXPORTER)}.{causes(*OF_EXPORTER)}",
        keep="5m",
        of=OF_EXPORTER,
    ),
    Trouble(
        name="LiveKitAgentDownEverywhere",
        severity="page",
        expr=f"{_places(f'{KNOWN.name} >= 2')} >= 2",
        summary=f"{SAYS} fails from {{{{ $value }}}} locations",
        description="Several places agree that customers' calls fail. "
        f"Last runs: {last_runs(*OF_ALL)}.{causes(*OF_ALL)}",
        keep="5m",
        of=OF_ALL,
    ),
    Trouble(
        name="LiveKitAgentErrorBudgetFastBurn",
        severity="page",
        expr=_unless_told(burning(FAILURES, RUNS_BUDGET, FAST)),
        summary=f"{SAYS} burns its error budget fast",
        description=f"{SHARE} of runs fail, most with {most_often('1h', *OF_PLACE)}. "
        f"Last run: {last_runs(*OF_PLACE)}.{causes(*OF_PLACE)}",
        keep="10m",
        slo="availability",
        of=OF_PLACE,
    ),
    Trouble(
        name="LiveKitAgentErrorBudgetSlowBurn",
        severity="ticket",
        expr=burning(FAILURES, RUNS_BUDGET, SLOW),
        summary=f"{SAYS} burns its error budget slowly",
        description=f"{SHARE} of runs fail, most with {most_often('1d', *OF_PLACE)}. "
        f"Last run: {last_runs(*OF_PLACE)}.{causes(*OF_PLACE)}",
        keep="1h",
        slo="availability",
        of=OF_PLACE,
    ),
    Trouble(
        name="LiveKitAgentSlow",
        severity="ticket",
        expr=burning(MISSES, MISSES_BUDGET, SLOW),
        summary=f"{{{{ $labels.objective }}}} of {SAYS} misses its objective",
        description=f"{SHARE} of runs are over its limit or never came to it. Last run: {last_runs(*OF_PLACE)}.",
        keep="1h",
        slo="objectives",
        of=OF_PLACE,
    ),
)
