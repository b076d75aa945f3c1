"""The answer, what failed, the promise, and the places beside each other."""

from typing import Any

from grafana.generate.looks import (
    ANSWER_WORDS,
    BAD,
    GOOD,
    OUTCOME_WORDS,
    RESULT_WORDS,
    UNKNOWN,
    WARN,
    colour_of,
    steps,
)
from grafana.generate.panels import LAST_FAILURE, TARGET_PAGE, Words, bars, lines, numbers, rows, states
from grafana.generate.queries import (
    LINE,
    Ask,
    age,
    burn,
    ours,
    outcome,
    passed,
    quantile,
    risen,
    standing,
    theirs,
)
from prober.core.metric_schema import FAILURES

_LINE_LEGEND = "{{target}} / {{scenario}} {{location}}"
_ROW_LINK = [
    {
        "title": "The newest failed run",
        "url": "${status_page:raw}/targets/${__data.fields.target}/${__data.fields.scenario}/last-failure",
        "targetBlank": True,
    }
]


def now() -> tuple[Any, ...]:
    """Can a customer talk to an agent?"""
    per_target = "max by (target)"
    return (
        numbers(
            Words(
                title="Can a customer talk to an agent?",
                do="By the last judged run of each scenario, in each location: the worst counts. No: open the target's "
                "page (click), read what failed and its runbook paragraph. Unknown: no run was judged for three "
                "intervals and a timeout: look at the prober, not at the product.",
                asks=(Ask(f"min by (target) ({standing()})", "{{target}}", now=True),),
                empty="Unknown: no prober tells",
                width=8,
                height=5,
                link=("The target's page", TARGET_PAGE),
            ),
            steps(UNKNOWN),
            ANSWER_WORDS,
        ),
        numbers(
            Words(
                title="Failed in a row",
                do="Failed runs since the last one that passed. One may be a hiccup; from 3 on somebody is paged. "
                "Click for the newest failed run: its page has the reason and what to look at next.",
                asks=(Ask(f"{per_target} ({ours('consecutive_failures')})", "{{target}}", now=True),),
                empty="Unknown",
                width=4,
                height=5,
                decimals=0,
                link=("The target's page", TARGET_PAGE),
            ),
            steps(GOOD, (1, WARN), (3, BAD)),
        ),
        numbers(
            Words(
                title="Age of the last judged run",
                do="In intervals of its scenario, the oldest counts. Above 3 nobody knows how the product is: see "
                "whether the prober is scraped, paused, or inconclusive (last section).",
                asks=(Ask(f"{per_target} ({age()} / {ours('target_interval_seconds')})", "{{target}}", now=True),),
                unit="suffix: intervals",
                empty="Unknown",
                width=4,
                height=5,
                decimals=1,
            ),
            steps(GOOD, (2, WARN), (3, BAD)),
        ),
        numbers(
            Words(
                title="Error budget left (30 d)",
                do="What is left of the failures that the SLO allows in 30 days; below 0 the promise is broken. Little "
                "left: put reliability before features. Empty until the recording rules are loaded.",
                asks=(Ask(f"min by (target) (1 - {burn('run_failures', '30d')})", "{{target}}", now=True),),
                unit="percentunit",
                empty="No recording rules?",
                width=4,
                height=5,
                decimals=0,
            ),
            steps(BAD, (0, WARN), (0.25, GOOD)),
        ),
        numbers(
            Words(
                title="Response, median",
                do="From the end of the caller's sentence to the agent's first sound, as a caller hears it. Colours "
                "are for talking at ease: over 1.5 s callers notice, over 2.5 s they talk over the agent. "
                "Then look at where the time goes.",
                asks=(Ask(quantile(0.5, "agent_response_duration_seconds", "target"), "{{target}}", now=True),),
                unit="s",
                empty="No answers in this window",
                width=4,
                height=5,
                decimals=2,
            ),
            steps(GOOD, (1.5, WARN), (2.5, BAD)),
        ),
        rows(
            Words(
                title="Alerts that fire",
                do="What the rules say of these jobs now. Each has its paragraph in the runbook; the alert's own "
                "message holds the reason and the links.",
                asks=(
                    Ask(
                        "sum by (alertname, severity, target, scenario, location) "
                        f"({theirs('ALERTS', 'job', alertstate='firing')})",
                        table=True,
                    ),
                ),
                empty="None",
                width=18,
                height=6,
            ),
            {
                "severity": {"displayName": "Severity", "custom.width": 110},
                "alertname": {"displayName": "Alert"},
                "target": {"displayName": "Target"},
                "scenario": {"displayName": "Scenario"},
                "location": {"displayName": "Location"},
                "Value": None,
            },
        ),
        numbers(
            Words(
                title="In maintenance",
                do="Scenarios that a maintenance window keeps from running: nothing is known of them, and no alert "
                "for their silence fires. More than you planned: see the windows in the configuration.",
                asks=(
                    Ask(f"sum({ours('target_paused')})", "scenarios", now=True),
                    Ask(f"sum({ours('targets', state='paused')})", "whole targets", now=True),
                ),
                empty="Unknown",
                width=6,
                height=6,
                decimals=0,
            ),
            steps(GOOD, (1, "blue")),
        ),
    )


def outcomes() -> tuple[Any, ...]:
    """What failed when, and why."""
    failures = ours("run_failures_total", trigger="scheduled")
    return (
        states(
            Words(
                title="What the last run came to",
                do="Each row is a scenario of a target seen from one location. Several locations at once: the product. "
                "One location: its network, or LiveKit's region. Blue: the prober could not judge. A gap: nobody "
                "looked. Click for the newest failed run.",
                asks=(Ask(outcome(), _LINE_LEGEND),),
                width=24,
                height=9,
                link=("The newest failed run", LAST_FAILURE),
            ),
            OUTCOME_WORDS,
        ),
        bars(
            Words(
                title="Failed runs by reason",
                do="Scheduled runs that failed, in each window. The reason is the first thing that went wrong; its "
                "paragraph in the runbook says what to do. agent_absent is the incident this was built for.",
                asks=(Ask(f"sum by (reason) ({risen(failures)}) > 0", "{{reason}}", windows=True),),
                empty="No failures",
                width=12,
                decimals=0,
                low=0,
            ),
            {reason: colour_of(reason) for reason in FAILURES},
        ),
        lines(
            Words(
                title="Runs that passed, by location",
                do="Share of judged scheduled runs over the window. One line lower than the others: look at that "
                "location before you look at the product.",
                asks=(Ask(passed("target, location"), "{{target}} {{location}}"),),
                unit="percentunit",
                width=12,
                high=1,
            )
        ),
    )


def slo() -> tuple[Any, ...]:
    """Is the promise kept?"""
    misses = ours("objective_misses_total", trigger="scheduled")
    success = ours("last_run_success")
    return (
        lines(
            Words(
                title="Burn rate",
                do="How many times faster than allowed the error budget is spent; at 1 it lasts 30 days. Both windows "
                "over 14.4 (short) or 6 (long): paged. Empty until the recording rules are loaded.",
                asks=(
                    Ask(f"max by (target) ({burn('run_failures', '1h')})", "{{target}} 1 h"),
                    Ask(f"max by (target) ({burn('run_failures', '6h')})", "{{target}} 6 h"),
                ),
                unit="suffix:x",
                empty="No recording rules?",
                low=0,
            ),
            colours=steps("transparent", (6, WARN), (14.4, BAD)),
        ),
        lines(
            Words(
                title="Budgets left, 30 days",
                do="Of failures, and of each objective's misses. Falls with each bad run, rises as old ones leave the "
                "30 days. A step down: an incident. A steady slope: a little is bad all the time; see the reasons.",
                asks=(
                    Ask(f"1 - {burn('run_failures', '30d')}", _LINE_LEGEND),
                    Ask(f"1 - {burn('objective_misses', '30d')}", f"{_LINE_LEGEND} {{{{objective}}}}"),
                ),
                unit="percentunit",
                empty="No recording rules?",
                high=1,
            ),
            colours=steps("transparent", (0, "transparent")),
        ),
        bars(
            Words(
                title="Objectives missed",
                do="Runs that were too slow, or failed and never measured, in each window. Many without failures: the "
                "product works but slowly; see where the time goes.",
                asks=(Ask(f"sum by (objective) ({risen(misses)}) > 0", "{{objective}}", windows=True),),
                empty="No misses",
                decimals=0,
                low=0,
            )
        ),
        lines(
            Words(
                title="Uptime and reachability",
                do="Uptime: time in which at least one location got through. Reachability: share of all runs. Far "
                "apart: only some locations suffer.",
                asks=(
                    Ask(f"avg_over_time((max by (target) ({success}))[$window:1m])", "{{target}} uptime"),
                    Ask(passed("target"), "{{target}} reachability"),
                ),
                unit="percentunit",
                high=1,
            )
        ),
    )


def compare() -> tuple[Any, ...]:
    """Targets and places beside each other."""
    phase = "last_run_phase_duration_seconds"
    asks = (
        f"max by ({LINE}) ({ours('last_run_success')})",
        f"max by ({LINE}, outcome) ({ours('last_run_outcome')} == 1)",
        f"max by ({LINE}) ({ours('consecutive_failures')})",
        f"max by ({LINE}) ({ours(phase, phase='agent_join')})",
        f"max by ({LINE}) ({ours(phase, phase='response')})",
        f"max by ({LINE}) ({ours('last_run_duration_seconds')})",
        f"max by ({LINE}) ({age()})",
        f"max by ({LINE}) (time() - {ours('last_success_timestamp_seconds')})",
    )
    seconds = {"unit": "s", "decimals": 2}
    ago = {"unit": "dtdurations", "decimals": 0}
    coloured = {"type": "color-text"}
    return (
        rows(
            Words(
                title="The last run of each target, scenario and location",
                do="Who fails, and who does not? Same target, other location passes: network or region. Same location, "
                "other target passes: the product. The target's name leads to its newest failed run.",
                asks=tuple(Ask(expr, table=True) for expr in asks),
                width=24,
                height=8,
            ),
            {
                "target": {"displayName": "Target", "links": _ROW_LINK},
                "scenario": {"displayName": "Scenario"},
                "location": {"displayName": "Location"},
                "Value #A": {
                    "displayName": "Last judged",
                    "mappings": [one.to_json() for one in RESULT_WORDS],
                    "custom.cellOptions": coloured,
                },
                "outcome": {"displayName": "Last outcome"},
                "Value #B": None,
                "Value #C": {"displayName": "Failed in a row", "decimals": 0},
                "Value #D": {"displayName": "Join", **seconds},
                "Value #E": {"displayName": "Response", **seconds},
                "Value #F": {"displayName": "Whole run", **seconds},
                "Value #G": {"displayName": "Judged, ago", **ago},
                "Value #H": {"displayName": "Passed, ago", **ago},
            },
        ),
    )
